#include "pg_compat.hpp"

#include "datum.hpp"

#include <cstring>

namespace rowhouse {
namespace {

Datum make_varlena(std::string_view bytes) {
  auto* made = static_cast<varlena*>(palloc(VARHDRSZ + bytes.size()));
  SET_VARSIZE(made, VARHDRSZ + bytes.size());
  if (!bytes.empty()) std::memcpy(VARDATA(made), bytes.data(), bytes.size());
  return PointerGetDatum(made);
}

Datum make_cstring(std::string_view bytes) {
  auto* made = static_cast<char*>(palloc(bytes.size() + 1));
  if (!bytes.empty()) std::memcpy(made, bytes.data(), bytes.size());
  made[bytes.size()] = '\0';
  return CStringGetDatum(made);
}

}  // namespace

Datum make_datum(const bridge::Value& value, bridge::PgType type) {
  switch (type) {
    case bridge::PgType::boolean:
      return BoolGetDatum(value.integer != 0);
    case bridge::PgType::bigint:
      return Int64GetDatum(value.integer);
    case bridge::PgType::double_precision:
      return Float8GetDatum(value.real);
    case bridge::PgType::date:
      return DateADTGetDatum(static_cast<DateADT>(value.integer));
    case bridge::PgType::timestamp:
      return TimestampGetDatum(value.integer);
    case bridge::PgType::timestamptz:
      return TimestampTzGetDatum(value.integer);
    case bridge::PgType::text:
    case bridge::PgType::bytea:
      return make_varlena(value.bytes);
    case bridge::PgType::numeric:
      return DirectFunctionCall3(numeric_in, make_cstring(value.bytes), ObjectIdGetDatum(InvalidOid),
                                 Int32GetDatum(-1));
    case bridge::PgType::jsonb:
      return DirectFunctionCall1(jsonb_in, make_cstring(value.bytes));
  }
  pg_unreachable();
}

}  // namespace rowhouse
