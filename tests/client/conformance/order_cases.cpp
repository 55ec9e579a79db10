#include <thread>

#include "suite.hpp"

namespace conformance {
namespace {

using rowhouse::Filter;
using rowhouse::IntegratedObject;
using rowhouse::IntegratedObjectData;
using rowhouse::PageKey;
using rowhouse::Timestamp;
using rowhouse::where;

// Objects 1 to n, each created a minute after the one before; those of one `step` at the same time.
std::unique_ptr<Objects> minutes(Driver& driver, const std::string& tenant, int n, int step = 1) {
  auto objects = driver.objects(tenant);
  for (int i = 1; i <= n; ++i) objects->create(object(tenant, std::to_string(i)));
  for (int i = 1; i <= n; ++i) {
    const Timestamp time(std::chrono::minutes(29'000'000 + i / step));
    driver.execute(tenant, "UPDATE integrated_objects SET created_at = $1 WHERE company_id = $2 AND original_id = $3",
                   {time, tenant, std::to_string(i)});
  }
  return objects;
}

void newest_first(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  EXPECT_EQ(ids_of(minutes(driver, tenant, 5)->get_by_company(tenant)), "5 4 3 2 1");
}

void same_time_is_by_id(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  EXPECT_EQ(ids_of(minutes(driver, tenant, 5, 2)->get_by_company(tenant)), "4 5 2 3 1");
}

void by_type_and_platform(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  for (const char* type : {"a", "b"}) {
    for (const char* platform : {"x", "y"}) {
      IntegratedObjectData data = object(tenant, std::string(type) + platform);
      data.object_type = type;
      data.platform = platform;
      objects->create(data);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  EXPECT_EQ(ids_of(objects->get_by_company(tenant)), "by bx ay ax");
  EXPECT_EQ(ids_of(objects->get_by_company(tenant, "a")), "ay ax");
  EXPECT_EQ(ids_of(objects->get_by_company(tenant, std::nullopt, "x")), "bx ax");
  EXPECT_EQ(ids_of(objects->get_by_company(tenant, "b", "y")), "by");
  EXPECT_EQ(ids_of(objects->get_by_company(tenant, "c")), "");
  EXPECT_EQ(ids_of(objects->get_by_company(tenant, "A")), "");
}

void pages_cover_all_once(Driver& driver, std::size_t limit, int step) {
  const std::string tenant = driver.new_tenant();
  const auto objects = minutes(driver, tenant, 7, step);
  std::vector<IntegratedObject> all;
  std::optional<PageKey> after;
  for (int pages = 0; pages < 20; ++pages) {
    const auto page = objects->page(limit, after);
    EXPECT_LE(page.rows.size(), limit);
    all.insert(all.end(), page.rows.begin(), page.rows.end());
    if (!page.next) break;
    after = PageKey::parse(page.next->text());
  }
  EXPECT_EQ(ids_of(all), ids_of(objects->get_by_company(tenant)));
}

void pages_stand_still(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = minutes(driver, tenant, 6);
  const auto first = objects->page(2, std::nullopt);
  EXPECT_EQ(ids_of(first.rows), "6 5");
  objects->create(object(tenant, "new"));
  EXPECT_TRUE(objects->remove_by_original_id("5"));
  EXPECT_TRUE(objects->remove_by_original_id("4"));
  EXPECT_EQ(ids_of(objects->page(2, first.next).rows), "3 2");
}

void last_page_has_no_next(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = minutes(driver, tenant, 2);
  EXPECT_FALSE(objects->page(2, std::nullopt).next);
  EXPECT_FALSE(objects->page(3, std::nullopt).next);
  EXPECT_TRUE(objects->page(1, std::nullopt).next);
  EXPECT_TRUE(objects->page(0, std::nullopt).rows.empty());
  EXPECT_TRUE(driver.objects(driver.new_tenant())->page(5, std::nullopt).rows.empty());
}

void page_of_a_type(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = minutes(driver, tenant, 3);
  IntegratedObjectData article = object(tenant, "9");
  article.object_type = "integrated_article";
  objects->create(article);
  EXPECT_EQ(ids_of(objects->page(9, std::nullopt, "integrated_article").rows), "9");
  EXPECT_EQ(ids_of(objects->page(2, std::nullopt, "integrated_ticket").rows), "3 2");
}

void stream_is_by_id(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = minutes(driver, tenant, 5);
  std::vector<IntegratedObject> all;
  objects->for_each([&](const IntegratedObject& one) {
    all.push_back(one);
    return true;
  });
  EXPECT_EQ(ids_of(all), "1 2 3 4 5");
  all.clear();
  objects->for_each([&](const IntegratedObject& one) {
    all.push_back(one);
    return all.size() < 2;
  });
  EXPECT_EQ(ids_of(all), "1 2");
  EXPECT_EQ(objects->count(), 5u);  // the session goes on
}

void stream_of_many(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  std::vector<IntegratedObjectData> many;
  for (int i = 0; i < 2500; ++i) many.push_back(object(tenant, std::to_string(i)));
  EXPECT_EQ(objects->upsert_many(many), 2500u);
  std::int64_t last = 0;
  std::size_t seen = 0;
  objects->for_each([&](const IntegratedObject& one) {
    EXPECT_GT(one.id, last);
    last = one.id;
    ++seen;
    return true;
  });
  EXPECT_EQ(seen, 2500u);
}

void stream_passes_exceptions_on(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = minutes(driver, tenant, 2);
  EXPECT_THROW(objects->for_each([](const IntegratedObject&) -> bool { throw std::runtime_error("enough"); }),
               std::runtime_error);
  EXPECT_EQ(objects->count(), 2u);
}

struct FilterRow {
  const char* name;
  Filter<IntegratedObject> filter;
  const char* expected;
};

// Of objects 1 to 4: 2 and 3 have a summary, 4 is of zendesk.
Cases filter_cases() {
  using Object = IntegratedObject;
  using Text = std::optional<std::string>;
  const Timestamp third(std::chrono::minutes(29'000'003));
  const std::vector<FilterRow> rows{
      {"Everything", {}, "4 3 2 1"},
      {"Equal", where(&Object::original_id) == "3", "3"},
      {"EqualToNothing", where(&Object::original_id) == "", ""},
      {"NotEqual", where(&Object::original_id) != "3", "4 2 1"},
      {"IsNull", where(&Object::summary) == std::nullopt, "4 1"},
      {"IsNotNull", where(&Object::summary) != std::nullopt, "3 2"},
      {"NullDiffersFromAValue", where(&Object::summary) != Text("two"), "4 3 1"},
      {"NullHasNoOrder", where(&Object::summary) <= Text("zzz"), "3 2"},
      {"ByBytes", where(&Object::summary) < Text("a"), "3"},
      {"In", where(&Object::original_id).in({"1", "4", "9"}), "4 1"},
      {"InWithNull", where(&Object::summary).in({"two", std::nullopt}), "4 2 1"},
      {"InNone", where(&Object::original_id).in({}), ""},
      {"Both", where(&Object::summary) == std::nullopt && where(&Object::platform) == "zendesk", "4"},
      {"TimeSince", where(&Object::created_at) >= third, "4 3"},
      {"TimeBefore", where(&Object::created_at) < third, "2 1"},
      {"TimeIs", where(&Object::created_at) == third, "3"},
      {"TimeIsNot", where(&Object::created_at) != third, "4 2 1"},
      {"NoSql", where(&Object::original_id) == "1' OR '1'='1", ""},
      {"NoWildcard", where(&Object::original_id) == "%", ""}};
  Cases cases;
  for (const FilterRow& row : rows) {
    cases.push_back({std::string("Filter/") + row.name, [row](Driver& driver) {
                       const std::string tenant = driver.new_tenant();
                       const auto objects = minutes(driver, tenant, 4);
                       objects->update_summary(objects->get_by_original_id("2")->id, "two");
                       objects->update_summary(objects->get_by_original_id("3")->id, "Three");
                       driver.execute(tenant,
                                      "UPDATE integrated_objects SET platform = 'zendesk' WHERE company_id = $1 AND "
                                      "original_id = '4'",
                                      {tenant});
                       EXPECT_EQ(ids_of(objects->find(row.filter)), row.expected);
                     }});
  }
  return cases;
}

struct BadPageKey {
  const char* name;
  const char* text;
};
constexpr BadPageKey kBadPageKeys[] = {{"NoJson", "x"},      {"Empty", ""},           {"NoArray", "{\"a\":1}"},
                                       {"TooShort", "[1]"},  {"TooLong", "[1,2,3]"},  {"WrongType", "[\"a\",1]"},
                                       {"NoId", "[1,null]"}, {"Fraction", "[1,2.5]"}, {"Deep", "[[1],[2]]"}};

}  // namespace

Cases order_cases() {
  Cases cases{{"Order/NewestFirst", newest_first},
              {"Order/SameTimeIsById", same_time_is_by_id},
              {"Order/ByTypeAndPlatform", by_type_and_platform},
              {"Page/StandsStill", pages_stand_still},
              {"Page/LastHasNoNext", last_page_has_no_next},
              {"Page/OfAType", page_of_a_type},
              {"Stream/IsById", stream_is_by_id},
              {"Stream/OfMany", stream_of_many},
              {"Stream/PassesExceptionsOn", stream_passes_exceptions_on}};
  for (const std::size_t limit : {1, 2, 3, 7, 8}) {
    for (const int step : {1, 3, 100}) {
      cases.push_back({"Page/CoversAllOnce/" + std::to_string(limit) + "_" + std::to_string(step),
                       [=](Driver& driver) { pages_cover_all_once(driver, limit, step); }});
    }
  }
  for (const BadPageKey& bad : kBadPageKeys) {
    cases.push_back({std::string("Page/BadKey/") + bad.name, [bad](Driver& driver) {
                       const auto objects = driver.objects(driver.new_tenant());
                       expect_error("22023", rowhouse::ErrorKind::kData,
                                    [&] { objects->page(1, PageKey::parse(bad.text)); });
                     }});
  }
  for (Case& filter : filter_cases()) cases.push_back(std::move(filter));
  return cases;
}

}  // namespace conformance
