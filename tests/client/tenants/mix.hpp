// What tasks do to the tenants' rows, again and again: all that the library can, cut off, stopped and taken back in the
// middle, and attempts to reach another tenant's.
#pragma once

#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>

#include "../ways.hpp"
#include "ledger.hpp"

namespace tenants {

using asio::awaitable;
using rowhouse::Error;
using rowhouse::IntegratedObject;
using rowhouse::IntegratedObjectData;
using rowhouse::Value;

// g++ 12 destroys temporaries of a co_await twice: whatever has a destructor has a name here.
template <class Way>
class Mix {
 public:
  using Manager = typename Way::Manager;
  using Parameters = typename Way::Parameters;
  using Repository = typename Way::Repository;
  using Session = typename Way::Session;
  using Transaction = typename Way::Transaction;

  // `clock`: where requests to stop come from.
  Mix(Manager manager, Ledger& ledger, asio::any_io_executor clock)
      : manager_(std::move(manager)), ledger_(ledger), clock_(std::move(clock)) {}

  // Operations, until none is left.
  awaitable<void> work(std::uint64_t seed, std::atomic<std::int64_t>& left) {
    Random random(seed);
    while (left.fetch_sub(1) > 0) {
      const Operation& operation = any(random);
      Tenant& tenant = ledger_.any(random);
      std::string outcome = operation.name;
      try {
        const bool done = co_await (this->*operation.run)(tenant, random);
        if (!done) outcome += ", stopped";
      } catch (const std::exception& error) {
        ledger_.surprise(outcome + ": " + error.what());
      }
      ledger_.count(outcome);
    }
  }

 private:
  struct Operation {
    const char* name;
    unsigned weight;
    awaitable<bool> (Mix::*run)(Tenant&, Random&);  // false: it was stopped, as it may be
  };
  struct Enough {};  // thrown by who has read enough

  static const Operation& any(Random& random) {
    static constexpr Operation kOperations[] = {
        {"create", 20, &Mix::create},
        {"get_by_company", 20, &Mix::read},
        {"update_summary", 16, &Mix::summarize},
        {"upsert_many", 3, &Mix::batch},
        {"for_each, left early", 5, &Mix::leave_stream},
        {"statement, left early", 2, &Mix::leave_statement},
        {"transaction, rolled back", 6, &Mix::roll_back},
        {"transaction, dropped", 4, &Mix::drop},
        {"savepoint, undone", 3, &Mix::undo_savepoint},
        {"statement, stopped", 2, &Mix::stop_statement},
        {"transaction, stopped at times", 3, &Mix::stop_transaction},
        {"statement over its time", 2, &Mix::time_out},
        {"transaction over its time at times", 2, &Mix::time_out_transaction},
        {"another tenant's row", 8, &Mix::reach},
        {"another tenant's row by SQL", 2, &Mix::reach_by_sql},
        {"another tenant, set for the session", 1, &Mix::leave_setting},
        {"nobody", 1, &Mix::nobody},
    };
    static constexpr unsigned kSum = [] {
      unsigned sum = 0;
      for (const Operation& each : kOperations) sum += each.weight;
      return sum;
    }();
    unsigned at = random() % kSum;
    for (const Operation& each : kOperations) {
      if (at < each.weight) return each;
      at -= each.weight;
    }
    return kOperations[0];
  }

  static Parameters one(const std::string& text) { return std::vector<Value>{Value(text)}; }

  awaitable<Session> session(const Tenant& tenant) {
    return Way::answer([&] { return manager_.session(tenant.name); });
  }
  static awaitable<Transaction> begin(Session& session, const rowhouse::TransactionOptions& options = {}) {
    return Way::answer([&] { return session.begin(options); });
  }
  // The SQLSTATE that the call ends with.
  template <class Call>
  static awaitable<std::string> state_of(Call call) {
    try {
      co_await Way::answer(call);
      co_return "00000";
    } catch (const Error& error) {
      co_return error.sqlstate();
    }
  }
  static awaitable<std::int64_t> number(Session& session, std::string_view sql, const Parameters& parameters) {
    const rowhouse::Result result = co_await Way::answer([&] { return session.execute(sql, parameters); });
    co_return result.one().template get<std::int64_t>(0);
  }

  awaitable<IntegratedObject> create_marked(Repository& rows, Tenant& tenant) {
    const IntegratedObjectData data = marked(tenant);
    const IntegratedObject made = co_await Way::answer([&] { return rows.create(data); });
    look(tenant, made);
    co_return made;
  }

  void look(const Tenant& tenant, const IntegratedObject& row) {
    ++ledger_.rows_read;
    if (!is_of(tenant, row)) ++ledger_.strangers;
  }
  // A token on which somebody asks to stop within `most`.
  std::stop_token stop_within(std::chrono::microseconds most, Random& random) {
    std::stop_source source;
    const std::chrono::microseconds delay(random() % static_cast<std::uint64_t>(most.count()));
    const auto timer = std::make_shared<asio::steady_timer>(clock_, delay);
    timer->async_wait([timer, source](asio::error_code) mutable { source.request_stop(); });
    return source.get_token();
  }

