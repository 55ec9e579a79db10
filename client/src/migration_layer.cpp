#include "migration_layer_methods.hpp"

namespace rowhouse {

template class BasicMigrationLayer<detail::Blocking>;

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
