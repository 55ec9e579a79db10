// The two ways to call the library, for tests that are written once as blocking code. Each names its classes, waits for an
// answer, and makes of blocking work what a transaction of its kind runs. What is written as coroutines has ways.hpp.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "rowhouse/migration_layer.hpp"
#include "rowhouse/repository.hpp"
#include "rowhouse/schema_manager.hpp"
#include "rowhouse/store.hpp"
#include "rowhouse/unit_of_work.hpp"
#ifdef ROWHOUSE_TEST_ASYNC
#include <asio/co_spawn.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>

#include "rowhouse/async/migration_layer.hpp"
#include "rowhouse/async/repository.hpp"
#include "rowhouse/async/schema_manager.hpp"
#include "rowhouse/async/store.hpp"
#include "rowhouse/async/unit_of_work.hpp"
#endif

struct Blocking {
  static constexpr const char* kName = "Blocking";
  using Manager = rowhouse::DatabaseManager;
  using Session = rowhouse::Session;
  using Transaction = rowhouse::Transaction;
  using Repository = rowhouse::IntegratedObjectRepository;
  using UnitOfWork = rowhouse::UnitOfWork;
  using MigrationLayer = rowhouse::MigrationLayer;
  using SchemaManager = rowhouse::SchemaManager;

  template <class Url>
  static Manager manager(const Url& url, rowhouse::DatabaseOptions options = {}) {
    return Manager(url, std::move(options));
  }
  static auto store(const Manager& manager, const rowhouse::Json& object, const std::string& tenant) {
    return rowhouse::store_integrated_object(manager, object, tenant);
  }
  template <class Ask>
  static auto wait(const Ask& ask) {
    return ask();
  }
  template <class Do>
  static void work(const Do& work) {
    work();
  }
  static void begin_anew() {}
};

#ifdef ROWHOUSE_TEST_ASYNC
// Each awaitable is run to its end on a loop of two threads.
struct Awaiting {
  static constexpr const char* kName = "Awaiting";
  using Manager = rowhouse::async::DatabaseManager;
  using Session = rowhouse::async::Session;
  using Transaction = rowhouse::async::Transaction;
  using Repository = rowhouse::async::IntegratedObjectRepository;
  using UnitOfWork = rowhouse::async::UnitOfWork;
  using MigrationLayer = rowhouse::async::MigrationLayer;
  using SchemaManager = rowhouse::async::SchemaManager;

  static asio::thread_pool& loop() { return *own_loop(); }
  static std::unique_ptr<asio::thread_pool>& own_loop() {
    static auto threads = std::make_unique<asio::thread_pool>(2);
    return threads;
  }
  // In a child process, which has none of its parent's threads.
  static void begin_anew() {
    (void)own_loop().release();
    own_loop() = std::make_unique<asio::thread_pool>(2);
  }
  // For work that waits for the loop.
  static asio::thread_pool& workers() {
    static asio::thread_pool threads(8);
    return threads;
  }

  template <class Url>
  static Manager manager(const Url& url, rowhouse::DatabaseOptions options = {}) {
    return Manager(loop().get_executor(), url, std::move(options));
  }
  static auto store(const Manager& manager, const rowhouse::Json& object, const std::string& tenant) {
    return rowhouse::async::store_integrated_object(manager, object, tenant);
  }
  template <class Ask>
  static auto wait(const Ask& ask) {
    using R = typename rowhouse::detail::AwaitedResult<decltype(ask())>::type;
    const auto strand = asio::make_strand(loop());
    if constexpr (std::is_void_v<R>) {
      asio::co_spawn(
          strand, [&]() -> asio::awaitable<void> { co_await ask(); }, asio::use_future)
          .get();
    } else {
      std::optional<R> result;
      const auto keep = [&]() -> asio::awaitable<void> { result.emplace(co_await ask()); };
      asio::co_spawn(strand, keep, asio::use_future).get();
      return *std::move(result);
    }
  }
  template <class Do>
  static asio::awaitable<void> work(Do work) {
    const auto blocking = [&]() -> asio::awaitable<void> {
      work();
      co_return;
    };
    co_await asio::co_spawn(workers(), blocking, asio::use_awaitable);
  }
};
using Ways = ::testing::Types<Blocking, Awaiting>;
#else
using Ways = ::testing::Types<Blocking>;
#endif

struct WayName {
  template <class Way>
  static std::string GetName(int) {
    return Way::kName;
  }
};
