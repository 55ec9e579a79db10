#include "rowhouse/migration_layer.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "intent_journal.hpp"
#include "rowhouse/error.hpp"
#include "rowhouse/repository.hpp"
#include "rowhouse/store.hpp"

namespace rowhouse {
namespace {

using detail::ObjectKey;
using Found = std::optional<IntegratedObject>;

ObjectKey key_of(const IntegratedObjectData& data) { return {data.original_id, data.object_type, data.platform}; }

// Times are left out: copies made by a migration of an old file may not have them to the microsecond.
std::vector<std::string> differing_columns(const Found& here, const Found& there) {
  if (!here && !there) return {};
  if (!here || !there) return {"the whole row"};
  std::vector<std::string> columns;
  const auto compare = [&](const char* name, const auto& left, const auto& right) {
    if (left != right) columns.emplace_back(name);
  };
  compare("original_data", here->original_data, there->original_data);
  compare("integrated_content", here->integrated_content, there->integrated_content);
  compare("summary", here->summary, there->summary);
  compare("metadata", here->metadata, there->metadata);
  return columns;
}

Found find(Transaction& transaction, const ObjectKey& key) {
  return IntegratedObjectRepository(transaction).get_by_original_id(key.original_id, key.object_type, key.platform);
}

bool update_summary(Transaction& transaction, const ObjectKey& key, std::string_view summary) {
  const Found object = find(transaction, key);
  return object && IntegratedObjectRepository(transaction).update_summary(object->id, summary);
}

bool remove(Transaction& transaction, const ObjectKey& key) {
  return IntegratedObjectRepository(transaction).remove_by_original_id(key.original_id, key.object_type, key.platform);
}

RetryOptions of_company(std::string_view company_id, bool read_only = false) {
  RetryOptions options;
  options.transaction.tenant = std::string(company_id);
  options.transaction.read_only = read_only;
  return options;
}

// Until the transaction ends, nobody else brings this object to PostgreSQL: each does it with SQLite's latest row in
// hand, so the last one leaves the latest row.
void lock_object(Transaction& postgres, const ObjectKey& key) {
  postgres.execute("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('rowhouse.intent.' || $1, 0))",
                   {Json{*postgres.tenant(), key.platform, key.object_type, key.original_id}.dump()});
}

// What a write to SQLite left for PostgreSQL to follow.
struct Written {
  Found before;               // the object before the write
  Found after;                // and as it was written
  bool first_intent = false;  // no other write of the object was under way
};

// Whether a write found what it was to change.
bool has_written(bool found) { return found; }
bool has_written(const IntegratedObject&) { return true; }

enum class Mirrored { kSame, kBroughtOver, kConflict };

}  // namespace

struct MigrationLayer::Impl {
  Impl(SqliteUrl the_sqlite_url, DatabaseManager the_postgres, MigrationMode mode, DatabaseOptions options)
      : sqlite_url(std::move(the_sqlite_url)),
        postgres(std::move(the_postgres)),
        sqlite_options(std::move(options)),
        default_mode(mode) {}

  // Opened for each call: a pool kept for each of thousands of files would run out of file descriptors.
  DatabaseManager sqlite(std::string_view company_id) const {
    return DatabaseManager(sqlite_url(company_id), sqlite_options);
  }

  MigrationMode mode(std::string_view company_id) const {
    const std::shared_lock lock(mode_mutex);
    const auto at = modes.find(company_id);
    return at == modes.end() ? default_mode : at->second;
  }

