#include "postgres_result.hpp"

#include <libpq-fe.h>

#include <cstdlib>

#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

PGresult* raw(const std::shared_ptr<void>& result) { return static_cast<PGresult*>(result.get()); }

}  // namespace

PostgresResult::PostgresResult(void* pg_result) noexcept
    : result_(pg_result, [](void* result) { PQclear(static_cast<PGresult*>(result)); }) {}
std::size_t PostgresResult::rows() const noexcept { return static_cast<std::size_t>(PQntuples(raw(result_))); }
std::size_t PostgresResult::columns() const noexcept { return static_cast<std::size_t>(PQnfields(raw(result_))); }
std::string_view PostgresResult::column_name(std::size_t column) const {
  const char* name = PQfname(raw(result_), static_cast<int>(column));
  return name != nullptr ? name : std::string_view{};
}
unsigned PostgresResult::column_type(std::size_t column) const {
  return PQftype(raw(result_), static_cast<int>(column));
}
std::optional<std::string_view> PostgresResult::value(std::size_t row, std::size_t column) const {
  const int r = static_cast<int>(row);
  const int c = static_cast<int>(column);
  if (row >= rows() || column >= columns()) throw_error("XX000", "row or column of a result is out of range");
  if (PQgetisnull(raw(result_), r, c) != 0) return std::nullopt;
  return std::string_view(PQgetvalue(raw(result_), r, c), static_cast<std::size_t>(PQgetlength(raw(result_), r, c)));
}
std::string PostgresResult::text(std::size_t row, std::size_t column) const {
  return std::string(value(row, column).value_or(""));
}

std::size_t PostgresResult::affected_rows() const {
  return static_cast<std::size_t>(std::strtoull(PQcmdTuples(raw(result_)), nullptr, 10));
}
std::string_view PostgresResult::command_tag() const { return PQcmdStatus(raw(result_)); }

}  // namespace rowhouse::detail
