#include "rowhouse/repository.hpp"

#include <algorithm>
#include <utility>

#include "lease.hpp"
#include "repository_statements.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse {
namespace {

Timestamp now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

Json json_or_null(const Field& field) { return field.is_null() ? Json() : field.to_json(); }

std::string text_or_empty(const Field& field) { return field.is_null() ? std::string() : field.to_text(); }

// In the order of the statements' columns.
IntegratedObject to_object(const Row& row) {
  IntegratedObject object;
  object.id = row.get<std::int64_t>(0);
  try {
    object.original_id = text_or_empty(row[1]);
    object.company_id = text_or_empty(row[2]);
    object.platform = text_or_empty(row[3]);
    object.object_type = text_or_empty(row[4]);
    object.original_data = json_or_null(row[5]);
    object.integrated_content = row.get<std::optional<std::string>>(6);
    object.summary = row.get<std::optional<std::string>>(7);
    object.metadata = json_or_null(row[8]);
    object.created_at = row.get<std::optional<Timestamp>>(9);
    object.updated_at = row.get<std::optional<Timestamp>>(10);
  } catch (const Error& error) {
    throw_error(error.sqlstate(), "integrated_objects, id " + std::to_string(object.id) + ": " + error.what(),
                {.hint = "Correct this row by its id."});
  }
  return object;
}

std::vector<IntegratedObject> to_objects(const Result& result) {
  std::vector<IntegratedObject> objects;
  objects.reserve(result.size());
  for (const Row& row : result) objects.push_back(to_object(row));
  return objects;
}

std::optional<IntegratedObject> to_optional(const Result& result) {
  if (result.empty()) return std::nullopt;
  return to_object(result.one());
}

}  // namespace

struct IntegratedObjectRepository::Impl {
  // `the_transaction`: the only one to work in; 0 for whatever the session does.
  Impl(std::shared_ptr<detail::Lease> the_lease, std::uint64_t the_transaction)
      : lease(std::move(the_lease)),
        transaction(the_transaction),
        statements(lease->connection().database(), lease->options().schema) {
    if (!lease->tenant()) {
      throw_error("55000", "a repository needs a tenant, and the session has none",
                  {.hint = "Open the session with manager.session(company_id)."});
    }
    tenant = *lease->tenant();
  }

  // The tenant and then `values`.
  Result execute(const std::string& sql, std::vector<Value> values) const {
    const bool over = transaction != 0 && lease->open_transaction() != transaction;
    if (over || lease->tenant() != tenant) throw_error("25P01", "the transaction of this repository is over");
    values.insert(values.begin(), Value(tenant));
    return lease->execute(sql, values);
  }

  IntegratedObject write(const std::string& sql, const IntegratedObjectData& data) const {
    if (data.company_id != tenant) {
      detail::check_tenant(data.company_id);
      throw_error("42501", "the object belongs to another tenant than the session",
                  {.hint = "Open a session for the object's company_id."});
    }
    const Result result =
        execute(sql, {data.original_id, data.platform, data.object_type, data.original_data, data.integrated_content,
                      data.summary, data.metadata.is_null() ? Value() : Value(data.metadata), now()});
    return to_object(result.one());
  }

  std::shared_ptr<detail::Lease> lease;
  std::uint64_t transaction;
  detail::RepositoryStatements statements;
  std::string tenant;
};

IntegratedObjectRepository::IntegratedObjectRepository(Session& session)
    : impl_(std::make_shared<const Impl>(detail::LeaseAccess::of(session), 0)) {}
IntegratedObjectRepository::IntegratedObjectRepository(Transaction& transaction)
    : impl_(std::make_shared<const Impl>(detail::LeaseAccess::of(transaction),
                                         detail::LeaseAccess::of(transaction)->open_transaction())) {}

std::vector<IntegratedObject> IntegratedObjectRepository::get_by_company(std::string_view company_id,
                                                                         std::optional<std::string_view> object_type) {
  std::vector<IntegratedObject> objects =
      to_objects(object_type ? impl_->execute(impl_->statements.all_of_type, {company_id, *object_type})
                             : impl_->execute(impl_->statements.all, {company_id}));
  std::stable_sort(objects.begin(), objects.end(),
                   [](const auto& a, const auto& b) { return a.created_at > b.created_at; });
  return objects;
}

std::optional<IntegratedObject> IntegratedObjectRepository::get(std::int64_t id) {
  return to_optional(impl_->execute(impl_->statements.by_id, {id}));
}

std::optional<IntegratedObject> IntegratedObjectRepository::get_by_original_id(std::string_view original_id,
                                                                               std::string_view object_type,
                                                                               std::string_view platform) {
  return to_optional(impl_->execute(impl_->statements.by_original_id, {original_id, object_type, platform}));
}

std::uint64_t IntegratedObjectRepository::count(std::optional<std::string_view> object_type) {
  const Result result = object_type ? impl_->execute(impl_->statements.count_of_type, {*object_type})
                                    : impl_->execute(impl_->statements.count, {});
  return result.one().get<std::uint64_t>(0);
}

IntegratedObject IntegratedObjectRepository::create(const IntegratedObjectData& data) {
  return impl_->write(impl_->statements.insert, data);
}

IntegratedObject IntegratedObjectRepository::create(const Json& data) {
  return create(IntegratedObjectData::from_json(data));
}

IntegratedObject IntegratedObjectRepository::upsert(const IntegratedObjectData& data) {
  return impl_->write(impl_->statements.upsert, data);
}

bool IntegratedObjectRepository::update_summary(std::int64_t id, std::string_view summary) {
  return impl_->execute(impl_->statements.update_summary, {id, summary, now()}).affected_rows() > 0;
}

bool IntegratedObjectRepository::remove(std::int64_t id) {
  return impl_->execute(impl_->statements.remove, {id}).affected_rows() > 0;
}

}  // namespace rowhouse
