// What a case of the conformance suite needs of the library, whichever way the library is called: blocking, or by
// coroutines that are waited for. One implementation for each way runs all cases.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rowhouse/database_manager.hpp"
#include "rowhouse/repository.hpp"

namespace conformance {

// The objects of one tenant.
class Objects {
 public:
  using Object = rowhouse::IntegratedObject;
  using Data = rowhouse::IntegratedObjectData;
  using Text = std::optional<std::string_view>;

  virtual ~Objects() = default;
  virtual std::vector<Object> get_by_company(std::string_view company, Text object_type = {}, Text platform = {}) = 0;
  virtual std::optional<Object> get(std::int64_t id) = 0;
  virtual std::optional<Object> get_by_original_id(std::string_view original_id,
                                                   std::string_view object_type = rowhouse::kDefaultObjectType,
                                                   std::string_view platform = rowhouse::kDefaultPlatform) = 0;
  virtual std::vector<Object> get_unsummarized(std::size_t limit) = 0;
  virtual std::vector<Object> find(const rowhouse::Filter<Object>& filter, std::optional<std::size_t> limit = {}) = 0;
  virtual std::uint64_t count(Text object_type = {}) = 0;
  virtual rowhouse::Page<Object> page(std::size_t limit, const std::optional<rowhouse::PageKey>& after,
                                      Text object_type = {}) = 0;
  virtual void for_each(const std::function<bool(const Object&)>& take, Text object_type = {}) = 0;
  virtual Object create(const Data& data) = 0;
  virtual Object upsert(const Data& data) = 0;
  virtual std::size_t upsert_many(const std::vector<Data>& data) = 0;
  virtual bool update_summary(std::int64_t id, std::string_view summary) = 0;
  virtual bool remove(std::int64_t id) = 0;
  virtual bool remove_by_original_id(std::string_view original_id) = 0;
};

// A transaction at work.
class Unit {
 public:
  virtual ~Unit() = default;
  virtual Objects& objects() = 0;
  virtual rowhouse::Result execute(std::string_view sql, std::vector<rowhouse::Value> parameters = {}) = 0;
  // `work` within a savepoint: kept when it returns, undone when it throws, which is passed on.
  virtual void nested(const std::function<void()>& work) = 0;
};

class Driver {
 public:
  virtual ~Driver() = default;
  virtual rowhouse::Database database() const = 0;
  // A tenant of its own for the case.
  virtual std::string new_tenant() = 0;
  // A session of the tenant: each call a transaction of its own.
  virtual std::unique_ptr<Objects> objects(const std::string& tenant) = 0;
  // See rowhouse::store_integrated_object.
  virtual rowhouse::IntegratedObject store(const rowhouse::Json& object, const std::string& tenant) = 0;
  // One statement of the caller's own, in a session of the tenant.
  virtual rowhouse::Result execute(const std::string& tenant, std::string_view sql,
                                   std::vector<rowhouse::Value> parameters = {}) = 0;
  // Committed when `work` returns, rolled back when it throws, which is passed on.
  virtual void transaction(const std::string& tenant, const std::function<void(Unit&)>& work,
                           rowhouse::TransactionOptions options = {}) = 0;
  // The same, again where it can help.
  virtual void retried(const std::string& tenant, const std::function<void(Unit&)>& work,
                       rowhouse::RetryOptions options = {}) = 0;
};

}  // namespace conformance
