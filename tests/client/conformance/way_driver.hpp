// The driver of either way to call the library. A `Way` names the classes, waits for an answer, and makes of blocking
// work what a transaction of its kind runs.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "driver.hpp"
#include "place.hpp"

namespace conformance {

template <class Way>
class WayObjects final : public Objects {
 public:
  explicit WayObjects(typename Way::Session session) : session_(std::move(session)), repository_(*session_) {}
  explicit WayObjects(typename Way::Transaction& transaction) : repository_(transaction) {}

  std::vector<Object> get_by_company(std::string_view company, Text object_type, Text platform) override {
    return Way::wait([&] { return repository_.get_by_company(company, object_type, platform); });
  }
  std::optional<Object> get(std::int64_t id) override {
    return Way::wait([&] { return repository_.get(id); });
  }
  std::optional<Object> get_by_original_id(std::string_view original_id, std::string_view object_type,
                                           std::string_view platform) override {
    return Way::wait([&] { return repository_.get_by_original_id(original_id, object_type, platform); });
  }
  std::vector<Object> get_unsummarized(std::size_t limit) override {
    return Way::wait([&] { return repository_.get_unsummarized(limit); });
  }
  std::vector<Object> find(const rowhouse::Filter<Object>& filter, std::optional<std::size_t> limit) override {
    return Way::wait([&] { return repository_.find(filter, limit); });
  }
  std::uint64_t count(Text object_type) override {
    return Way::wait([&] { return repository_.count(object_type); });
  }
  rowhouse::Page<Object> page(std::size_t limit, const std::optional<rowhouse::PageKey>& after,
                              Text object_type) override {
    return Way::wait([&] { return repository_.page(limit, after, object_type); });
  }
  void for_each(const std::function<bool(const Object&)>& take, Text object_type) override {
    Way::wait([&] { return repository_.for_each(take, object_type); });
  }
  Object create(const Data& data) override {
    return Way::wait([&] { return repository_.create(data); });
  }
  Object upsert(const Data& data) override {
    return Way::wait([&] { return repository_.upsert(data); });
  }
  std::size_t upsert_many(const std::vector<Data>& data) override {
    return Way::wait([&] { return repository_.upsert_many(data); });
  }
  bool update_summary(std::int64_t id, std::string_view summary) override {
    return Way::wait([&] { return repository_.update_summary(id, summary); });
  }
  bool remove(std::int64_t id) override {
    return Way::wait([&] { return repository_.remove(id); });
  }
  bool remove_by_original_id(std::string_view original_id) override {
    return Way::wait([&] { return repository_.remove_by_original_id(original_id); });
  }

 private:
  std::optional<typename Way::Session> session_;
  typename Way::Repository repository_;
};

template <class Way>
class WayUnit final : public Unit {
 public:
  explicit WayUnit(typename Way::Transaction& transaction) : transaction_(transaction), objects_(transaction) {}
  Objects& objects() override { return objects_; }
  rowhouse::Result execute(std::string_view sql, std::vector<rowhouse::Value> parameters) override {
    return Way::wait([&] { return transaction_.execute(sql, parameters); });
  }
  void nested(const std::function<void()>& work) override {
    auto savepoint = Way::wait([&] { return transaction_.nested(); });
    work();
    Way::wait([&] { return savepoint.commit(); });
  }

 private:
  typename Way::Transaction& transaction_;
  WayObjects<Way> objects_;
};

template <class Way>
class WayDriver final : public Driver {
 public:
  explicit WayDriver(std::unique_ptr<Place> place) : place_(std::move(place)), manager_(Way::manager(place_->url())) {}

  rowhouse::Database database() const override { return manager_.database(); }
  std::string new_tenant() override { return place_->new_tenant(); }
  std::unique_ptr<Objects> objects(const std::string& tenant) override {
    return std::make_unique<WayObjects<Way>>(session(tenant));
  }
  rowhouse::IntegratedObject store(const rowhouse::Json& object, const std::string& tenant) override {
    return Way::wait([&] { return Way::store(manager_, object, tenant); });
  }
  rowhouse::Result execute(const std::string& tenant, std::string_view sql,
                           std::vector<rowhouse::Value> parameters) override {
    auto one = session(tenant);
    return Way::wait([&] { return one.execute(sql, parameters); });
  }
  void transaction(const std::string& tenant, const std::function<void(Unit&)>& work,
                   rowhouse::TransactionOptions options) override {
    auto one = session(tenant);
    auto transaction = Way::wait([&] { return one.begin(options); });
    WayUnit<Way> unit(transaction);
    work(unit);
    Way::wait([&] { return transaction.commit(); });
  }
  void retried(const std::string& tenant, const std::function<void(Unit&)>& work,
               rowhouse::RetryOptions options) override {
    options.transaction.tenant = tenant;
    const auto run = [&](typename Way::Transaction& transaction) {
      return Way::work([&] {
        WayUnit<Way> unit(transaction);
        work(unit);
      });
    };
    Way::wait([&] { return manager_.run_in_transaction(run, options); });
  }

 private:
  typename Way::Session session(const std::string& tenant) {
    return Way::wait([&] { return manager_.session(tenant); });
  }

  const std::unique_ptr<Place> place_;
  typename Way::Manager manager_;
};

}  // namespace conformance
