// Expressions of SQLite that mean the same in PostgreSQL, and no others.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "bridge/types.hpp"

namespace rowhouse::bridge {

/// A column that an expression may name.
struct ExpressionColumn {
  std::string sql;  ///< as PostgreSQL writes it, quoted
  PgType type = PgType::text;
  bool nocase = false;  ///< compared without regard to the case of ASCII letters
};
/// Finds a column by its name in SQLite, with the table's name or alias where there is one; nothing: not known.
using FindColumn = std::function<std::optional<ExpressionColumn>(const std::string& table, const std::string& column)>;

/// What `sql` is in PostgreSQL; nothing where it is not sure to mean the same for every value that the columns' types
/// hold. Understood: columns, literals, comparisons, AND, OR, NOT, IN, BETWEEN, IS, LIKE without ESCAPE, + - *, ||,
/// length, lower, upper, trim, substr, abs, coalesce, ifnull, nullif.
std::optional<std::string> translate_condition(std::string_view sql, const FindColumn& find);
/// The same for a value, as in an index; `type` becomes its type.
std::optional<std::string> translate_value(std::string_view sql, const FindColumn& find, PgType& type);

/// What a DEFAULT is in PostgreSQL for a column of `type`; nothing where the type does not hold it, or it is computed
/// by more than CURRENT_TIMESTAMP, CURRENT_DATE, CURRENT_TIME or datetime('now').
std::optional<std::string> translate_default(std::string_view sql, PgType type);

}  // namespace rowhouse::bridge
