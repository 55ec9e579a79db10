// A loop of one thread, on both databases, for what differs between the asynchronous library and the blocking one. What
// they have in common is the conformance suite's.
#pragma once

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <chrono>
#include <thread>

#include "rowhouse/async/database_manager.hpp"
#include "rowhouse/async/repository.hpp"
#include "test_databases.hpp"

using namespace std::chrono_literals;
using asio::awaitable;
using rowhouse::DatabaseOptions;
using rowhouse::Error;
using rowhouse::Value;
using rowhouse::async::DatabaseManager;
using rowhouse::async::IntegratedObjectRepository;
using rowhouse::async::Session;
using rowhouse::async::Transaction;
using Clock = std::chrono::steady_clock;

inline rowhouse::IntegratedObjectData object(const std::string& tenant, const std::string& id) {
  rowhouse::IntegratedObjectData data;
  data.original_id = id;
  data.company_id = tenant;
  return data;
}

inline awaitable<void> pause(std::chrono::milliseconds duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(asio::use_awaitable);
}

// Options by functions: g++ 12 destroys what is written in braces within a co_await twice.
inline rowhouse::CallOptions stopped_by(std::stop_token stop) {
  rowhouse::CallOptions options;
  options.stop = std::move(stop);
  return options;
}
inline rowhouse::CallOptions within(std::chrono::milliseconds call, std::chrono::milliseconds statement = 0ms) {
  rowhouse::CallOptions options;
  options.call_timeout = call;
  options.statement_timeout = statement;
  return options;
}
inline rowhouse::RetryOptions for_tenant(const std::string& tenant, std::stop_token stop = {}) {
  rowhouse::RetryOptions options;
  options.transaction.tenant = tenant;
  options.transaction.stop = std::move(stop);
  options.max_attempts = 100;
  options.first_delay = 1ms;
  options.max_delay = 50ms;
  return options;
}

// The SQLSTATE that the awaitable fails with; empty when it does not.
template <class R>
awaitable<std::string> sqlstate_of(awaitable<R> call) {
  try {
    co_await std::move(call);
    co_return "";
  } catch (const Error& error) {
    co_return error.sqlstate();
  }
}

class AsyncTest : public BothDatabases {
 protected:
  void SetUp() override {
    BothDatabases::SetUp();
    if (IsSkipped()) return;
    for (int i = 0; i < kTenants; ++i) {
      if (on_postgres()) rowhouse::SchemaManager(owner()).create_tenant(tenant(i));
    }
  }
  static constexpr int kTenants = 5;
  static std::string tenant(int number) { return "tenant-" + std::to_string(number % kTenants); }

  DatabaseManager connect(DatabaseOptions options = {}) {
    return DatabaseManager(loop.get_executor(), manager().url(), options);
  }
  // To its end, on one thread.
  template <class Body>
  void run(Body body) {
    auto done = asio::co_spawn(loop, std::move(body), asio::use_future);
    loop.restart();
    loop.run();
    done.get();
  }
  // How a call ends that is cancelled after a while: with an SQLSTATE, with "aborted", which is Asio's, or with
  // nothing.
  template <class Call>
  std::string cancelled(Call call, std::chrono::milliseconds after = 300ms) {
    asio::cancellation_signal signal;
    asio::steady_timer timer(loop, after);
    timer.async_wait([&](asio::error_code) { signal.emit(asio::cancellation_type::terminal); });
    return ended(std::move(call), signal);
  }
  // The same, cancelled by whoever emits.
  template <class Call>
  std::string ended(Call call, asio::cancellation_signal& signal) {
    std::string end = "never";
    const auto body = [&]() -> awaitable<void> {
      try {
        auto calling = call();
        co_await std::move(calling);
        end = "";
      } catch (const Error& error) {
        end = error.sqlstate();
      } catch (const asio::system_error& error) {
        end = error.code() == asio::error::operation_aborted ? "aborted" : error.what();
      }
    };
    asio::co_spawn(loop, body, asio::bind_cancellation_slot(signal.slot(), asio::detached));
    loop.restart();
    loop.run();
    return end;
  }
  // What takes until somebody stops it.
  std::string endless() const {
    return on_postgres() ? "SELECT pg_sleep(60)"
                         : "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
  }

  asio::io_context loop{1};
};
