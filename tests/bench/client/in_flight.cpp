#include "in_flight.hpp"

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <atomic>
#include <exception>
#include <stdexcept>
#include <thread>

#include "rowhouse/async/database_manager.hpp"
#include "rowhouse/async/repository.hpp"
#include "rowhouse/database_manager.hpp"
#include "rowhouse/repository.hpp"

namespace bench {
namespace {

constexpr std::size_t kAll = kInFlight * kRequests;

rowhouse::DatabaseOptions few_connections() {
  rowhouse::DatabaseOptions options;
  options.max_connections = kConnections;
  return options;
}

bool writes(std::size_t request) { return request % 5 == 0; }

void require(bool right) {
  if (!right) throw std::runtime_error("a row is missing");
}

class Threads final : public InFlight {
 public:
  Threads(const std::string& url, std::string tenant, std::vector<std::int64_t> rows)
      : manager_(url, few_connections()), tenant_(std::move(tenant)), rows_(std::move(rows)) {}

  void run() override {
    std::atomic<std::size_t> next{0};
    std::vector<std::thread> threads;
    std::atomic<bool> failed{false};
    for (std::size_t i = 0; i < kConnections; ++i) {
      threads.emplace_back([&] {
        try {
          for (std::size_t request = next++; request < kAll; request = next++) answer(request);
        } catch (const std::exception&) {
          failed = true;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    require(!failed);
  }

 private:
  void answer(std::size_t request) {
    const std::int64_t row = rows_[request % rows_.size()];
    rowhouse::Session session = manager_.session(tenant_);
    rowhouse::IntegratedObjectRepository objects(session);
    require(objects.get(row).has_value());
    if (writes(request)) require(objects.update_summary(row, "Restarted."));
  }

  rowhouse::DatabaseManager manager_;
  const std::string tenant_;
  const std::vector<std::int64_t> rows_;
};

class Coroutines final : public InFlight {
 public:
  Coroutines(const std::string& url, std::string tenant, std::vector<std::int64_t> rows)
      : manager_(loop_.get_executor(), url, few_connections()), tenant_(std::move(tenant)), rows_(std::move(rows)) {}

  void run() override {
    std::exception_ptr failure;
    for (std::size_t caller = 0; caller < kInFlight; ++caller) {
      asio::co_spawn(loop_, call(caller), [&failure](std::exception_ptr error) {
        if (error) failure = error;
      });
    }
    loop_.restart();
    loop_.run();
    if (failure) std::rethrow_exception(failure);
  }

 private:
  asio::awaitable<void> call(std::size_t caller) {
    for (std::size_t request = caller; request < kAll; request += kInFlight) {
      const std::int64_t row = rows_[request % rows_.size()];
      rowhouse::async::Session session = co_await manager_.session(tenant_);
      rowhouse::async::IntegratedObjectRepository objects(session);
      const auto found = co_await objects.get(row);
      require(found.has_value());
      if (!writes(request)) continue;
      const bool changed = co_await objects.update_summary(row, "Restarted.");
      require(changed);
    }
  }

  asio::io_context loop_{1};
  rowhouse::async::DatabaseManager manager_;
  const std::string tenant_;
  const std::vector<std::int64_t> rows_;
};

}  // namespace

std::unique_ptr<InFlight> by_threads(const std::string& url, const std::string& tenant,
                                     std::vector<std::int64_t> rows) {
  return std::make_unique<Threads>(url, tenant, std::move(rows));
}
std::unique_ptr<InFlight> by_coroutines(const std::string& url, const std::string& tenant,
                                        std::vector<std::int64_t> rows) {
  return std::make_unique<Coroutines>(url, tenant, std::move(rows));
}

}  // namespace bench