  // `write(Transaction&)` where the company's mode says; what it returns in the database that counts.
  template <class Write>
  auto write(std::string_view company_id, const ObjectKey& key, Write&& write) {
    const MigrationMode now = mode(company_id);
    if (now == MigrationMode::kPostgres) {
      auto result = postgres.run_in_transaction(write, of_company(company_id));
      postgres_writes += has_written(result) ? 1 : 0;
      return result;
    }
    DatabaseManager file = sqlite(company_id);
    if (now == MigrationMode::kSqlite) {
      auto result = file.run_in_transaction(write, of_company(company_id));
      sqlite_writes += has_written(result) ? 1 : 0;
      return result;
    }
    Written written;
    auto result = file.run_in_transaction(
        [&](Transaction& transaction) {
          written.first_intent = !detail::last_intent(transaction, company_id, key);
          written.before = find(transaction, key);
          auto done = write(transaction);
          written.after = find(transaction, key);
          if (has_written(done)) detail::note_intent(transaction, company_id, key);
          return done;
        },
        of_company(company_id));
    if (!has_written(result)) return result;
    ++sqlite_writes;
    follow(file, company_id, key, written);
    return result;
  }

  void follow(DatabaseManager& file, std::string_view company_id, const ObjectKey& key, const Written& written) {
    try {
      if (mirror(file, company_id, key, &written) != Mirrored::kConflict) ++postgres_writes;
    } catch (const Error& error) {
      ++refused;
      tell(company_id, key, {}, error.sqlstate(), error.what());
    }
  }

  // Makes PostgreSQL's object what SQLite's is, and takes back the intents that led here.
  Mirrored mirror(DatabaseManager& file, std::string_view company_id, const ObjectKey& key,
                  const Written* written = nullptr) {
    std::optional<std::int64_t> last;
    std::vector<std::string> differed;
    const Mirrored result = postgres.run_in_transaction(
        [&](Transaction& transaction) {
          lock_object(transaction, key);
          differed.clear();
          Found here;
          file.run_in_transaction(
              [&](Transaction& local) {
                last = detail::last_intent(local, company_id, key);
                here = find(local, key);
              },
              of_company(company_id, true));
          const Found there = find(transaction, key);
          // PostgreSQL can only be compared with the write before this one, and only if that had come to its end and no
          // other call has brought this one over already.
          const bool comparable =
              written != nullptr && written->first_intent && written->before && there &&
              here.has_value() == written->after.has_value() &&
              (!here || (here->updated_at == written->after->updated_at && there->updated_at < here->updated_at));
          if (comparable) {
            ++compared;
            differed = differing_columns(written->before, there);
          }
          if (here && there && there->updated_at > here->updated_at) return Mirrored::kConflict;
          if (here)
            TableRepository<IntegratedObject>(transaction, integrated_objects()).restore(*here);
          else if (there)
            rowhouse::remove(transaction, key);
          return differing_columns(here, there).empty() ? Mirrored::kSame : Mirrored::kBroughtOver;
        },
        of_company(company_id));
    if (last) {
      file.run_in_transaction(
          [&](Transaction& transaction) { detail::clear_intents(transaction, company_id, key, *last); },
          of_company(company_id));
    }
    if (result == Mirrored::kConflict) {
      ++different;
      tell(company_id, key, {"updated_at"}, std::nullopt,
           "PostgreSQL has a newer row than SQLite, which is left alone");
    } else if (!differed.empty()) {
      ++different;
      tell(company_id, key, std::move(differed), std::nullopt, "the row differed between SQLite and PostgreSQL");
    }
    return result;
  }

  // Told only if it is still so when nobody else is at it.
  void compare_again(DatabaseManager& file, std::string_view company_id, const ObjectKey& key) {
    const std::vector<std::string> columns = postgres.run_in_transaction(
        [&](Transaction& transaction) {
          lock_object(transaction, key);
          Found here;
          bool pending = false;
          file.run_in_transaction(
              [&](Transaction& local) {
                pending = detail::last_intent(local, company_id, key).has_value();
                here = find(local, key);
              },
              of_company(company_id, true));
          return pending ? std::vector<std::string>() : differing_columns(here, find(transaction, key));
        },
        of_company(company_id));
    if (columns.empty()) return;
    ++different;
    tell(company_id, key, columns, std::nullopt, "the row differs between SQLite and PostgreSQL");
  }

