// A type that is there and values that it does not hold: which type holds both, and how the column becomes one.
#include "bridge/widening.hpp"

#include <gtest/gtest.h>

namespace rowhouse::test {
namespace {

using bridge::ColumnProfile;
using bridge::PgType;

ColumnProfile counts(std::int64_t integers, std::int64_t reals, std::int64_t texts, std::int64_t blobs,
                     std::int64_t long_integers = 0) {
  ColumnProfile profile;
  profile.integers = integers;
  profile.reals = reals;
  profile.texts = texts;
  profile.blobs = blobs;
  profile.integers_over_2_53 = long_integers;
  return profile;
}

struct Case {
  PgType there, planned;
  ColumnProfile profile;
  std::optional<PgType> wider;
};

TEST(Widening, FindsATypeThatHoldsBoth) {
  const Case kCases[] = {
      {PgType::bigint, PgType::bigint, counts(3, 0, 0, 0), std::nullopt},
      {PgType::bigint, PgType::text, counts(0, 0, 0, 0), std::nullopt},
      {PgType::bigint, PgType::double_precision, counts(3, 0, 0, 0), std::nullopt},
      {PgType::bigint, PgType::double_precision, counts(3, 1, 0, 0), PgType::numeric},
      {PgType::double_precision, PgType::bigint, counts(3, 0, 0, 0), std::nullopt},
      {PgType::double_precision, PgType::bigint, counts(3, 0, 0, 0, 1), PgType::numeric},
      {PgType::numeric, PgType::double_precision, counts(3, 1, 0, 0), std::nullopt},
      {PgType::numeric, PgType::text, counts(3, 1, 1, 0), PgType::text},
      {PgType::text, PgType::numeric, counts(3, 1, 0, 0), std::nullopt},
      {PgType::text, PgType::timestamp, counts(0, 0, 1, 0), std::nullopt},
      {PgType::text, PgType::bytea, counts(0, 0, 1, 1), PgType::bytea},
      {PgType::text, PgType::bytea, counts(0, 0, 1, 0), PgType::bytea},
      {PgType::bytea, PgType::jsonb, counts(0, 0, 1, 0), std::nullopt},
      {PgType::boolean, PgType::bigint, counts(1, 0, 0, 0), PgType::text},
      {PgType::date, PgType::timestamp, counts(0, 0, 1, 0), PgType::timestamp},
      {PgType::timestamp, PgType::date, counts(0, 0, 1, 0), std::nullopt},
      {PgType::timestamp, PgType::timestamptz, counts(0, 0, 1, 0), PgType::timestamptz},
      {PgType::timestamptz, PgType::timestamp, counts(0, 0, 1, 0), std::nullopt},
      {PgType::timestamptz, PgType::text, counts(0, 0, 1, 0), PgType::text},
      {PgType::jsonb, PgType::text, counts(0, 0, 1, 0), PgType::text},
      {PgType::jsonb, PgType::bytea, counts(0, 0, 1, 1), PgType::bytea},
  };
  for (const Case& c : kCases) {
    const std::optional<PgType> wider = bridge::widened(c.there, c.planned, c.profile);
    EXPECT_EQ(wider, c.wider) << sql_name(c.there) << " and " << sql_name(c.planned);
    EXPECT_TRUE(!wider || bridge::can_widen(c.there, *wider)) << sql_name(c.there) << " and " << sql_name(c.planned);
  }
}

TEST(Widening, NeverNarrows) {
  EXPECT_FALSE(bridge::can_widen(PgType::text, PgType::bigint));
  EXPECT_FALSE(bridge::can_widen(PgType::bytea, PgType::text));
  EXPECT_FALSE(bridge::can_widen(PgType::numeric, PgType::double_precision));
  EXPECT_FALSE(bridge::can_widen(PgType::bigint, PgType::double_precision));
  EXPECT_FALSE(bridge::can_widen(PgType::timestamptz, PgType::date));
}

TEST(Widening, KeepsValues) {
  EXPECT_EQ(bridge::conversion_sql("c", PgType::double_precision, PgType::numeric), "c::text::numeric");
  EXPECT_EQ(bridge::conversion_sql("c", PgType::date, PgType::timestamptz), "c::timestamp AT TIME ZONE 'UTC'");
  EXPECT_EQ(bridge::conversion_sql("c", PgType::bigint, PgType::bytea), "convert_to(c::text, 'UTF8')");
  EXPECT_TRUE(bridge::keeps_form(PgType::bigint, PgType::text));
  EXPECT_FALSE(bridge::keeps_form(PgType::double_precision, PgType::text));
  EXPECT_FALSE(bridge::keeps_form(PgType::boolean, PgType::text));
}

}  // namespace
}  // namespace rowhouse::test
