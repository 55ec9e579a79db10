#pragma once

#include <filesystem>
#include <utility>

#include "connection.hpp"
#include "own_schema.hpp"
#include "rowhouse/error.hpp"
#include "runner.hpp"

// The methods of both schema managers, blocking and asynchronous; each library instantiates its own.
namespace rowhouse {
namespace detail {

// What a schema manager does, from copies of its arguments.
template <class Way>
struct SchemaWork {
  using Run = Runner<Way>;
  using Manager = typename Way::Manager;
  using Transaction = typename Way::Transaction;
  using Statements = std::vector<std::string>;
  template <class R>
  using Task = typename Run::template Task<R>;

  static std::string table(const Manager& manager, const char* name) {
    return own_table(manager.database(), manager.options().schema, name);
  }
  static const Statements& statements(const SchemaStep& step, Database database) {
    return database == Database::kSqlite ? step.sqlite : step.postgresql;
  }
  static std::vector<Value> one_value(std::string text) {
    std::vector<Value> values;
    values.emplace_back(std::move(text));
    return values;
  }

  static Task<void> install(Manager manager) {
    if (manager.database() == Database::kSqlite) co_return;
    const auto install = [url = manager.url()](std::stop_token) { return install_core(url), true; };
    auto installing = Run::aside(manager, install);
    co_await std::move(installing);
  }

  static Task<bool> run_all(Transaction& transaction, Statements statements) {
    for (const std::string& sql : statements) {
      auto running = Run::ask(transaction, sql, {});
      co_await std::move(running);
    }
    co_return true;
  }

  static Task<bool> has_versions(Transaction& transaction, std::string versions) {
    const bool sqlite = transaction.database() == Database::kSqlite;
    const char* sql = sqlite ? "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1"
                             : "SELECT 1 WHERE pg_catalog.to_regclass($1) IS NOT NULL";
    auto asking = Run::ask(transaction, sql, one_value(versions));
    const Result found = co_await std::move(asking);
    co_return !found.empty();
  }

  static Task<int> version_of(Transaction& transaction, std::string versions, std::string name) {
    auto looking = has_versions(transaction, versions);
    const bool there = co_await std::move(looking);
    if (!there) co_return 0;
    auto asking = Run::ask(transaction, "SELECT version FROM " + versions + " WHERE name = $1", one_value(name));
    const Result found = co_await std::move(asking);
    co_return found.empty() ? 0 : found.one().template get<int>(0);
  }

  static Task<SchemaVersions> upgrade(Manager manager, Schema schema) {
    const std::string versions = table(manager, "rowhouse_schema");
    const int newest = static_cast<int>(schema.steps.size());
    const auto work = [&](Transaction& transaction) -> Task<SchemaVersions> {
      if (transaction.database() == Database::kPostgresql) {
        auto locking =
            Run::ask(transaction,
                     "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('rowhouse.schema', 0))", {});
        co_await std::move(locking);
      }
      auto looking = has_versions(transaction, versions);
      const bool there = co_await std::move(looking);
      if (!there) {
        auto making = Run::ask(transaction,
                               "CREATE TABLE " + versions + " (name text PRIMARY KEY, version integer NOT NULL)", {});
        co_await std::move(making);
      }
      auto asking = version_of(transaction, versions, schema.name);
      const int before = co_await std::move(asking);
      check_version(schema, before);
      for (int step = before; step < newest; ++step) {
        const SchemaStep& taken = schema.steps[static_cast<std::size_t>(step)];
        auto stepping = run_all(transaction, statements(taken, transaction.database()));
        co_await std::move(stepping);
      }
      std::vector<Value> values = one_value(schema.name);
      values.emplace_back(newest);
      auto noting = Run::ask(transaction,
                             "INSERT INTO " + versions +
                                 " (name, version) VALUES ($1, $2)"
                                 " ON CONFLICT (name) DO UPDATE SET version = excluded.version",
                             std::move(values));
      co_await std::move(noting);
      SchemaVersions done{before, newest};
      co_return done;
    };
    auto running = Run::in_transaction(manager, work, RetryOptions());
    co_return co_await std::move(running);
  }

  static Task<void> create_all(Manager manager) {
    auto installing = install(manager);
    co_await std::move(installing);
    const Schema own = own_schema(manager.options().schema);
    auto upgrading = upgrade(manager, own);
    co_await std::move(upgrading);
    // A table may have been dropped by hand since: each step of this schema makes only what is missing.
    for (const SchemaStep& step : own.steps) {
      auto running = run_alone(manager, statements(step, manager.database()));
      co_await std::move(running);
    }
  }

  static Task<bool> run_alone(Manager manager, Statements statements) {
    const auto work = [&](Transaction& transaction) { return run_all(transaction, statements); };
    auto running = Run::in_transaction(manager, work, RetryOptions());
    co_return co_await std::move(running);
  }

