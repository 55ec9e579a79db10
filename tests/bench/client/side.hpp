// The same work by several ways to a database: each opens one connection for one tenant, keeps its statements prepared,
// and gives what it reads as the library's own struct.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rowhouse/integrated_object.hpp"

namespace bench {

using rowhouse::IntegratedObject;
using rowhouse::IntegratedObjectData;

class Side {
 public:
  virtual ~Side() = default;
  // Each call is one transaction, in which the tenant is set.
  virtual IntegratedObject create(const IntegratedObjectData& data) = 0;
  virtual std::vector<IntegratedObject> get_all() = 0;  // newest first
  virtual bool update_summary(std::int64_t id, std::string_view summary) = 0;
  virtual void upsert(const IntegratedObjectData& data) = 0;
  // The same, each of BEGIN, tenant, statement and COMMIT waited for. Bare libpq's alone.
  virtual void upsert_step_by_step(const IntegratedObjectData& data) { upsert(data); }
  // One transaction, and in it a statement a row, each waited for. Bare libpq's alone.
  virtual void upsert_each(std::span<const IntegratedObjectData> data) { upsert_many(data); }
  virtual void upsert_many(std::span<const IntegratedObjectData> data) = 0;             // the quickest way there is
  virtual void for_each(const std::function<void(const IntegratedObject&)>& take) = 0;  // by id, in constant memory
};

// What a side needs to open its connection.
struct Place {
  std::string postgres;  // a URL
  std::string sqlite;    // a file
  std::string tenant;
};

std::unique_ptr<Side> rowhouse_on_postgres(const Place& place);
std::unique_ptr<Side> rowhouse_on_sqlite(const Place& place);
std::unique_ptr<Side> bare_libpq(const Place& place);
std::unique_ptr<Side> by_libpqxx(const Place& place);
std::unique_ptr<Side> bare_sqlite(const Place& place);

}  // namespace bench
