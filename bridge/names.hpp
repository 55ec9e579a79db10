// Names and literals as PostgreSQL takes them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rowhouse::bridge {

/// A name that PostgreSQL keeps whole, at most 63 bytes: a longer one is cut at a character and ends with a hash of all
/// of it, so that two names alike in their first 63 bytes stay two, and are the same in each run.
std::string fit_name(const std::string& name);
/// The same for a column: neither one of `taken` nor the name of a column that every table of PostgreSQL has.
std::string fit_column_name(const std::string& name, const std::vector<std::string>& taken);

/// Whether SQLite takes both for one name: without regard to the case of ASCII letters.
bool same_name(std::string_view a, std::string_view b);
/// The one of `known` that is spelled most like `name`; empty where none comes near.
std::string nearest_name(const std::string& name, const std::vector<std::string>& known);

/// `name` as an identifier of PostgreSQL: always in double quotes, quotes doubled. NUL never reaches it.
std::string quote_identifier(std::string_view name);
/// schema and table, quoted.
std::string quote_qualified(std::string_view schema, std::string_view table);
/// `text` as a string literal, whatever standard_conforming_strings says.
std::string quote_literal(std::string_view text);
/// The condition that a row is the tenant's: for statements that take no parameters, such as COPY.
std::string tenant_condition(std::string_view tenant_column, std::string_view tenant);

}  // namespace rowhouse::bridge
