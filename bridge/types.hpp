// Which PostgreSQL type a SQLite column becomes. What is stored decides; the declared type is a hint.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bridge/cell.hpp"

namespace rowhouse::bridge {

enum class PgType { boolean, bigint, double_precision, numeric, text, bytea, date, timestamp, timestamptz, jsonb };

/// The type's name in SQL, such as "double precision".
const char* sql_name(PgType type);
/// The type's object id in every PostgreSQL.
std::uint32_t type_oid(PgType type);
/// The type that `name` says (as from format_type, without modifiers; varchar and integer are read as their wide
/// forms only by the caller's choice); false when the bridge has no such type.
bool type_from_name(std::string_view name, PgType& type);

/// date, timestamp or timestamptz.
inline bool is_time(PgType type) {
  return type == PgType::date || type == PgType::timestamp || type == PgType::timestamptz;
}

/// What the words of a declared type suggest beyond SQLite's affinities.
enum class DeclaredKind { none, integer, real, numeric, text, blob, boolean, date, time, json };
DeclaredKind declared_kind(std::string_view declared_type);

/// Whether a declared kind needs the text of each value examined, not only its storage class.
bool needs_text(DeclaredKind kind);

/// What can be seen of a value; bits that add up.
enum Sight : std::uint32_t {
  kSeesNull = 1,
  kSeesInteger = 2,
  kSeesReal = 4,
  kSeesText = 8,
  kSeesBlob = 16,
  kSeesNul = 32,
  kSeesInvalidUtf8 = 64,
  kSeesBeyondDouble = 128,  ///< an integer that a double does not hold exactly
  kSeesBeyondBigint = 256,  ///< a real in a column of integers that is too large for one
  kSeesInfinity = 512,
  kSeesDate = 1024,  ///< this and the next: texts in columns of declared times
  kSeesTime = 2048,
  kSeesZone = 4096,
  kSeesMisfit = 8192  ///< a value that speaks against the declared kind
};

/// What the values of one column are: counts by storage class, and what all the text of it has in common.
/// Profiles of the same column in several files add up.
struct ColumnProfile {
  std::int64_t nulls = 0, integers = 0, reals = 0, texts = 0, blobs = 0;
  std::int64_t not_boolean = 0;         ///< non-null values that are not 0, 1 or a word for true or false
  std::int64_t integers_over_2_53 = 0;  ///< integers that a double does not hold exactly
  std::int64_t not_date = 0;            ///< texts that are no plain date; counted for declared times only
  std::int64_t not_time = 0;            ///< texts that are no date and no timestamp of PostgreSQL's precision
  std::int64_t with_zone = 0;           ///< timestamps that name a zone
  std::int64_t not_json = 0;            ///< texts that jsonb would refuse; counted for declared JSON only
  std::int64_t nul_texts = 0;           ///< texts that hold NUL, where texts were looked at
  std::int64_t invalid_texts = 0;       ///< texts that are not UTF-8, where texts were looked at
  std::int64_t infinities = 0;
  std::int64_t beyond_bigint = 0;       ///< reals in a column declared INT… that are too large for a bigint
  std::string odd_value;                ///< the first text that spoke against the declared kind, cut to 40 bytes

  /// Returns what was seen, as bits of Sight.
  std::uint32_t add(const Cell& cell, DeclaredKind kind);
  void add(const ColumnProfile& other);
  bool operator==(const ColumnProfile&) const = default;
  std::int64_t values() const { return integers + reals + texts + blobs; }
  /// How many storage classes other than NULL occur.
  int classes() const { return (integers > 0) + (reals > 0) + (texts > 0) + (blobs > 0); }

 private:
  std::uint32_t compare_with_declared(const Cell& cell, DeclaredKind kind);
};

struct TypeDecision {
  PgType type = PgType::text;
  std::string evidence;  ///< one line for people: declared type, classes and counts, what decided
};

/// A type that holds every stored value. `in_key`: the column is part of a key, where times and JSON stay text.
/// `invalid_as_bytea`: text that is not UTF-8 makes a column bytea, rather than its rows rejects.
TypeDecision decide_type(std::string_view declared_type, const ColumnProfile& profile, bool in_key,
                         bool invalid_as_bytea = false);

}  // namespace rowhouse::bridge
