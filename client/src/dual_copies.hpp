#pragma once

#include <functional>
#include <utility>

#include "intent_journal.hpp"
#include "layer_state.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::detail {

// Whether a write found what it was to change.
inline bool has_written(bool found) { return found; }
inline bool has_written(const IntegratedObject&) { return true; }

// The objects of a company that is in dual mode, in its file and in PostgreSQL; used for one call. Written once for
// both ways to wait.
template <class Way>
class DualCopies {
 public:
  using Run = Runner<Way>;
  using Manager = typename Way::Manager;
  using Transaction = typename Way::Transaction;
  template <class R>
  using Task = typename Run::template Task<R>;
  template <class R>
  using Work = std::function<Task<R>(Transaction&)>;
  using Objects = std::vector<IntegratedObject>;

  DualCopies(LayerState& state, std::string company_id, Manager file, Manager postgres)
      : state_(state), company_(std::move(company_id)), file_(std::move(file)), postgres_(std::move(postgres)) {}

  static Task<Found> find(Transaction& transaction, ObjectKey key) {
    typename Run::Objects objects(transaction);
    auto reading = objects.get_by_original_id(key.original_id, key.object_type, key.platform);
    co_return co_await std::move(reading);
  }
  static Task<bool> remove(Transaction& transaction, ObjectKey key) {
    typename Run::Objects objects(transaction);
    auto removing = objects.remove_by_original_id(key.original_id, key.object_type, key.platform);
    co_return co_await std::move(removing);
  }

  // Runs `change` in the file, with the intent to follow in one transaction, then lets PostgreSQL follow.
  template <class R>
  Task<R> write(ObjectKey key, Work<R> change) {
    Written written;
    const auto work = [&](Transaction& transaction) -> Task<R> {
      auto looking = Journal::last(transaction, company_, key);
      const std::optional<std::int64_t> last = co_await std::move(looking);
      written.first_intent = !last;
      auto reading_before = find(transaction, key);
      written.before = co_await std::move(reading_before);
      auto changing = change(transaction);
      R done = co_await std::move(changing);
      auto reading_after = find(transaction, key);
      written.after = co_await std::move(reading_after);
      if (has_written(done)) {
        auto noting = Journal::note(transaction, company_, key);
        co_await std::move(noting);
      }
      co_return done;
    };
    auto running = Run::in_transaction(file_, work, of_company(company_));
    R result = co_await std::move(running);
    if (has_written(result)) {
      ++state_.sqlite_writes;
      auto following = follow(key, written);
      co_await std::move(following);
    }
    co_return result;
  }

  // What the file gave, compared with what PostgreSQL gives to the same question. `whole` names the question.
  Task<void> compare_read(Objects here, ObjectKey whole, Work<Objects> read) {
    try {
      auto reading = Run::in_transaction(postgres_, read, of_company(company_, true));
      const Objects there = co_await std::move(reading);
      const Comparison comparison(here, there);
      state_.compared += comparison.compared;
      for (const ObjectKey& key : comparison.different) {
        auto comparing = compare_again(key);
        co_await std::move(comparing);
      }
    } catch (const Error& error) {
      state_.tell(company_, whole, {}, error.sqlstate(), error.what());
    }
  }

  // Brings over what intents are left of.
  Task<ReconcileReport> reconcile() {
    const auto look = [this](Transaction& transaction) { return Journal::pending(transaction, company_); };
    auto looking = Run::in_transaction(file_, look, of_company(company_, true));
    const std::vector<ObjectKey> pending = co_await std::move(looking);
    ReconcileReport report;
    for (const ObjectKey& key : pending) {
      ++report.found;
      auto mirroring = mirror(key, nullptr);
      const bool is_conflict = co_await std::move(mirroring);
      ++(is_conflict ? report.conflicts : report.mended);
      if (!is_conflict) ++state_.reconciled;
    }
    co_return report;
  }

 private:
  using Journal = IntentJournal<Way>;

  // What a write to SQLite left for PostgreSQL to follow.
  struct Written {
    Found before;               // the object before the write
    Found after;                // and as it was written
    bool first_intent = false;  // no other write of the object was under way
  };
  // The object as the file has it now, and the last intent of it.
  struct Local {
    Found object;
    std::optional<std::int64_t> intent;
  };

