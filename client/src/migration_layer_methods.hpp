#pragma once

#include "dual_copies.hpp"
#include "rowhouse/migration_layer.hpp"
#include "rowhouse/store.hpp"

// The methods of both migration layers, blocking and asynchronous; each library instantiates its own.
namespace rowhouse {

template <class Way>
struct BasicMigrationLayer<Way>::Impl : detail::LayerState, std::enable_shared_from_this<Impl> {
  using Run = detail::Runner<Way>;
  using Both = detail::DualCopies<Way>;
  using Transaction = typename Way::Transaction;
  using Objects = std::vector<IntegratedObject>;
  template <class R>
  using Task = typename Run::template Task<R>;
  template <class R>
  using Work = typename Both::template Work<R>;

  Impl(SqliteUrl the_sqlite_url, Manager the_postgres, MigrationMode mode, DatabaseOptions options)
      : LayerState(mode),
        sqlite_url(std::move(the_sqlite_url)),
        postgres(std::move(the_postgres)),
        sqlite_options(std::move(options)) {}

  // Opened for each call: a pool kept for each of thousands of files would run out of file descriptors.
  Manager sqlite(std::string_view company_id) const {
    return Run::beside(postgres, sqlite_url(company_id), sqlite_options);
  }
  Both both(const std::string& company_id) { return Both(*this, company_id, sqlite(company_id), postgres); }

  // What the caller gets of the task, which may use this until its end.
  template <class R>
  Answer<R> answer(Task<R> task) {
    const auto keep = [](std::shared_ptr<Impl>, Task<R> kept) -> Task<R> { co_return co_await std::move(kept); };
    return Run::answer(keep(this->shared_from_this(), std::move(task)));
  }

  // `change` where the company's mode says; what it gives in the database that counts.
  template <class R>
  Task<R> write(std::string company_id, detail::ObjectKey key, Work<R> change) {
    const MigrationMode now = this->mode(company_id);
    if (now == MigrationMode::kDual) {
      Both copies = both(company_id);
      auto writing = copies.template write<R>(key, change);
      co_return co_await std::move(writing);
    }
    const bool is_sqlite = now == MigrationMode::kSqlite;
    const Manager manager = is_sqlite ? sqlite(company_id) : postgres;
    auto running = Run::in_transaction(manager, change, detail::of_company(company_id));
    R result = co_await std::move(running);
    if (detail::has_written(result)) ++(is_sqlite ? this->sqlite_writes : this->postgres_writes);
    co_return result;
  }

  // `whole` names what is read.
  Task<Objects> read(std::string company_id, detail::ObjectKey whole, Work<Objects> read) {
    const MigrationMode now = this->mode(company_id);
    const Manager manager = now == MigrationMode::kPostgres ? postgres : sqlite(company_id);
    auto reading = Run::in_transaction(manager, read, detail::of_company(company_id, true));
    Objects objects = co_await std::move(reading);
    if (now == MigrationMode::kDual) {
      Both copies(*this, company_id, manager, postgres);
      auto comparing = copies.compare_read(objects, whole, read);
      co_await std::move(comparing);
    }
    co_return objects;
  }

  Task<detail::Found> read_one(std::string company_id, detail::ObjectKey key) {
    const auto find = [key](Transaction& transaction) -> Task<Objects> {
      auto finding = Both::find(transaction, key);
      const detail::Found object = co_await std::move(finding);
      Objects objects;
      if (object) objects.push_back(*object);
      co_return objects;
    };
    auto reading = read(company_id, key, find);
    const Objects objects = co_await std::move(reading);
    co_return objects.empty() ? std::nullopt : detail::Found(objects.front());
  }

  Task<ReconcileReport> reconcile(std::string company_id) {
    Both copies = both(company_id);
    auto reconciling = copies.reconcile();
    co_return co_await std::move(reconciling);
  }

