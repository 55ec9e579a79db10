#include "bridge/types.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <string>

#include "bridge/timestamp.hpp"

namespace rowhouse::bridge {
namespace {

struct TypeRow {
  PgType type;
  const char* name;
  std::uint32_t oid;
};

constexpr TypeRow kTypes[] = {
    {PgType::boolean, "boolean", 16},
    {PgType::bigint, "bigint", 20},
    {PgType::double_precision, "double precision", 701},
    {PgType::numeric, "numeric", 1700},
    {PgType::text, "text", 25},
    {PgType::bytea, "bytea", 17},
    {PgType::date, "date", 1082},
    {PgType::timestamp, "timestamp without time zone", 1114},
    {PgType::timestamptz, "timestamp with time zone", 1184},
    {PgType::jsonb, "jsonb", 3802},
};

const TypeRow& row_of(PgType type) { return kTypes[static_cast<int>(type)]; }

constexpr std::size_t kSampleBytes = 40, kDeclaredBytes = 200;
constexpr double kTwoTo63 = 9223372036854775808.0;

bool holds(const std::string& words, const char* part) { return words.find(part) != std::string::npos; }

// What a column without values becomes, and what evidence calls the declared words.
PgType type_of(DeclaredKind kind) {
  switch (kind) {
    case DeclaredKind::integer:
      return PgType::bigint;
    case DeclaredKind::real:
      return PgType::double_precision;
    case DeclaredKind::numeric:
      return PgType::numeric;
    case DeclaredKind::blob:
      return PgType::bytea;
    case DeclaredKind::boolean:
      return PgType::boolean;
    case DeclaredKind::date:
      return PgType::date;
    case DeclaredKind::time:
      return PgType::timestamp;
    case DeclaredKind::json:
      return PgType::jsonb;
    default:
      return PgType::text;
  }
}

// The type that the stored classes alone ask for. Several classes together fall back to one that holds them all.
PgType type_of_classes(const ColumnProfile& profile, DeclaredKind kind) {
  if (profile.blobs > 0) return PgType::bytea;
  if (profile.texts > 0) return PgType::text;
  if (kind == DeclaredKind::numeric && profile.reals > 0) return PgType::numeric;
  if (profile.reals > 0) return profile.integers_over_2_53 > 0 ? PgType::numeric : PgType::double_precision;
  // SQLite keeps whole numbers of a NUMERIC or REAL column as integers: the words say that fractions may come.
  if (kind == DeclaredKind::numeric) return PgType::numeric;
  if (kind == DeclaredKind::real && profile.integers_over_2_53 == 0) return PgType::double_precision;
  return PgType::bigint;
}

bool agrees_with_declared(const ColumnProfile& profile, DeclaredKind kind) {
  const bool only_text = profile.classes() == 1 && profile.texts > 0;
  switch (kind) {
    case DeclaredKind::boolean:
      return profile.not_boolean == 0;
    case DeclaredKind::date:
    case DeclaredKind::time:
      return only_text && profile.not_time == 0;
    case DeclaredKind::json:
      return profile.blobs == 0 && profile.not_json == 0;
    default:
      return false;
  }
}

PgType type_of_times(const ColumnProfile& profile) {
  if (profile.with_zone > 0) return PgType::timestamptz;
  return profile.not_date == 0 ? PgType::date : PgType::timestamp;
}

void append_count(std::string& out, std::int64_t count, const char* word) {
  if (count == 0) return;
  if (out.back() != ' ') out += ", ";
  out += std::to_string(count) + " " + word;
}

std::string describe(std::string_view declared_type, const ColumnProfile& profile) {
  std::string out =
      declared_type.empty() ? "no declared type; " : "declared " + printable(declared_type, kDeclaredBytes) + "; ";
  append_count(out, profile.integers, "integer");
  append_count(out, profile.reals, "real");
  append_count(out, profile.texts, "text");
  append_count(out, profile.blobs, "blob");
  append_count(out, profile.nulls, "null");
  if (out.back() == ' ') out += "no rows";
  if (!profile.odd_value.empty()) out += "; not all fit the declared type, as \"" + profile.odd_value + "\"";
  if (profile.nul_texts > 0) out += "; " + std::to_string(profile.nul_texts) + " with NUL";
  if (profile.invalid_texts > 0) out += "; " + std::to_string(profile.invalid_texts) + " not UTF-8";
  return out;
}

// The start of a text for people.
std::string sample(std::string_view text) {
  std::string out = printable(text.substr(0, 2 * kSampleBytes), kSampleBytes);
  std::replace(out.begin(), out.end(), '"', '.');
  return out;
}

}  // namespace

const char* sql_name(PgType type) { return row_of(type).name; }
std::uint32_t type_oid(PgType type) { return row_of(type).oid; }

bool type_from_name(std::string_view name, PgType& type) {
  for (const TypeRow& row : kTypes) {
    if (name == row.name) {
      type = row.type;
      return true;
    }
  }
  return false;
}

DeclaredKind declared_kind(std::string_view declared_type) {
  std::string words;
  for (char c : declared_type) words += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (words.empty()) return DeclaredKind::none;
  // SQLite's own affinity rule comes first; only words that it takes for NUMERIC are read further.
  if (holds(words, "INT")) return DeclaredKind::integer;
  if (holds(words, "CHAR") || holds(words, "CLOB") || holds(words, "TEXT")) return DeclaredKind::text;
  if (holds(words, "BLOB")) return DeclaredKind::blob;
  if (holds(words, "REAL") || holds(words, "FLOA") || holds(words, "DOUB")) return DeclaredKind::real;
  if (holds(words, "BOOL")) return DeclaredKind::boolean;
  if (holds(words, "JSON")) return DeclaredKind::json;
  if (holds(words, "TIMESTAMP") || holds(words, "DATETIME")) return DeclaredKind::time;
  if (words == "DATE") return DeclaredKind::date;
  if (holds(words, "NUM") || holds(words, "DEC")) return DeclaredKind::numeric;
  return DeclaredKind::none;
}

bool needs_text(DeclaredKind kind) {
  return kind == DeclaredKind::boolean || kind == DeclaredKind::date || kind == DeclaredKind::time ||
         kind == DeclaredKind::json;
}

std::uint32_t ColumnProfile::add(const Cell& cell, DeclaredKind kind) {
  std::uint32_t seen = 0;
  switch (cell.storage_class) {
    case StorageClass::null:
      ++nulls;
      return kSeesNull;
    case StorageClass::integer:
      ++integers;
      seen = kSeesInteger;
      if (cell.integer < -(std::int64_t{1} << 53) || cell.integer > (std::int64_t{1} << 53)) {
        ++integers_over_2_53;
        seen |= kSeesBeyondDouble;
      }
      break;
    case StorageClass::real:
      ++reals;
      seen = kSeesReal;
      if (std::isinf(cell.real)) {
        ++infinities;
        seen |= kSeesInfinity;
      } else if (kind == DeclaredKind::integer && (cell.real >= kTwoTo63 || cell.real < -kTwoTo63)) {
        ++beyond_bigint;
        seen |= kSeesBeyondBigint;
      }
      break;
    case StorageClass::text:
      ++texts;
      seen = kSeesText;
      break;
    case StorageClass::blob:
      ++blobs;
      seen = kSeesBlob;
      break;
  }
  return needs_text(kind) ? seen | compare_with_declared(cell, kind) : seen;
}

std::uint32_t ColumnProfile::compare_with_declared(const Cell& cell, DeclaredKind kind) {
  bool odd = false;
  std::uint32_t seen = 0;
  Value value;
  if (kind == DeclaredKind::boolean) {
    odd = static_cast<bool>(decode(cell, PgType::boolean, TextCheck::utf8, value));
    not_boolean += odd;
  } else if (kind == DeclaredKind::json) {
    odd = static_cast<bool>(decode(cell, PgType::jsonb, TextCheck::json, value));
    not_json += odd;
  } else if (cell.storage_class == StorageClass::text) {
    ParsedTime time;
    odd = !parse_time(cell.bytes, time);
    not_time += odd;
    not_date += odd || !time.date_only;
    with_zone += !odd && time.with_zone;
    if (!odd) seen = time.date_only ? kSeesDate : time.with_zone ? kSeesZone : kSeesTime;
  }
  if (odd && odd_value.empty() && cell.storage_class == StorageClass::text) odd_value = sample(cell.bytes);
  return odd ? seen | kSeesMisfit : seen;
}

void ColumnProfile::add(const ColumnProfile& other) {
  nulls += other.nulls;
  integers += other.integers;
  reals += other.reals;
  texts += other.texts;
  blobs += other.blobs;
  not_boolean += other.not_boolean;
  integers_over_2_53 += other.integers_over_2_53;
  not_date += other.not_date;
  not_time += other.not_time;
  with_zone += other.with_zone;
  not_json += other.not_json;
  nul_texts += other.nul_texts;
  invalid_texts += other.invalid_texts;
  infinities += other.infinities;
  beyond_bigint += other.beyond_bigint;
  if (odd_value.empty()) odd_value = other.odd_value;
}

TypeDecision decide_type(std::string_view declared_type, const ColumnProfile& profile, bool in_key,
                         bool invalid_as_bytea) {
  const DeclaredKind kind = declared_kind(declared_type);
  const bool reads_words = needs_text(kind) && !in_key;
  TypeDecision decision;
  if (profile.values() == 0) {
    decision.type = in_key && needs_text(kind) ? PgType::text : type_of(kind);
  } else if (reads_words && agrees_with_declared(profile, kind)) {
    const bool times = kind == DeclaredKind::date || kind == DeclaredKind::time;
    decision.type = times ? type_of_times(profile) : type_of(kind);
  } else {
    decision.type = type_of_classes(profile, kind);
  }
  if (invalid_as_bytea && decision.type == PgType::text && profile.invalid_texts > 0) decision.type = PgType::bytea;
  decision.evidence = describe(declared_type, profile);
  return decision;
}

}  // namespace rowhouse::bridge
