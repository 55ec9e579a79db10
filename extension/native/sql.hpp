// SQL statements from C++, by the server programming interface. The caller is connected to it (SPI_connect).
//
// Statements are constant text or built from quoted names; values go in as parameters. All of these throw PgError.
#pragma once

#include "pg_compat.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rowhouse {

/// A value for $1, $2, …; text and bytes must outlive the call.
struct Parameter {
  Oid type = TEXTOID;
  bool null = true;
  std::int64_t integer = 0;
  const char* bytes = nullptr;
  std::size_t size = 0;

  Parameter() = default;
  Parameter(std::string_view text, Oid type_ = TEXTOID)
      : type(type_), null(false), bytes(text.data()), size(text.size()) {}
  Parameter(const std::string& text, Oid type_ = TEXTOID) : Parameter(std::string_view(text), type_) {}
  Parameter(const char* text) : Parameter(std::string_view(text)) {}
  Parameter(std::int64_t number) : type(INT8OID), null(false), integer(number) {}
  static Parameter relation(Oid oid) {
    Parameter parameter(static_cast<std::int64_t>(oid));
    parameter.type = REGCLASSOID;
    return parameter;
  }
  static Parameter null_of(Oid type_) {
    Parameter parameter;
    parameter.type = type_;
    return parameter;
  }
};

using SqlRow = std::vector<std::optional<std::string>>;

/// Runs a statement and returns its rows as text. As `role` when one is given, for statements that touch only what
/// belongs to it; the current role comes back afterwards, after an error too.
std::vector<SqlRow> run_sql(const std::string& sql, std::initializer_list<Parameter> parameters = {},
                            Oid role = InvalidOid);

/// The first column of the first row; nothing where there is no row or a NULL.
std::optional<std::string> ask_sql(const std::string& sql, std::initializer_list<Parameter> parameters = {},
                                   Oid role = InvalidOid);

/// An object's id, as a query's text shows it.
Oid to_oid(const std::optional<std::string>& text);

}  // namespace rowhouse