  awaitable<bool> create(Tenant& tenant, Random&) {
    Session session = co_await this->session(tenant);
    Repository rows(session);
    const IntegratedObject made = co_await create_marked(rows, tenant);
    tenant.row = made.id;
    ++tenant.rows;
    co_return true;
  }

  // What was acknowledged before is there.
  awaitable<bool> read(Tenant& tenant, Random&) {
    Session session = co_await this->session(tenant);
    Repository rows(session);
    const std::uint64_t least = tenant.rows;
    const std::vector<IntegratedObject> all = co_await Way::answer([&] { return rows.get_by_company(tenant.name); });
    for (const IntegratedObject& row : all) look(tenant, row);
    ledger_.expect(all.size() >= least, "rows are missing");
    co_return true;
  }

  awaitable<bool> summarize(Tenant& tenant, Random& random) {
    Session session = co_await this->session(tenant);
    Repository rows(session);
    const std::int64_t row = tenant.row;
    const std::string summary = tenant.name + '/' + std::to_string(random() % 1000);
    const bool changed = co_await Way::answer([&] { return rows.update_summary(row, summary); });
    ledger_.expect(changed == (row != 0), "a row was not updated");
    co_return true;
  }

  awaitable<bool> batch(Tenant& tenant, Random&) {
    Session session = co_await this->session(tenant);
    Repository rows(session);
    std::vector<IntegratedObjectData> many;
    for (int i = 0; i < 10; ++i) many.push_back(marked(tenant));
    const std::size_t written = co_await Way::answer([&] { return rows.upsert_many(many); });
    ledger_.expect(written == many.size(), "a batch was not written");
    tenant.rows += written;
    co_return true;
  }

  awaitable<bool> leave_stream(Tenant& tenant, Random& random) {
    Session session = co_await this->session(tenant);
    Repository rows(session);
    std::uint64_t left = 1 + random() % 5;
    const std::function<bool(const IntegratedObject&)> take = [&](const IntegratedObject& row) {
      look(tenant, row);
      return --left > 0;
    };
    co_await Way::answer([&] { return rows.for_each(take); });
    co_return true;
  }

  // The server is still sending when the reader has enough; the connection is used further.
  awaitable<bool> leave_statement(Tenant& tenant, Random& random) {
    Session session = co_await this->session(tenant);
    std::uint64_t left = 1 + random() % 50;
    bool thrown = false;
    const rowhouse::RowSink take = [&](const rowhouse::Row& row) {
      if (row.get<std::string>(0) != tenant.name || row.get<std::string>(1) != tenant.name) ++ledger_.strangers;
      if (--left == 0) throw Enough();
    };
    const Parameters none;
    try {
      co_await Way::answer([&] {
        return session.for_each(
            "SELECT company_id, original_data ->> 'tenant' FROM integrated_objects, "
            "generate_series(1, 500)",
            none, take);
      });
    } catch (const Enough&) {
      thrown = true;
    }
    ledger_.expect(thrown == (left == 0), "a reader's exception was lost");
    const std::string state = co_await state_of([&] { return session.execute("SELECT 1", none); });
    ledger_.expect_state(state, "00000", "a connection is of no use after a stream that was left");
    co_return true;
  }

  awaitable<bool> roll_back(Tenant& tenant, Random&) {
    Session session = co_await this->session(tenant);
    Transaction transaction = co_await begin(session);
    Repository rows(transaction);
    const IntegratedObject made = co_await create_marked(rows, tenant);
    co_await Way::answer([&] { return transaction.rollback(); });
    const std::string id = made.original_id;
    Repository later(session);
    const auto found = co_await Way::answer([&] { return later.get_by_original_id(id); });
    ledger_.expect(!found, "a row that was rolled back is there");
    co_return true;
  }

  // Left open: the library rolls back before the connection is lent again.
  awaitable<bool> drop(Tenant& tenant, Random&) {
    Session session = co_await this->session(tenant);
    Transaction transaction = co_await begin(session);
    Repository rows(transaction);
    const IntegratedObject made = co_await create_marked(rows, tenant);
    co_return true;
  }

  awaitable<bool> undo_savepoint(Tenant& tenant, Random&) {
    Session session = co_await this->session(tenant);
    Transaction transaction = co_await begin(session);
    Repository rows(transaction);
    const IntegratedObjectData kept = marked(tenant), undone = marked(tenant);
    const IntegratedObject made = co_await Way::answer([&] { return rows.create(kept); });
    {
      Transaction savepoint = co_await Way::answer([&] { return transaction.nested(); });
      const IntegratedObject gone = co_await Way::answer([&] { return rows.create(undone); });
      look(tenant, gone);
    }
    co_await Way::answer([&] { return transaction.commit(); });
    look(tenant, made);
    ++tenant.rows;
    co_return true;
  }

  awaitable<bool> stop_statement(Tenant& tenant, Random& random) {
    Session session = co_await this->session(tenant);
    rowhouse::CallOptions options;
    options.stop = stop_within(std::chrono::milliseconds(3), random);
    const Parameters none;
    const std::string state = co_await state_of([&] { return session.execute("SELECT pg_sleep(60)", none, options); });
    ledger_.expect_state(state, "57014", "a statement was not stopped");
    const std::string after = co_await state_of([&] { return session.execute("SELECT 1", none); });
    ledger_.expect_state(after, "00000", "a request to stop hit another statement");
    co_return true;
  }

