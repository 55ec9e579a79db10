#include "rowhouse/migration_layer.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "rowhouse/error.hpp"
#include "rowhouse/repository.hpp"
#include "rowhouse/store.hpp"

namespace rowhouse {
namespace {

struct Key {
  std::string_view original_id;
  std::string_view object_type;
  std::string_view platform;
};

std::vector<std::string> differing_columns(const IntegratedObject& a, const IntegratedObject& b) {
  std::vector<std::string> columns;
  const auto compare = [&](const char* name, const auto& left, const auto& right) {
    if (left != right) columns.emplace_back(name);
  };
  compare("original_data", a.original_data, b.original_data);
  compare("integrated_content", a.integrated_content, b.integrated_content);
  compare("summary", a.summary, b.summary);
  compare("metadata", a.metadata, b.metadata);
  return columns;
}

std::optional<IntegratedObject> find(DatabaseManager& manager, std::string_view company_id, const Key& key) {
  Session session = manager.session(std::string(company_id));
  return IntegratedObjectRepository(session).get_by_original_id(key.original_id, key.object_type, key.platform);
}

IntegratedObject upsert(DatabaseManager& manager, const IntegratedObjectData& data) {
  Session session = manager.session(data.company_id);
  return IntegratedObjectRepository(session).upsert(data);
}

bool update_summary(DatabaseManager& manager, std::string_view company_id, const Key& key, std::string_view summary) {
  return manager.run_in_transaction(
      [&](Transaction& transaction) {
        IntegratedObjectRepository repository(transaction);
        const auto object = repository.get_by_original_id(key.original_id, key.object_type, key.platform);
        return object && repository.update_summary(object->id, summary);
      },
      {.transaction = {.tenant = std::string(company_id)}});
}

}  // namespace

struct MigrationLayer::Impl {
  Impl(SqliteUrl the_sqlite_url, DatabaseManager the_postgres, MigrationMode mode, DatabaseOptions options)
      : sqlite_url(std::move(the_sqlite_url)),
        postgres(std::move(the_postgres)),
        sqlite_options(std::move(options)),
        default_mode(mode) {}

  // Opened for each call: a pool kept for each of thousands of files would run out of file descriptors.
  DatabaseManager sqlite(std::string_view company_id) const {
    return DatabaseManager(sqlite_url(company_id), sqlite_options);
  }

  // Does to PostgreSQL what SQLite has taken, and compares the two rows.
  template <class Write>
  void follow(std::string_view company_id, const Key& key, Write&& write) {
    MigrationDifference difference{.company_id = std::string(company_id),
                                   .platform = std::string(key.platform),
                                   .object_type = std::string(key.object_type),
                                   .original_id = std::string(key.original_id),
                                   .columns = {},
                                   .sqlstate = {},
                                   .message = {}};
    try {
      write(postgres);
      ++postgres_writes;
      DatabaseManager file = sqlite(company_id);
      const auto here = find(file, company_id, key);
      const auto there = find(postgres, company_id, key);
      ++compared;
      if (here && there)
        difference.columns = differing_columns(*here, *there);
      else if (here.has_value() != there.has_value())
        difference.columns = {"the whole row"};
      if (difference.columns.empty()) return;
      ++different;
      difference.message = "the row differs between SQLite and PostgreSQL";
    } catch (const Error& error) {
      ++refused;
      difference.sqlstate = error.sqlstate();
      difference.message = error.what();
    }
    DifferenceHandler handler;
    {
      const std::shared_lock lock(mode_mutex);
      handler = on_difference;
    }
    if (handler) handler(difference);
  }

  const SqliteUrl sqlite_url;
  DatabaseManager postgres;
  const DatabaseOptions sqlite_options;

  mutable std::shared_mutex mode_mutex;  // guards the next three
  MigrationMode default_mode;
  std::map<std::string, MigrationMode, std::less<>> modes;
  DifferenceHandler on_difference;