  const SqliteUrl sqlite_url;
  const Manager postgres;
  const DatabaseOptions sqlite_options;
};

namespace detail {

inline ObjectKey key_of(std::string_view original_id, std::string_view object_type, std::string_view platform) {
  return {std::string(original_id), std::string(object_type), std::string(platform)};
}

}  // namespace detail

template <class Way>
BasicMigrationLayer<Way>::BasicMigrationLayer(SqliteUrl sqlite_url, Manager postgres, MigrationMode mode,
                                              DatabaseOptions sqlite_options)
    : impl_(std::make_shared<Impl>(std::move(sqlite_url), std::move(postgres), mode, std::move(sqlite_options))) {}
template <class Way>
BasicMigrationLayer<Way>::BasicMigrationLayer(BasicMigrationLayer&&) noexcept = default;
template <class Way>
BasicMigrationLayer<Way>::~BasicMigrationLayer() = default;

template <class Way>
MigrationMode BasicMigrationLayer<Way>::mode(std::string_view company_id) const {
  return impl_->mode(company_id);
}
template <class Way>
void BasicMigrationLayer<Way>::set_mode(MigrationMode mode) {
  impl_->set_mode(mode);
}
template <class Way>
void BasicMigrationLayer<Way>::set_mode(std::string_view company_id, MigrationMode mode) {
  impl_->set_mode(company_id, mode);
}
template <class Way>
void BasicMigrationLayer<Way>::on_difference(DifferenceHandler handler) {
  impl_->on_difference(std::move(handler));
}
template <class Way>
MigrationCounters BasicMigrationLayer<Way>::counters() const noexcept {
  return impl_->counters();
}

template <class Way>
auto BasicMigrationLayer<Way>::store_integrated_object(const Json& object, std::string_view company_id,
                                                       std::string_view platform) -> Answer<IntegratedObject> {
  const IntegratedObjectData data = to_integrated_object(object, company_id, platform);
  const auto store = [data](typename Way::Transaction& transaction) -> typename Impl::template Task<IntegratedObject> {
    typename Impl::Run::Objects objects(transaction);
    auto upserting = objects.upsert(data);
    co_return co_await std::move(upserting);
  };
  return impl_->template answer<IntegratedObject>(
      impl_->template write<IntegratedObject>(std::string(company_id), detail::ObjectKey::of(data), store));
}

template <class Way>
auto BasicMigrationLayer<Way>::get_by_company(std::string_view company_id, std::optional<std::string_view> object_type)
    -> Answer<std::vector<IntegratedObject>> {
  using Objects = typename Impl::Objects;
  std::optional<std::string> type;
  if (object_type) type = std::string(*object_type);
  const auto read = [company = std::string(company_id), type](typename Way::Transaction& transaction) ->
      typename Impl::template Task<Objects> {
        typename Impl::Run::Objects objects(transaction);
        auto reading = objects.get_by_company(company, type);
        co_return co_await std::move(reading);
      };
  return impl_->template answer<Objects>(
      impl_->read(std::string(company_id), detail::key_of("", object_type.value_or(""), ""), read));
}

template <class Way>
auto BasicMigrationLayer<Way>::get_by_original_id(std::string_view company_id, std::string_view original_id,
                                                  std::string_view object_type, std::string_view platform)
    -> Answer<std::optional<IntegratedObject>> {
  return impl_->template answer<detail::Found>(
      impl_->read_one(std::string(company_id), detail::key_of(original_id, object_type, platform)));
}

template <class Way>
auto BasicMigrationLayer<Way>::update_summary(std::string_view company_id, std::string_view original_id,
                                              std::string_view summary, std::string_view object_type,
                                              std::string_view platform) -> Answer<bool> {
  const detail::ObjectKey key = detail::key_of(original_id, object_type, platform);
  const auto update = [key, text = std::string(summary)](typename Way::Transaction& transaction) ->
      typename Impl::template Task<bool> {
        auto finding = Impl::Both::find(transaction, key);
        const detail::Found object = co_await std::move(finding);
        if (!object) co_return false;
        typename Impl::Run::Objects objects(transaction);
        auto updating = objects.update_summary(object->id, text);
        co_return co_await std::move(updating);
      };
  return impl_->template answer<bool>(impl_->template write<bool>(std::string(company_id), key, update));
}

template <class Way>
auto BasicMigrationLayer<Way>::remove(std::string_view company_id, std::string_view original_id,
                                      std::string_view object_type, std::string_view platform) -> Answer<bool> {
  const detail::ObjectKey key = detail::key_of(original_id, object_type, platform);
  const auto remove = [key](typename Way::Transaction& transaction) { return Impl::Both::remove(transaction, key); };
  return impl_->template answer<bool>(impl_->template write<bool>(std::string(company_id), key, remove));
}

template <class Way>
auto BasicMigrationLayer<Way>::reconcile(std::string_view company_id) -> Answer<ReconcileReport> {
  return impl_->template answer<ReconcileReport>(impl_->reconcile(std::string(company_id)));
}

}  // namespace rowhouse
