// Types that the user chooses for columns, rather than what is stored in them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bridge/catalog.hpp"
#include "bridge/types.hpp"

namespace rowhouse::bridge {

struct TypeChoice {
  std::string table, column;  ///< as in SQLite, in any case
  PgType type = PgType::text;
};

/// A type by the name that a user writes: as sql_name() has it, or one of PostgreSQL's shorter names for the same.
std::optional<PgType> chosen_type(std::string_view name);
/// The names that chosen_type() knows, for people.
std::string chosen_type_names();

const TypeChoice* find_choice(const std::vector<TypeChoice>& choices, const std::string& table,
                              const std::string& column);

/// 22023 where a choice for this table can't be had: for a column of the helpdesk's table, for the tenant's, or of a time
/// or JSON in a key.
Status check_choices(const Table& table, const std::string& tenant_column, const std::vector<TypeChoice>& choices);

/// Whether a value is of the type chosen. Text that PostgreSQL can't hold is the text policy's business.
Refusal check_chosen(const Cell& cell, const TypeChoice& choice);
/// 42804 for one that is not.
Status refused_value(const Cell& cell, const TypeChoice& choice, Refusal refusal, const std::string& file,
                     const std::string& key);

}  // namespace rowhouse::bridge