  // Until the transaction ends, nobody else brings this object to PostgreSQL: each does it with SQLite's latest row in
  // hand, so the last one leaves the latest row.
  static Task<Result> lock_object(Transaction& postgres, const ObjectKey& key) {
    std::vector<Value> name;
    name.emplace_back(Json{*postgres.tenant(), key.platform, key.object_type, key.original_id}.dump());
    return Run::ask(postgres,
                    "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('rowhouse.intent.' || $1, 0))",
                    std::move(name));
  }

  Task<Local> read_local(ObjectKey key) {
    const auto read = [&](Transaction& transaction) -> Task<Local> {
      auto looking = Journal::last(transaction, company_, key);
      const std::optional<std::int64_t> intent = co_await std::move(looking);
      auto finding = find(transaction, key);
      Found object = co_await std::move(finding);
      Local local{std::move(object), intent};
      co_return local;
    };
    auto reading = Run::in_transaction(file_, read, of_company(company_, true));
    co_return co_await std::move(reading);
  }

  Task<void> follow(ObjectKey key, const Written& written) {
    try {
      auto mirroring = mirror(key, &written);
      const bool is_conflict = co_await std::move(mirroring);
      if (!is_conflict) ++state_.postgres_writes;
    } catch (const Error& error) {
      ++state_.refused;
      state_.tell(company_, key, {}, error.sqlstate(), error.what());
    } catch (...) {
      ++state_.refused;
      throw;
    }
  }

  // PostgreSQL can only be compared with the write before this one, and only if that had come to its end and no other
  // call has brought this one over already.
  static bool is_comparable(const Written& written, const Found& here, const Found& there) {
    return written.first_intent && written.before && there && here.has_value() == written.after.has_value() &&
           (!here || (here->updated_at == written.after->updated_at && there->updated_at < here->updated_at));
  }

  // Makes PostgreSQL's object what SQLite's is, and takes back the intents that led here. True: PostgreSQL's is the
  // newer one, and is left alone.
  Task<bool> mirror(ObjectKey key, const Written* written) {
    Local local;
    std::vector<std::string> differed;
    const auto work = [&](Transaction& transaction) -> Task<bool> {
      differed.clear();
      auto locking = lock_object(transaction, key);
      co_await std::move(locking);
      auto reading = read_local(key);
      local = co_await std::move(reading);
      auto finding = find(transaction, key);
      const Found there = co_await std::move(finding);
      const Found& here = local.object;
      if (written != nullptr && is_comparable(*written, here, there)) {
        ++state_.compared;
        differed = differing_columns(written->before, there);
      }
      if (here && there && there->updated_at > here->updated_at) co_return true;
      if (here) {
        typename Run::template Rows<IntegratedObject> rows(transaction, integrated_objects());
        auto restoring = rows.restore(*here);
        co_await std::move(restoring);
      } else if (there) {
        auto removing = remove(transaction, key);
        co_await std::move(removing);
      }
      co_return false;
    };
    auto running = Run::in_transaction(postgres_, work, of_company(company_));
    const bool is_conflict = co_await std::move(running);
    if (local.intent) {
      const auto clear = [&](Transaction& transaction) {
        return Journal::clear(transaction, company_, key, *local.intent);
      };
      auto clearing = Run::in_transaction(file_, clear, of_company(company_));
      co_await std::move(clearing);
    }
    if (is_conflict)
      tell_different(key, {"updated_at"}, "PostgreSQL has a newer row than SQLite, which is left alone");
    else
      tell_different(key, std::move(differed), "the row differed between SQLite and PostgreSQL");
    co_return is_conflict;
  }

  // Told only if it is still so when nobody else is at it.
  Task<void> compare_again(ObjectKey key) {
    const auto work = [&](Transaction& transaction) -> Task<std::vector<std::string>> {
      auto locking = lock_object(transaction, key);
      co_await std::move(locking);
      auto reading = read_local(key);
      const Local local = co_await std::move(reading);
      std::vector<std::string> columns;
      if (local.intent) co_return columns;
      auto finding = find(transaction, key);
      const Found there = co_await std::move(finding);
      columns = differing_columns(local.object, there);
      co_return columns;
    };
    auto running = Run::in_transaction(postgres_, work, of_company(company_));
    std::vector<std::string> columns = co_await std::move(running);
    tell_different(key, std::move(columns), "the row differs between SQLite and PostgreSQL");
  }

  void tell_different(const ObjectKey& key, std::vector<std::string> columns, const char* message) {
    if (columns.empty()) return;
    ++state_.different;
    state_.tell(company_, key, std::move(columns), std::nullopt, message);
  }

  LayerState& state_;
  const std::string company_;
  const Manager file_;
  const Manager postgres_;
};

}  // namespace rowhouse::detail
