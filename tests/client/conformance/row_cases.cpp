#include <thread>

#include "suite.hpp"

namespace conformance {
namespace {

using rowhouse::IntegratedObject;
using rowhouse::IntegratedObjectData;
using rowhouse::Json;

void pause() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }

void create_returns_what_is_stored(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  IntegratedObjectData data = object(tenant, "1");
  data.summary = "short";
  data.metadata = {{"attachment_count", 2}};
  const auto before = std::chrono::system_clock::now();
  const IntegratedObject made = objects->create(data);
  EXPECT_GT(made.id, 0);
  EXPECT_EQ(static_cast<const IntegratedObjectData&>(made), data);
  EXPECT_LT(std::chrono::abs(made.created_at.value() - before), std::chrono::seconds(60));
  EXPECT_EQ(made.created_at, made.updated_at);
  const auto read = objects->get(made.id);
  ASSERT_TRUE(read);
  EXPECT_EQ(static_cast<const IntegratedObjectData&>(*read), data);
  EXPECT_EQ(read->id, made.id);
  EXPECT_EQ(read->created_at, made.created_at);
  EXPECT_EQ(read->updated_at, made.updated_at);
}

void create_fills_in_the_defaults(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  IntegratedObjectData data;
  data.original_id = "1";
  data.company_id = tenant;
  const IntegratedObject made = driver.objects(tenant)->create(data);
  EXPECT_EQ(made.platform, "freshdesk");
  EXPECT_EQ(made.object_type, "integrated_ticket");
  EXPECT_TRUE(made.original_data.is_null());
  EXPECT_TRUE(made.metadata.is_null());
  EXPECT_EQ(made.integrated_content, std::nullopt);
  EXPECT_EQ(made.summary, std::nullopt);
}

void ids_are_never_used_again(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  const std::int64_t first = objects->create(object(tenant, "1")).id;
  EXPECT_TRUE(objects->remove(first));
  EXPECT_GT(objects->create(object(tenant, "1")).id, first);
}

void get_finds_nothing_that_is_not_there(Driver& driver) {
  const auto objects = driver.objects(driver.new_tenant());
  for (const std::int64_t id : {std::int64_t{0}, std::int64_t{-1}, INT64_MAX, INT64_MIN}) {
    EXPECT_FALSE(objects->get(id));
    EXPECT_FALSE(objects->update_summary(id, "x"));
    EXPECT_FALSE(objects->remove(id));
  }
  EXPECT_FALSE(objects->get_by_original_id(""));
  EXPECT_FALSE(objects->remove_by_original_id("absent"));
  EXPECT_EQ(objects->count(), 0u);
}

void natural_key_has_three_parts(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  IntegratedObjectData data = object(tenant, "1");
  objects->create(data);
  data.platform = "zendesk";
  objects->create(data);
  data.object_type = "integrated_article";
  const std::int64_t id = objects->create(data).id;
  EXPECT_EQ(objects->count(), 3u);
  EXPECT_EQ(objects->get_by_original_id("1", "integrated_article", "zendesk")->id, id);
  EXPECT_FALSE(objects->get_by_original_id("1", "integrated_article", "freshdesk"));
}

void natural_key_is_exact(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  for (const char* id : {"a", "A", " a", "a ", "1", "01", "1.0", "\xc3\xa9", "e\xcc\x81", "%", "_"}) {
    objects->create(object(tenant, id));
  }
  EXPECT_EQ(objects->count(), 11u);
  EXPECT_EQ(objects->get_by_original_id("A")->original_id, "A");
  EXPECT_EQ(objects->get_by_original_id("01")->original_id, "01");
  EXPECT_EQ(objects->get_by_original_id("%")->original_id, "%");
}

void duplicate_key_is_refused(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  IntegratedObjectData data = object(tenant, "1");
  data.integrated_content = "s3cret";
  const IntegratedObject made = objects->create(data);
  const auto error = expect_error("23505", rowhouse::ErrorKind::kConstraint, [&] { objects->create(data); });
  EXPECT_FALSE(error.retryable());
  EXPECT_FALSE(error.in_doubt());
  EXPECT_EQ(objects->count(), 1u);
  EXPECT_EQ(objects->get(made.id)->updated_at, made.updated_at);
}

void upsert_creates_then_replaces(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  const IntegratedObject first = objects->upsert(object(tenant, "1"));
  pause();
  IntegratedObjectData changed = object(tenant, "1");
  changed.original_data = {{"subject", "new"}};
  changed.integrated_content = std::nullopt;
  changed.metadata = {{"n", 1}};
  const IntegratedObject second = objects->upsert(changed);
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(static_cast<const IntegratedObjectData&>(second), changed);
  EXPECT_EQ(second.created_at, first.created_at);
  EXPECT_GT(second.updated_at, first.updated_at);
  EXPECT_EQ(objects->count(), 1u);
}

void upsert_keeps_a_summary(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  objects->update_summary(objects->upsert(object(tenant, "1")).id, "short");
  EXPECT_EQ(objects->upsert(object(tenant, "1")).summary, "short");
  IntegratedObjectData data = object(tenant, "1");
  data.summary = "";
  EXPECT_EQ(objects->upsert(data).summary, "");
}

void update_summary_changes_one(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  const IntegratedObject one = objects->create(object(tenant, "1"));
  const IntegratedObject two = objects->create(object(tenant, "2"));
  pause();
  EXPECT_TRUE(objects->update_summary(one.id, "short"));
  EXPECT_EQ(objects->get(one.id)->summary, "short");
  EXPECT_EQ(objects->get(one.id)->created_at, one.created_at);
  EXPECT_GT(objects->get(one.id)->updated_at, one.updated_at);
  EXPECT_EQ(objects->get(two.id)->summary, std::nullopt);
  EXPECT_TRUE(objects->update_summary(one.id, ""));
  EXPECT_EQ(objects->get(one.id)->summary, "");
}

void remove_takes_one(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  const IntegratedObject one = objects->create(object(tenant, "1"));
  objects->create(object(tenant, "2"));
  EXPECT_TRUE(objects->remove(one.id));
  EXPECT_FALSE(objects->remove(one.id));
  EXPECT_FALSE(objects->get(one.id));
  EXPECT_TRUE(objects->remove_by_original_id("2"));
  EXPECT_FALSE(objects->remove_by_original_id("2"));
  EXPECT_EQ(objects->count(), 0u);
}

void count_is_by_type(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  for (const char* type : {"integrated_ticket", "integrated_article", "integrated_ticket"}) {
    IntegratedObjectData data = object(tenant, std::to_string(objects->count()));
    data.object_type = type;
    objects->create(data);
  }
  EXPECT_EQ(objects->count(), 3u);
  EXPECT_EQ(objects->count("integrated_ticket"), 2u);
  EXPECT_EQ(objects->count("integrated_article"), 1u);
  EXPECT_EQ(objects->count(""), 0u);
}

void unsummarized_have_no_summary(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  for (const char* id : {"1", "2", "3", "4"}) {
    IntegratedObjectData data = object(tenant, id);
    if (*id == '2') data.summary = "short";
    if (*id == '3') data.summary = "";
    objects->create(data);
    pause();
  }
  EXPECT_EQ(ids_of(objects->get_unsummarized(100)), "4 3 1");
  EXPECT_EQ(ids_of(objects->get_unsummarized(2)), "4 3");
  EXPECT_TRUE(objects->get_unsummarized(0).empty());
}

}  // namespace

Cases row_cases() {
  return {{"Create/ReturnsWhatIsStored", create_returns_what_is_stored},
          {"Create/FillsInTheDefaults", create_fills_in_the_defaults},
          {"Create/IdsAreNeverUsedAgain", ids_are_never_used_again},
          {"Create/DuplicateKeyIsRefused", duplicate_key_is_refused},
          {"Get/FindsNothingThatIsNotThere", get_finds_nothing_that_is_not_there},
          {"Get/NaturalKeyHasThreeParts", natural_key_has_three_parts},
          {"Get/NaturalKeyIsExact", natural_key_is_exact},
          {"Upsert/CreatesThenReplaces", upsert_creates_then_replaces},
          {"Upsert/KeepsASummary", upsert_keeps_a_summary},
          {"Update/SummaryOfOne", update_summary_changes_one},
          {"Remove/TakesOne", remove_takes_one},
          {"Count/ByType", count_is_by_type},
          {"Unsummarized/HaveNoSummary", unsummarized_have_no_summary}};
}

}  // namespace conformance
