#pragma once

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>

#include "../test_databases.hpp"

namespace conformance {

// A database with integrated_objects, which lives as long as this.
class Place {
 public:
  // SQLite: one file for all tenants, so that they can try to reach each other.
  static std::unique_ptr<Place> sqlite() {
    auto folder = std::make_unique<TestFolder>();
    const auto url = rowhouse::Url::sqlite_file((*folder / "main.db").string());
    rowhouse::SchemaManager(rowhouse::DatabaseManager(url)).create_all();
    return std::unique_ptr<Place>(new Place(std::move(folder), nullptr, url, url));
  }
  // PostgreSQL, as a role bound by row security; by way of a pooler where ROWHOUSE_POOLER_URL names one.
  static std::unique_ptr<Place> postgres() {
    auto postgres = std::make_unique<TestPostgres>();
    const char* pooler = std::getenv("ROWHOUSE_POOLER_URL");
    const std::string url =
        pooler == nullptr ? postgres->app_url()
                          : std::string(pooler) + "&dbname=" + postgres->name() + "&user=" + TestPostgres::kAppRole;
    const auto owner = rowhouse::Url::parse(postgres->admin_url());
    return std::unique_ptr<Place>(new Place(nullptr, std::move(postgres), rowhouse::Url::parse(url), owner));
  }

  const rowhouse::Url& url() const { return url_; }
  std::string new_tenant() {
    const std::string tenant = "tenant-" + std::to_string(++tenants_);
    if (postgres_) owner_.session().execute("SELECT rowhouse.create_tenant($1)", {tenant});
    return tenant;
  }

 private:
  Place(std::unique_ptr<TestFolder> folder, std::unique_ptr<TestPostgres> postgres, rowhouse::Url url,
        rowhouse::Url owner)
      : folder_(std::move(folder)), postgres_(std::move(postgres)), url_(std::move(url)), owner_(std::move(owner)) {}

  const std::unique_ptr<TestFolder> folder_;
  const std::unique_ptr<TestPostgres> postgres_;
  const rowhouse::Url url_;
  rowhouse::DatabaseManager owner_;
  std::atomic<int> tenants_{0};
};

}  // namespace conformance
