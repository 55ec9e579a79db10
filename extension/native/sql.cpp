#include "pg_compat.hpp"

#include "sql.hpp"

#include "boundary.hpp"

namespace rowhouse {
namespace {

constexpr int kParametersMax = 16;

// The rows as C strings in the current context.
struct PlainRows {
  char*** rows;
  std::uint64_t count;
  int columns;
};

Datum make_datum(const Parameter& parameter) {
  if (parameter.type == TEXTOID || parameter.type == BYTEAOID)
    return PointerGetDatum(cstring_to_text_with_len(parameter.bytes, static_cast<int>(parameter.size)));
  return parameter.type == REGCLASSOID ? ObjectIdGetDatum(static_cast<Oid>(parameter.integer))
                                       : Int64GetDatum(parameter.integer);
}

// Plain frames from here on: every call may report.
PlainRows take_rows() {
  PlainRows taken = {nullptr, SPI_processed, 0};
  if (!SPI_tuptable) return {nullptr, 0, 0};
  const TupleDesc columns = SPI_tuptable->tupdesc;
  taken.columns = columns->natts;
  taken.rows = static_cast<char***>(palloc(sizeof(char**) * (taken.count + 1)));
  for (std::uint64_t row = 0; row < taken.count; ++row) {
    taken.rows[row] = static_cast<char**>(palloc(sizeof(char*) * static_cast<std::size_t>(columns->natts + 1)));
    for (int column = 0; column < columns->natts; ++column) {
      taken.rows[row][column] = SPI_getvalue(SPI_tuptable->vals[row], columns, column + 1);
    }
  }
  SPI_freetuptable(SPI_tuptable);
  return taken;
}

PlainRows execute(const char* sql, const Parameter* parameters, int count, Oid role) {
  Oid types[kParametersMax];
  Datum values[kParametersMax];
  char nulls[kParametersMax];
  Assert(count <= kParametersMax);
  for (int i = 0; i < count; ++i) {
    types[i] = parameters[i].type;
    nulls[i] = parameters[i].null ? 'n' : ' ';
    values[i] = parameters[i].null ? Datum(0) : make_datum(parameters[i]);
  }
  Oid caller;
  int security;
  GetUserIdAndSecContext(&caller, &security);
  // An error ends the transaction or subtransaction, and its end brings the caller back.
  if (OidIsValid(role)) SetUserIdAndSecContext(role, security | SECURITY_LOCAL_USERID_CHANGE);
  const int result = SPI_execute_with_args(sql, count, types, values, nulls, false, 0);
  if (result < 0) elog(ERROR, "rowhouse_native: %s in: %s", SPI_result_code_string(result), sql);
  const PlainRows taken = take_rows();
  SetUserIdAndSecContext(caller, security);
  return taken;
}

}  // namespace

std::vector<SqlRow> run_sql(const std::string& sql, std::initializer_list<Parameter> parameters, Oid role) {
  const MemoryContext scratch =
      pg_call([] { return AllocSetContextCreate(CurrentMemoryContext, "rowhouse statement", ALLOCSET_SMALL_SIZES); });
  const char* const text = sql.c_str();
  const Parameter* const values = parameters.begin();
  const int count = static_cast<int>(parameters.size());
  const PlainRows found = pg_call([&] {
    const MemoryContext before = MemoryContextSwitchTo(scratch);
    const PlainRows taken = execute(text, values, count, role);
    MemoryContextSwitchTo(before);
    return taken;
  });
  std::vector<SqlRow> rows(found.count);
  for (std::uint64_t row = 0; row < found.count; ++row) {
    for (int column = 0; column < found.columns; ++column) {
      const char* const value = found.rows[row][column];
      rows[row].push_back(value ? std::optional<std::string>(value) : std::nullopt);
    }
  }
  pg_call([&] { MemoryContextDelete(scratch); });
  return rows;
}

std::optional<std::string> ask_sql(const std::string& sql, std::initializer_list<Parameter> parameters, Oid role) {
  const std::vector<SqlRow> rows = run_sql(sql, parameters, role);
  return rows.empty() || rows[0].empty() ? std::nullopt : rows[0][0];
}

Oid to_oid(const std::optional<std::string>& text) { return static_cast<Oid>(std::stoul(text.value())); }

}  // namespace rowhouse