  std::atomic<std::uint64_t> sqlite_writes{0}, postgres_writes{0}, compared{0}, different{0}, refused{0};
};

MigrationLayer::MigrationLayer(SqliteUrl sqlite_url, DatabaseManager postgres, MigrationMode mode,
                               DatabaseOptions sqlite_options)
    : impl_(std::make_unique<Impl>(std::move(sqlite_url), std::move(postgres), mode, std::move(sqlite_options))) {}
MigrationLayer::MigrationLayer(MigrationLayer&&) noexcept = default;
MigrationLayer::~MigrationLayer() = default;

MigrationMode MigrationLayer::mode(std::string_view company_id) const {
  const std::shared_lock lock(impl_->mode_mutex);
  const auto at = impl_->modes.find(company_id);
  return at == impl_->modes.end() ? impl_->default_mode : at->second;
}

void MigrationLayer::set_mode(MigrationMode mode) {
  const std::lock_guard lock(impl_->mode_mutex);
  impl_->default_mode = mode;
}

void MigrationLayer::set_mode(std::string_view company_id, MigrationMode mode) {
  const std::lock_guard lock(impl_->mode_mutex);
  impl_->modes.insert_or_assign(std::string(company_id), mode);
}

void MigrationLayer::on_difference(DifferenceHandler handler) {
  const std::lock_guard lock(impl_->mode_mutex);
  impl_->on_difference = std::move(handler);
}

IntegratedObject MigrationLayer::store_integrated_object(const Json& object, std::string_view company_id,
                                                         std::string_view platform) {
  const MigrationMode now = mode(company_id);
  const IntegratedObjectData data = to_integrated_object(object, company_id, platform);
  if (now == MigrationMode::kPostgres) {
    IntegratedObject stored = upsert(impl_->postgres, data);
    ++impl_->postgres_writes;
    return stored;
  }
  DatabaseManager file = impl_->sqlite(company_id);
  IntegratedObject stored = upsert(file, data);
  ++impl_->sqlite_writes;
  if (now == MigrationMode::kDual) {
    impl_->follow(company_id, {data.original_id, data.object_type, data.platform},
                  [&](DatabaseManager& postgres) { upsert(postgres, data); });
  }
  return stored;
}

std::vector<IntegratedObject> MigrationLayer::get_by_company(std::string_view company_id,
                                                             std::optional<std::string_view> object_type) {
  const bool from_postgres = mode(company_id) == MigrationMode::kPostgres;
  DatabaseManager manager = from_postgres ? impl_->postgres : impl_->sqlite(company_id);
  Session session = manager.session(std::string(company_id));
  return IntegratedObjectRepository(session).get_by_company(company_id, object_type);
}

bool MigrationLayer::update_summary(std::string_view company_id, std::string_view original_id, std::string_view summary,
                                    std::string_view object_type, std::string_view platform) {
  const MigrationMode now = mode(company_id);
  const Key key{original_id, object_type, platform};
  if (now == MigrationMode::kPostgres) {
    const bool found = rowhouse::update_summary(impl_->postgres, company_id, key, summary);
    if (found) ++impl_->postgres_writes;
    return found;
  }
  DatabaseManager file = impl_->sqlite(company_id);
  if (!rowhouse::update_summary(file, company_id, key, summary)) return false;
  ++impl_->sqlite_writes;
  if (now == MigrationMode::kDual) {
    impl_->follow(company_id, key,
                  [&](DatabaseManager& postgres) { rowhouse::update_summary(postgres, company_id, key, summary); });
  }
  return true;
}

MigrationCounters MigrationLayer::counters() const noexcept {
  return {impl_->sqlite_writes, impl_->postgres_writes, impl_->compared, impl_->different, impl_->refused};
}

std::string_view to_string(MigrationMode mode) noexcept {
  switch (mode) {
    case MigrationMode::kSqlite:
      return "sqlite";
    case MigrationMode::kDual:
      return "dual";
    case MigrationMode::kPostgres:
      return "postgres";
  }
  return "sqlite";
}

MigrationMode parse_migration_mode(std::string_view text) {
  for (const MigrationMode mode : {MigrationMode::kSqlite, MigrationMode::kDual, MigrationMode::kPostgres}) {
    if (text == to_string(mode)) return mode;
  }
  throw ConfigurationError("unknown migration mode", "It is one of sqlite, dual and postgres.");
}

}  // namespace rowhouse
