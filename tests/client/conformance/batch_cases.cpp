#include <thread>

#include "suite.hpp"

namespace conformance {
namespace {

using rowhouse::ErrorKind;
using rowhouse::IntegratedObject;
using rowhouse::IntegratedObjectData;

std::vector<IntegratedObjectData> numbered(const std::string& tenant, int first, int last) {
  std::vector<IntegratedObjectData> many;
  for (int i = first; i <= last; ++i) many.push_back(object(tenant, std::to_string(i)));
  return many;
}

void writes_new_and_old(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  const IntegratedObject old = objects->create(object(tenant, "3"));
  objects->update_summary(old.id, "short");
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  auto many = numbered(tenant, 1, 5);
  many[2].integrated_content = "changed";
  many[4].metadata = {{"n", 5}};
  EXPECT_EQ(objects->upsert_many(many), 5u);
  EXPECT_EQ(objects->count(), 5u);
  const IntegratedObject changed = objects->get_by_original_id("3").value();
  EXPECT_EQ(changed.id, old.id);
  EXPECT_EQ(changed.integrated_content, "changed");
  EXPECT_EQ(changed.summary, "short");
  EXPECT_EQ(changed.created_at, old.created_at);
  EXPECT_GT(changed.updated_at, old.updated_at);
  EXPECT_EQ(static_cast<const IntegratedObjectData&>(objects->get_by_original_id("5").value()), many[4]);
}

void nothing_is_nothing(Driver& driver) {
  const auto objects = driver.objects(driver.new_tenant());
  EXPECT_EQ(objects->upsert_many({}), 0u);
  EXPECT_EQ(objects->count(), 0u);
}

void later_of_two_counts(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  auto many = numbered(tenant, 1, 3);
  many[0].summary = "first";
  many.push_back(object(tenant, "1"));
  many.back().integrated_content = "later";
  EXPECT_EQ(objects->upsert_many(many), 3u);
  EXPECT_EQ(objects->get_by_original_id("1")->integrated_content, "later");
  EXPECT_EQ(objects->get_by_original_id("1")->summary, "first");
}

void order_of_ids_is_by_key(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  objects->upsert_many({object(tenant, "c"), object(tenant, "a"), object(tenant, "b")});
  EXPECT_EQ(ids_of(objects->get_by_company(tenant)), "a b c");
}

void all_or_nothing(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  auto many = numbered(tenant, 1, 100);
  many[57].integrated_content = std::string("s3cret\0", 7);
  const auto error = expect_error("22021", ErrorKind::kData, [&] { objects->upsert_many(many); });
  EXPECT_NE(std::string(error.what()).find("object 57 of the batch"), std::string::npos) << error.what();
  EXPECT_EQ(objects->count(), 0u);
}

void refuses_another_tenants(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const std::string other = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  auto many = numbered(tenant, 1, 3);
  many[1].company_id = other;
  expect_error("42501", ErrorKind::kPermission, [&] { objects->upsert_many(many); });
  EXPECT_EQ(objects->count(), 0u);
  EXPECT_EQ(driver.objects(other)->count(), 0u);
}

void takes_part_in_a_transaction(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  EXPECT_THROW(driver.transaction(tenant,
                                  [&](Unit& unit) {
                                    EXPECT_EQ(unit.objects().upsert_many(numbered(tenant, 1, 5)), 5u);
                                    EXPECT_EQ(unit.objects().upsert_many(numbered(tenant, 4, 8)), 5u);
                                    EXPECT_EQ(unit.objects().count(), 8u);
                                    throw std::runtime_error("undo");
                                  }),
               std::runtime_error);
  EXPECT_EQ(driver.objects(tenant)->count(), 0u);
  driver.transaction(tenant, [&](Unit& unit) {
    unit.objects().upsert_many(numbered(tenant, 1, 2));
    EXPECT_THROW(unit.nested([&] {
      unit.objects().upsert_many(numbered(tenant, 3, 9));
      throw std::runtime_error("undo");
    }),
                 std::runtime_error);
    unit.objects().upsert_many(numbered(tenant, 9, 9));
  });
  EXPECT_EQ(driver.objects(tenant)->count(), 3u);
}

void one_tenant_after_another(Driver& driver) {
  const std::string one = driver.new_tenant();
  const std::string two = driver.new_tenant();
  for (int round = 0; round < 3; ++round) {
    for (const std::string& tenant : {one, two}) {
      EXPECT_EQ(driver.objects(tenant)->upsert_many(numbered(tenant, round, round + 1)), 2u);
    }
  }
  for (const std::string& tenant : {one, two}) {
    const auto found = driver.objects(tenant)->get_by_company(tenant);
    EXPECT_EQ(found.size(), 4u);
    for (const IntegratedObject& each : found) EXPECT_EQ(each.company_id, tenant);
  }
}

void large_batch(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto objects = driver.objects(tenant);
  auto many = numbered(tenant, 1, 10'000);
  for (auto& data : many) data.integrated_content = "요약 " + data.original_id + std::string(300, 'x');
  EXPECT_EQ(objects->upsert_many(many), 10'000u);
  for (const char* id : {"1", "4999", "10000"}) {
    EXPECT_EQ(objects->get_by_original_id(id)->integrated_content, "요약 " + std::string(id) + std::string(300, 'x'));
  }
  EXPECT_EQ(objects->upsert_many(many), 10'000u);
  EXPECT_EQ(objects->count(), 10'000u);
}

}  // namespace

Cases batch_cases() {
  return {{"Batch/WritesNewAndOld", writes_new_and_old},
          {"Batch/NothingIsNothing", nothing_is_nothing},
          {"Batch/LaterOfTwoCounts", later_of_two_counts},
          {"Batch/OrderOfIdsIsByKey", order_of_ids_is_by_key},
          {"Batch/AllOrNothing", all_or_nothing},
          {"Batch/RefusesAnotherTenants", refuses_another_tenants},
          {"Batch/TakesPartInATransaction", takes_part_in_a_transaction},
          {"Batch/OneTenantAfterAnother", one_tenant_after_another},
          {"Batch/Large", large_batch}};
}

}  // namespace conformance
