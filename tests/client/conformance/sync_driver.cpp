#include "sync_driver.hpp"

namespace conformance {
namespace {

using rowhouse::DatabaseManager;
using rowhouse::IntegratedObjectRepository;
using rowhouse::Session;
using rowhouse::Transaction;

class SyncObjects final : public Objects {
 public:
  explicit SyncObjects(Session session) : session_(std::move(session)), repository_(*session_) {}
  explicit SyncObjects(Transaction& transaction) : repository_(transaction) {}

  std::vector<Object> get_by_company(std::string_view company, Text object_type, Text platform) override {
    return repository_.get_by_company(company, object_type, platform);
  }
  std::optional<Object> get(std::int64_t id) override { return repository_.get(id); }
  std::optional<Object> get_by_original_id(std::string_view original_id, std::string_view object_type,
                                           std::string_view platform) override {
    return repository_.get_by_original_id(original_id, object_type, platform);
  }
  std::vector<Object> get_unsummarized(std::size_t limit) override { return repository_.get_unsummarized(limit); }
  std::vector<Object> find(const rowhouse::Filter<Object>& filter, std::optional<std::size_t> limit) override {
    return repository_.find(filter, limit);
  }
  std::uint64_t count(Text object_type) override { return repository_.count(object_type); }
  rowhouse::Page<Object> page(std::size_t limit, const std::optional<rowhouse::PageKey>& after,
                              Text object_type) override {
    return repository_.page(limit, after, object_type);
  }
  void for_each(const std::function<bool(const Object&)>& take, Text object_type) override {
    repository_.for_each(take, object_type);
  }
  Object create(const Data& data) override { return repository_.create(data); }
  Object upsert(const Data& data) override { return repository_.upsert(data); }
  std::size_t upsert_many(const std::vector<Data>& data) override { return repository_.upsert_many(data); }
  bool update_summary(std::int64_t id, std::string_view summary) override {
    return repository_.update_summary(id, summary);
  }
  bool remove(std::int64_t id) override { return repository_.remove(id); }
  bool remove_by_original_id(std::string_view original_id) override {
    return repository_.remove_by_original_id(original_id);
  }

 private:
  std::optional<Session> session_;
  IntegratedObjectRepository repository_;
};

class SyncUnit final : public Unit {
 public:
  explicit SyncUnit(Transaction& transaction) : transaction_(transaction), objects_(transaction) {}
  Objects& objects() override { return objects_; }
  rowhouse::Result execute(std::string_view sql, std::vector<rowhouse::Value> parameters) override {
    return transaction_.execute(sql, parameters);
  }
  void nested(const std::function<void()>& work) override {
    Transaction savepoint = transaction_.nested();
    work();
    savepoint.commit();
  }

 private:
  Transaction& transaction_;
  SyncObjects objects_;
};

}  // namespace

std::unique_ptr<SyncDriver> SyncDriver::sqlite() {
  auto folder = std::make_unique<TestFolder>();
  const DatabaseManager manager(rowhouse::Url::sqlite_file((*folder / "main.db").string()));
  rowhouse::SchemaManager(manager).create_all();
  return std::unique_ptr<SyncDriver>(new SyncDriver(std::move(folder), nullptr, manager, manager));
}

std::unique_ptr<SyncDriver> SyncDriver::postgres() {
  auto postgres = std::make_unique<TestPostgres>();
  const char* pooler = std::getenv("ROWHOUSE_POOLER_URL");
  const DatabaseManager manager(pooler == nullptr ? postgres->app_url()
                                                  : std::string(pooler) + "&dbname=" + postgres->name() +
                                                        "&user=" + TestPostgres::kAppRole);
  const DatabaseManager owner(postgres->admin_url());
  return std::unique_ptr<SyncDriver>(new SyncDriver(nullptr, std::move(postgres), manager, owner));
}

std::string SyncDriver::new_tenant() {
  const std::string tenant = "tenant-" + std::to_string(++tenants_);
  if (postgres_) owner_.session().execute("SELECT rowhouse.create_tenant($1)", {tenant});
  return tenant;
}

std::unique_ptr<Objects> SyncDriver::objects(const std::string& tenant) {
  return std::make_unique<SyncObjects>(manager_.session(tenant));
}

rowhouse::Result SyncDriver::execute(const std::string& tenant, std::string_view sql,
                                     std::vector<rowhouse::Value> parameters) {
  return manager_.session(tenant).execute(sql, parameters);
}

void SyncDriver::transaction(const std::string& tenant, const std::function<void(Unit&)>& work,
                             rowhouse::TransactionOptions options) {
  Session session = manager_.session(tenant);
  Transaction transaction = session.begin(options);
  SyncUnit unit(transaction);
  work(unit);
  transaction.commit();
}

void SyncDriver::retried(const std::string& tenant, const std::function<void(Unit&)>& work,
                         rowhouse::RetryOptions options) {
  options.transaction.tenant = tenant;
  manager_.run_in_transaction(
      [&](Transaction& transaction) {
        SyncUnit unit(transaction);
        work(unit);
      },
      options);
}

}  // namespace conformance