  // What SQLite gave, compared with what PostgreSQL gives for the same question.
  template <class Read>
  void compare_read(DatabaseManager& file, std::string_view company_id, const std::vector<IntegratedObject>& here,
                    const ObjectKey& whole, Read&& read) {
    try {
      std::map<std::vector<std::string>, const IntegratedObject*> left;
      const auto key_text = [](const IntegratedObject& object) {
        return std::vector<std::string>{object.original_id, object.object_type, object.platform};
      };
      for (const IntegratedObject& object : here) left.emplace(key_text(object), &object);
      const std::vector<IntegratedObject> there = postgres.run_in_transaction(read, of_company(company_id, true));
      std::vector<ObjectKey> suspects;
      for (const IntegratedObject& object : there) {
        ++compared;
        const auto same = left.find(key_text(object));
        if (same == left.end()) {
          suspects.push_back(key_of(object));
          continue;
        }
        if (!differing_columns(*same->second, object).empty()) suspects.push_back(key_of(object));
        left.erase(same);
      }
      for (const auto& [key, object] : left) {
        ++compared;
        suspects.push_back(key_of(*object));
      }
      for (const ObjectKey& key : suspects) compare_again(file, company_id, key);
    } catch (const Error& error) {
      tell(company_id, whole, {}, error.sqlstate(), error.what());
    }
  }

  void tell(std::string_view company_id, const ObjectKey& key, std::vector<std::string> columns,
            std::optional<std::string> sqlstate, std::string message) {
    DifferenceHandler handler;
    {
      const std::shared_lock lock(mode_mutex);
      handler = on_difference;
    }
    if (handler) {
      handler({std::string(company_id), key.platform, key.object_type, key.original_id, std::move(columns),
               std::move(sqlstate), std::move(message)});
    }
  }

  const SqliteUrl sqlite_url;
  DatabaseManager postgres;
  const DatabaseOptions sqlite_options;

  mutable std::shared_mutex mode_mutex;  // guards the next three
  MigrationMode default_mode;
  std::map<std::string, MigrationMode, std::less<>> modes;
  DifferenceHandler on_difference;

