#include "bridge/widening.hpp"

namespace rowhouse::bridge {
namespace {

bool is_number(PgType type) {
  return type == PgType::bigint || type == PgType::double_precision || type == PgType::numeric;
}

// The values' classes say so; where they do not tell enough, that both are of one type.
bool holds(PgType there, PgType planned, const ColumnProfile& profile) {
  if (there == planned || profile.values() == 0) return true;
  switch (there) {
    case PgType::bytea:
      return true;
    case PgType::text:
      return profile.blobs == 0 && planned != PgType::bytea;
    case PgType::numeric:
      return profile.texts + profile.blobs == 0;
    case PgType::double_precision:
      return profile.texts + profile.blobs + profile.integers_over_2_53 == 0;
    case PgType::bigint:
      return profile.integers == profile.values();
    case PgType::timestamptz:
      return is_time(planned);
    case PgType::timestamp:
      return planned == PgType::date;
    default:
      return false;
  }
}

}  // namespace

std::optional<PgType> widened(PgType there, PgType planned, const ColumnProfile& profile) {
  if (holds(there, planned, profile)) return std::nullopt;
  if (planned == PgType::bytea || profile.blobs > 0) return PgType::bytea;
  if (is_number(there) && is_number(planned)) return PgType::numeric;
  if (is_time(there) && is_time(planned))
    return planned == PgType::timestamptz ? PgType::timestamptz : PgType::timestamp;
  return PgType::text;
}

bool can_widen(PgType from, PgType to) {
  switch (to) {
    case PgType::bytea:
      return true;
    case PgType::text:
      return from != PgType::bytea;
    case PgType::numeric:
      return from == PgType::bigint || from == PgType::double_precision;
    case PgType::timestamp:
      return from == PgType::date;
    case PgType::timestamptz:
      return from == PgType::date || from == PgType::timestamp;
    default:
      return false;
  }
}

bool keeps_form(PgType from, PgType to) {
  switch (from) {
    case PgType::bigint:
      return to == PgType::numeric || to == PgType::text || to == PgType::bytea;
    case PgType::double_precision:
      return to == PgType::numeric;
    case PgType::date:
    case PgType::timestamp:
      return is_time(to);
    case PgType::text:
      return to == PgType::bytea;
    default:
      return false;
  }
}

std::string conversion_sql(const std::string& column, PgType from, PgType to) {
  if (to == PgType::timestamptz) return column + "::timestamp AT TIME ZONE 'UTC'";
  // A cast of double precision to numeric rounds; its text does not.
  if (to == PgType::numeric && from == PgType::double_precision) return column + "::text::numeric";
  if (to == PgType::bytea) return "convert_to(" + column + "::text, 'UTF8')";
  return column + "::" + sql_name(to);
}

}  // namespace rowhouse::bridge
