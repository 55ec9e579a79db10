// Many tenants interleaved over a few connections, by tasks that do all that the library can and try what it must not:
// no row under a wrong tenant, none that was acknowledged is lost, none that was not is there.
//
//   tenants_test [--tenants N] [--tasks N] [--connections N] [--operations N] [--way threads|coroutines] [--seed N]
//
// Both ways unless one is named, each with all operations. Run within tests/private-postgres; `make check-tenants`
// does.
#include <CLI/CLI.hpp>
#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#include <cstdio>
#include <thread>

#include "../test_databases.hpp"
#include "mix.hpp"

namespace tenants {
namespace {

struct Options {
  std::size_t tenants = 500, tasks = 100, connections = 20;
  std::int64_t operations = 5'000;
  std::uint64_t seed = std::random_device{}();
  std::string way;
};

// A thread for each task.
void run_tasks(Mix<ways::Blocking>& mix, const Options& options, std::atomic<std::int64_t>& left, asio::thread_pool&) {
  std::vector<std::thread> threads;
  for (std::size_t task = 0; task < options.tasks; ++task) {
    threads.emplace_back([&, seed = options.seed + task] {
      asio::io_context own(1);
      auto done = asio::co_spawn(own, mix.work(seed, left), asio::use_future);
      own.run();
      done.get();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// A coroutine for each, all on the threads of the loop.
void run_tasks(Mix<ways::Awaiting>& mix, const Options& options, std::atomic<std::int64_t>& left,
               asio::thread_pool& loop) {
  std::vector<std::future<void>> tasks;
  for (std::size_t task = 0; task < options.tasks; ++task)
    tasks.push_back(asio::co_spawn(asio::make_strand(loop), mix.work(options.seed + task, left), asio::use_future));
  for (std::future<void>& task : tasks) task.get();
}

template <class Way>
void run(const TestPostgres& postgres, Ledger& ledger, const Options& options) {
  if (!options.way.empty() && options.way != Way::kName) return;
  asio::thread_pool loop(2), clock(1);
  rowhouse::DatabaseOptions settings;
  settings.max_connections = options.connections;
  settings.checkout_timeout = std::chrono::minutes(5);
  Mix<Way> mix(Way::manager(loop.get_executor(), rowhouse::Url::parse(postgres.app_url()), settings), ledger,
               clock.get_executor());
  std::atomic<std::int64_t> left{options.operations};
  const auto start = std::chrono::steady_clock::now();
  run_tasks(mix, options, left, loop);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%s: %lld operations on %zu tenants by %zu tasks over %zu connections in %.1f s, %.0f a second\n",
              Way::kName, static_cast<long long>(options.operations), options.tenants, options.tasks,
              options.connections, took.count(), static_cast<double>(options.operations) / took.count());
}

// Prints what was seen; true when all is as it must be.
bool judge(rowhouse::DatabaseManager owner, Ledger& ledger) {
  std::uint64_t acknowledged = 0;
  for (const Tenant& tenant : ledger.tenants()) acknowledged += tenant.rows;
  rowhouse::Session session = owner.session();
  const auto count = [&](const char* sql) {
    return static_cast<std::uint64_t>(session.execute(sql).one().get<std::int64_t>(0));
  };
  const std::uint64_t rows = count("SELECT count(*) FROM integrated_objects"), strange = count(kStrangeRows);
  for (const auto& [outcome, times] : ledger.outcomes())
    std::printf("  %9llu  %s\n", static_cast<unsigned long long>(times), outcome.c_str());
  std::printf(
      "rows read: %llu, of other tenants: %llu; rows stored: %llu, under a wrong tenant: %llu; "
      "acknowledged: %llu, in doubt: %llu\n",
      static_cast<unsigned long long>(ledger.rows_read), static_cast<unsigned long long>(ledger.strangers),
      static_cast<unsigned long long>(rows), static_cast<unsigned long long>(strange),
      static_cast<unsigned long long>(acknowledged), static_cast<unsigned long long>(ledger.rows_in_doubt));
  for (const auto& [what, times] : ledger.surprises())
    std::printf("WRONG, %llu times: %s\n", static_cast<unsigned long long>(times), what.c_str());
  return ledger.surprises().empty() && ledger.strangers == 0 && strange == 0 && rows >= acknowledged &&
         rows <= acknowledged + ledger.rows_in_doubt && ledger.rows_read > 0;
}

int run(const Options& options) {
  const TestPostgres postgres;
  rowhouse::DatabaseManager owner(postgres.admin_url());
  owner.session().execute("SELECT count(rowhouse.create_tenant('tenant-' || i)) FROM generate_series(0, $1 - 1) i",
                          {Value(static_cast<std::int64_t>(options.tenants))});
  Ledger ledger(options.tenants);
  std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
  run<ways::Blocking>(postgres, ledger, options);
  run<ways::Awaiting>(postgres, ledger, options);
  const bool right = judge(owner, ledger);
  std::printf("%s\n", right ? "all rows are where they belong" : "FAILED");
  return right ? 0 : 1;
}

}  // namespace
}  // namespace tenants

int main(int count, char** words) {
  CLI::App app("Many tenants over a few connections");
  tenants::Options options;
  app.add_option("--tenants", options.tenants)->check(CLI::Range(2, 1'000'000));
  app.add_option("--tasks", options.tasks)->check(CLI::Range(1, 1'000));
  app.add_option("--connections", options.connections)->check(CLI::Range(1, 90));
  app.add_option("--operations", options.operations, "of each way");
  app.add_option("--way", options.way)->check(CLI::IsMember({"threads", "coroutines"}));
  app.add_option("--seed", options.seed);
  CLI11_PARSE(app, count, words);
  if (test_server_url() == nullptr) {
    std::puts("ROWHOUSE_TEST_URL is not set: run within tests/private-postgres");
    return 77;
  }
  try {
    return tenants::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tenants_test: %s\n", error.what());
    return 2;
  }
}