  awaitable<bool> stop_transaction(Tenant& tenant, Random& random) {
    rowhouse::TransactionOptions options;
    options.stop = stop_within(std::chrono::milliseconds(4), random);
    return write_within(tenant, options);
  }

  awaitable<bool> time_out(Tenant& tenant, Random& random) {
    Session session = co_await this->session(tenant);
    rowhouse::CallOptions options;
    (random() % 2 == 0 ? options.call_timeout : options.statement_timeout) = std::chrono::milliseconds(2);
    const Parameters none;
    const std::string state = co_await state_of([&] { return session.execute("SELECT pg_sleep(60)", none, options); });
    ledger_.expect_state(state, "57014", "a statement took longer than it may");
    co_return true;
  }

  awaitable<bool> time_out_transaction(Tenant& tenant, Random&) {
    rowhouse::TransactionOptions options;
    options.call_timeout = std::chrono::milliseconds(1);
    return write_within(tenant, options);
  }

  // Both rows or none, whatever stops it.
  awaitable<bool> write_within(Tenant& tenant, rowhouse::TransactionOptions options) {
    Session session = co_await this->session(tenant);
    std::string state;
    bool in_doubt = false;
    try {
      Transaction transaction = co_await begin(session, options);
      Repository rows(transaction);
      for (int i = 0; i < 2; ++i) {
        const IntegratedObject made = co_await create_marked(rows, tenant);
      }
      co_await Way::answer([&] { return transaction.commit(); });
      tenant.rows += 2;
      co_return true;
    } catch (const Error& error) {
      state = error.sqlstate();
      in_doubt = error.in_doubt();
    }
    if (in_doubt) ledger_.rows_in_doubt += 2;
    ledger_.expect(state == "57014" || state == "08006" || in_doubt, "a stopped transaction has another error");
    co_return false;
  }

  awaitable<bool> reach(Tenant& tenant, Random& random) {
    Tenant& other = ledger_.any(random);
    if (&other == &tenant || other.row == 0) co_return false;
    Session session = co_await this->session(tenant);
    Repository rows(session);
    const std::int64_t row = other.row;
    const auto found = co_await Way::answer([&] { return rows.get(row); });
    const auto all = co_await Way::answer([&] { return rows.get_by_company(other.name); });
    if (found || !all.empty()) ++ledger_.strangers;
    const bool changed = co_await Way::answer([&] { return rows.update_summary(row, "stolen"); });
    const bool removed = co_await Way::answer([&] { return rows.remove(row); });
    const IntegratedObjectData data = marked(other);
    const std::string state = co_await state_of([&] { return rows.create(data); });
    ledger_.expect(!changed && !removed && state == "42501", "another tenant's row was written");
    co_return true;
  }

  awaitable<bool> reach_by_sql(Tenant& tenant, Random& random) {
    Tenant& other = ledger_.any(random);
    if (&other == &tenant) co_return false;
    Session session = co_await this->session(tenant);
    const Parameters own = one(tenant.name), theirs = one(other.name);
    const auto read = co_await number(session, "SELECT count(*) FROM integrated_objects WHERE company_id <> $1", own);
    const auto changed = co_await number(
        session,
        "WITH u AS (UPDATE integrated_objects SET summary = 'stolen' WHERE company_id = $1 RETURNING 1) "
        "SELECT count(*) FROM u",
        theirs);
    ledger_.strangers += static_cast<std::uint64_t>(read + changed);
    const std::string state = co_await state_of([&] {
      return session.execute("INSERT INTO integrated_objects (original_id, company_id) VALUES ('stolen', $1)", theirs);
    });
    ledger_.expect_state(state, "42501", "a row of another tenant was inserted");
    co_return true;
  }

  // By the caller's own statement, for longer than a transaction: it ends with the loan.
  awaitable<bool> leave_setting(Tenant& tenant, Random&) {
    Session session = co_await Way::answer([&] { return manager_.session(); });
    const Parameters own = one(tenant.name);
    co_await Way::answer([&] { return session.execute("SELECT rowhouse.set_tenant($1, false)", own); });
    const auto strange =
        co_await number(session, "SELECT count(*) FROM integrated_objects WHERE company_id <> $1", own);
    ledger_.strangers += static_cast<std::uint64_t>(strange);
    co_return true;
  }

  awaitable<bool> nobody(Tenant&, Random&) {
    Session session = co_await Way::answer([&] { return manager_.session(); });
    const Parameters none;
    const auto strange = co_await number(
        session, "SELECT count(*) + (rowhouse.current_tenant() IS NOT NULL)::int FROM integrated_objects", none);
    ledger_.strangers += static_cast<std::uint64_t>(strange);
    co_return true;
  }

  Manager manager_;
  Ledger& ledger_;
  const asio::any_io_executor clock_;
};

}  // namespace tenants