  static Task<int> version(Manager manager, std::string name) {
    const std::string versions = table(manager, "rowhouse_schema");
    const auto work = [&](Transaction& transaction) { return version_of(transaction, versions, name); };
    RetryOptions options;
    options.transaction.read_only = true;
    auto running = Run::in_transaction(manager, work, options);
    co_return co_await std::move(running);
  }

  static Task<void> create_table(Manager manager, Statements statements) {
    auto installing = install(manager);
    co_await std::move(installing);
    auto running = run_alone(manager, std::move(statements));
    co_await std::move(running);
  }

  static Task<std::string> name_of(Manager manager, Transaction& transaction) {
    if (manager.database() == Database::kSqlite)
      co_return std::filesystem::path(manager.url().database()).filename().string();
    auto asking = Run::ask(transaction, "SELECT current_database()", {});
    const Result found = co_await std::move(asking);
    co_return found.one().template get<std::string>(0);
  }

  static Task<void> drop_all(Manager manager, std::string confirmed) {
    const std::string versions = table(manager, "rowhouse_schema");
    const auto work = [&](Transaction& transaction) -> Task<bool> {
      auto asking = name_of(manager, transaction);
      const std::string name = co_await std::move(asking);
      if (name != confirmed) {
        throw_error("22023", "not dropped: this is not the name of the database",
                    {.hint = "Confirm with the database's own name, \"" + name + "\"."});
      }
      Statements statements{"DROP TABLE IF EXISTS " + table(manager, "integrated_objects")};
      if (manager.database() == Database::kSqlite) statements.push_back("DROP TABLE IF EXISTS rowhouse_intent");
      auto looking = has_versions(transaction, versions);
      const bool has = co_await std::move(looking);
      if (has) statements.push_back("DELETE FROM " + versions + " WHERE name = 'rowhouse'");
      auto running = run_all(transaction, statements);
      co_return co_await std::move(running);
    };
    auto running = Run::in_transaction(manager, work, RetryOptions());
    co_await std::move(running);
  }

  static Task<void> create_tenant(Manager manager, std::string tenant) {
    if (manager.database() == Database::kSqlite) co_return;
    auto installing = install(manager);
    co_await std::move(installing);
    const auto work = [&](Transaction& transaction) {
      return Run::ask(transaction, "SELECT rowhouse.create_tenant($1, true)", one_value(tenant));
    };
    auto running = Run::in_transaction(manager, work, RetryOptions());
    co_await std::move(running);
  }
};

}  // namespace detail

template <class Way>
auto BasicSchemaManager<Way>::create_all() -> Answer<void> {
  return detail::Runner<Way>::answer(detail::SchemaWork<Way>::create_all(manager_));
}

template <class Way>
auto BasicSchemaManager<Way>::upgrade(const Schema& schema) -> Answer<SchemaVersions> {
  return detail::Runner<Way>::answer(detail::SchemaWork<Way>::upgrade(manager_, schema));
}

template <class Way>
auto BasicSchemaManager<Way>::version(std::string_view schema_name) -> Answer<int> {
  return detail::Runner<Way>::answer(detail::SchemaWork<Way>::version(manager_, std::string(schema_name)));
}

template <class Way>
auto BasicSchemaManager<Way>::create_table(const TableShape& table) -> Answer<void> {
  return detail::Runner<Way>::answer(detail::SchemaWork<Way>::create_table(
      manager_, table.create_statements(manager_.database(), manager_.options().schema)));
}

template <class Way>
auto BasicSchemaManager<Way>::drop_all(std::string_view database_name) -> Answer<void> {
  return detail::Runner<Way>::answer(detail::SchemaWork<Way>::drop_all(manager_, std::string(database_name)));
}

template <class Way>
auto BasicSchemaManager<Way>::create_tenant(std::string_view tenant) -> Answer<void> {
  detail::check_tenant(tenant);
  return detail::Runner<Way>::answer(detail::SchemaWork<Way>::create_tenant(manager_, std::string(tenant)));
}

template <class Way>
auto BasicSchemaManager<Way>::migrate_from_sqlite(const std::string& path, const std::optional<std::string>& tenant,
                                                  const std::function<void(const MigrationProgress&)>& progress)
    -> Answer<MigrationReport> {
  if (manager_.database() == Database::kSqlite) {
    throw_error("0A000", "the target of a migration is PostgreSQL, not SQLite");
  }
  MigrationOptions options;
  options.schema = manager_.options().schema;
  options.progress = progress;
  const auto run = [path, tenant, options, url = manager_.url()](std::stop_token stop) {
    MigrationOptions own = options;
    own.interrupted = [stop] { return stop.stop_requested(); };
    return migrate(find_sources({path}, {"{tenant}_freshdesk_data.db"}, tenant), url, own);
  };
  return detail::Runner<Way>::answer(detail::Runner<Way>::aside(manager_, run));
}

}  // namespace rowhouse