  std::atomic<std::uint64_t> sqlite_writes{0}, postgres_writes{0}, compared{0}, different{0}, refused{0}, reconciled{0};
};

MigrationLayer::MigrationLayer(SqliteUrl sqlite_url, DatabaseManager postgres, MigrationMode mode,
                               DatabaseOptions sqlite_options)
    : impl_(std::make_unique<Impl>(std::move(sqlite_url), std::move(postgres), mode, std::move(sqlite_options))) {}
MigrationLayer::MigrationLayer(MigrationLayer&&) noexcept = default;
MigrationLayer::~MigrationLayer() = default;

MigrationMode MigrationLayer::mode(std::string_view company_id) const { return impl_->mode(company_id); }

void MigrationLayer::set_mode(MigrationMode mode) {
  const std::lock_guard lock(impl_->mode_mutex);
  impl_->default_mode = mode;
}

void MigrationLayer::set_mode(std::string_view company_id, MigrationMode mode) {
  const std::lock_guard lock(impl_->mode_mutex);
  impl_->modes.insert_or_assign(std::string(company_id), mode);
}

void MigrationLayer::on_difference(DifferenceHandler handler) {
  const std::lock_guard lock(impl_->mode_mutex);
  impl_->on_difference = std::move(handler);
}

IntegratedObject MigrationLayer::store_integrated_object(const Json& object, std::string_view company_id,
                                                         std::string_view platform) {
  const IntegratedObjectData data = to_integrated_object(object, company_id, platform);
  return impl_->write(company_id, key_of(data),
                      [&](Transaction& transaction) { return IntegratedObjectRepository(transaction).upsert(data); });
}

std::vector<IntegratedObject> MigrationLayer::get_by_company(std::string_view company_id,
                                                             std::optional<std::string_view> object_type) {
  const auto read = [&](Transaction& transaction) {
    return IntegratedObjectRepository(transaction).get_by_company(company_id, object_type);
  };
  const MigrationMode now = mode(company_id);
  if (now == MigrationMode::kPostgres) return impl_->postgres.run_in_transaction(read, of_company(company_id, true));
  DatabaseManager file = impl_->sqlite(company_id);
  auto objects = file.run_in_transaction(read, of_company(company_id, true));
  if (now == MigrationMode::kDual) {
    impl_->compare_read(file, company_id, objects, {"", std::string(object_type.value_or("")), ""}, read);
  }
  return objects;
}

std::optional<IntegratedObject> MigrationLayer::get_by_original_id(std::string_view company_id,
                                                                   std::string_view original_id,
                                                                   std::string_view object_type,
                                                                   std::string_view platform) {
  const ObjectKey key{std::string(original_id), std::string(object_type), std::string(platform)};
  const auto read = [&](Transaction& transaction) {
    const Found object = find(transaction, key);
    return object ? std::vector<IntegratedObject>{*object} : std::vector<IntegratedObject>();
  };
  const MigrationMode now = mode(company_id);
  DatabaseManager manager = now == MigrationMode::kPostgres ? impl_->postgres : impl_->sqlite(company_id);
  const std::vector<IntegratedObject> objects = manager.run_in_transaction(read, of_company(company_id, true));
  if (now == MigrationMode::kDual) impl_->compare_read(manager, company_id, objects, key, read);
  return objects.empty() ? Found() : objects.front();
}

bool MigrationLayer::update_summary(std::string_view company_id, std::string_view original_id, std::string_view summary,
                                    std::string_view object_type, std::string_view platform) {
  const ObjectKey key{std::string(original_id), std::string(object_type), std::string(platform)};
  return impl_->write(company_id, key,
                      [&](Transaction& transaction) { return rowhouse::update_summary(transaction, key, summary); });
}

bool MigrationLayer::remove(std::string_view company_id, std::string_view original_id, std::string_view object_type,
                            std::string_view platform) {
  const ObjectKey key{std::string(original_id), std::string(object_type), std::string(platform)};
  return impl_->write(company_id, key, [&](Transaction& transaction) { return rowhouse::remove(transaction, key); });
}

ReconcileReport MigrationLayer::reconcile(std::string_view company_id) {
  DatabaseManager file = impl_->sqlite(company_id);
  const std::vector<ObjectKey> pending = file.run_in_transaction(
      [&](Transaction& transaction) { return detail::pending_objects(transaction, company_id); },
      of_company(company_id, true));
  ReconcileReport report;
  for (const ObjectKey& key : pending) {
    ++report.found;
    if (impl_->mirror(file, company_id, key) == Mirrored::kConflict) {
      ++report.conflicts;
    } else {
      ++report.mended;
      ++impl_->reconciled;
    }
  }
  return report;
}

MigrationCounters MigrationLayer::counters() const noexcept {
  return {impl_->sqlite_writes, impl_->postgres_writes, impl_->compared,
          impl_->different,     impl_->refused,         impl_->reconciled};
}

std::string_view to_string(MigrationMode mode) noexcept {
  switch (mode) {
    case MigrationMode::kSqlite:
      return "sqlite";
    case MigrationMode::kDual:
      return "dual";
    case MigrationMode::kPostgres:
      return "postgres";
  }
  return "sqlite";
}

MigrationMode parse_migration_mode(std::string_view text) {
  for (const MigrationMode mode : {MigrationMode::kSqlite, MigrationMode::kDual, MigrationMode::kPostgres}) {
    if (text == to_string(mode)) return mode;
  }
  throw ConfigurationError("unknown migration mode", "It is one of sqlite, dual and postgres.");
}

}  // namespace rowhouse
