// A column that is there, of a type that what the files bring does not fit: which type holds both.
#pragma once

#include <optional>
#include <string>

#include "bridge/types.hpp"

namespace rowhouse::bridge {

/// The type that keeps every value of a column of type `there` and holds values that alone would make it `planned`;
/// nothing where `there` holds them already. What earlier files have stored is not known any more: only its type is.
std::optional<PgType> widened(PgType there, PgType planned, const ColumnProfile& profile);

/// Whether every value of `from` has one in `to` that says the same.
bool can_widen(PgType from, PgType to);

/// Whether a conversion gives every value the form in which it would have been copied into the wider type: bigint to
/// numeric does; double precision to text does not, 1.0 being "1" in PostgreSQL and "1.0" in SQLite.
bool keeps_form(PgType from, PgType to);

/// The USING expression of ALTER COLUMN … TYPE; `column` is quoted. No value is lost on the way.
std::string conversion_sql(const std::string& column, PgType from, PgType to);

}  // namespace rowhouse::bridge
