// store_integrated_object: what becomes of an object as a helpdesk's collector hands it over.
#include "../ticket.hpp"
#include "rowhouse/store.hpp"
#include "suite.hpp"

namespace conformance {
namespace {

using rowhouse::Json;

void stores_and_replaces(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const auto first = driver.store(ticket(123), tenant);
  EXPECT_EQ(first.original_id, "123");
  EXPECT_EQ(first.object_type, "integrated_ticket");
  EXPECT_EQ(first.platform, "freshdesk");
  EXPECT_EQ(first.integrated_content, "the whole text");
  EXPECT_EQ(first.original_data, ticket(123));
  EXPECT_EQ(first.metadata, rowhouse::create_metadata(ticket(123)));
  EXPECT_EQ(driver.store(ticket("123"), tenant).id, first.id);
  Json simplified = ticket(nullptr);
  simplified["original_id"] = "abc";
  EXPECT_EQ(driver.store(simplified, tenant).original_id, "abc");
  EXPECT_EQ(driver.objects(tenant)->count(), 2u);
}

void never_invents_an_id(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  for (const Json& id : {Json(), Json(""), Json(1.5), Json::object()}) {
    EXPECT_EQ(error_of([&] { driver.store(ticket(id), tenant); }).sqlstate(), "22023");
  }
  EXPECT_EQ(error_of([&] { driver.store(ticket(1), "../x"); }).sqlstate(), "22023");
  EXPECT_EQ(driver.objects(tenant)->count(), 0u);
}

}  // namespace

Cases store_cases() {
  return {{"Store/StoresAndReplaces", stores_and_replaces}, {"Store/NeverInventsAnId", never_invents_an_id}};
}

}  // namespace conformance
