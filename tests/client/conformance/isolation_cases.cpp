#include "suite.hpp"

namespace conformance {
namespace {

using rowhouse::ErrorKind;
using rowhouse::IntegratedObject;
using rowhouse::IntegratedObjectData;
using rowhouse::where;

// What a case knows: the thief's session, and what is to be stolen.
struct Attempt {
  Driver& driver;
  Objects& thief;
  const std::string& thief_tenant;
  const IntegratedObject& victim;
};

struct AttemptRow {
  const char* name;
  void (*run)(const Attempt& a);
};

void expect_refused(const std::function<void()>& body) { expect_error("42501", ErrorKind::kPermission, body); }

IntegratedObjectData theirs(const Attempt& a) {
  IntegratedObjectData data = a.victim;
  data.integrated_content = "stolen";
  return data;
}

constexpr AttemptRow kAttempts[] = {
    {"GetByCompany", [](const Attempt& a) { EXPECT_TRUE(a.thief.get_by_company(a.victim.company_id).empty()); }},
    {"GetByOwnCompany", [](const Attempt& a) { EXPECT_TRUE(a.thief.get_by_company(a.thief_tenant).empty()); }},
    {"GetById", [](const Attempt& a) { EXPECT_FALSE(a.thief.get(a.victim.id)); }},
    {"GetByOriginalId", [](const Attempt& a) { EXPECT_FALSE(a.thief.get_by_original_id(a.victim.original_id)); }},
    {"FindAll", [](const Attempt& a) { EXPECT_TRUE(a.thief.find({}).empty()); }},
    {"FindByTenant",
     [](const Attempt& a) {
       EXPECT_TRUE(a.thief.find(where(&IntegratedObject::company_id) == a.victim.company_id).empty());
       EXPECT_TRUE(a.thief.find(where(&IntegratedObject::company_id) != a.thief_tenant).empty());
     }},
    {"FindBySecret",
     [](const Attempt& a) {
       EXPECT_TRUE(a.thief.find(where(&IntegratedObject::integrated_content) == a.victim.integrated_content).empty());
     }},
    {"Unsummarized", [](const Attempt& a) { EXPECT_TRUE(a.thief.get_unsummarized(100).empty()); }},
    {"Count", [](const Attempt& a) { EXPECT_EQ(a.thief.count(), 0u); }},
    {"Page", [](const Attempt& a) { EXPECT_TRUE(a.thief.page(10, std::nullopt).rows.empty()); }},
    {"PageByTheirKey",
     [](const Attempt& a) {
       const auto page = a.driver.objects(a.victim.company_id)->page(1, std::nullopt);
       ASSERT_TRUE(page.next);
       EXPECT_TRUE(a.thief.page(10, page.next).rows.empty());
     }},
    {"Stream",
     [](const Attempt& a) {
       a.thief.for_each([](const IntegratedObject&) {
         ADD_FAILURE() << "another tenant's object";
         return false;
       });
     }},
    {"UpdateSummary", [](const Attempt& a) { EXPECT_FALSE(a.thief.update_summary(a.victim.id, "stolen")); }},
    {"Remove", [](const Attempt& a) { EXPECT_FALSE(a.thief.remove(a.victim.id)); }},
    {"RemoveByOriginalId", [](const Attempt& a) { EXPECT_FALSE(a.thief.remove_by_original_id(a.victim.original_id)); }},
    {"Create",
     [](const Attempt& a) {
       IntegratedObjectData data = theirs(a);
       data.original_id = "planted";
       expect_refused([&] { a.thief.create(data); });
     }},
    {"Upsert", [](const Attempt& a) { expect_refused([&] { a.thief.upsert(theirs(a)); }); }},
    {"UpsertMany",
     [](const Attempt& a) {
       expect_refused([&] { a.thief.upsert_many({object(a.thief_tenant, "x"), theirs(a)}); });
       EXPECT_EQ(a.thief.count(), 0u);
     }},
    {"SameKeyIsAnotherObject",
     [](const Attempt& a) {
       const IntegratedObject own = a.thief.create(object(a.thief_tenant, a.victim.original_id));
       EXPECT_NE(own.id, a.victim.id);
       IntegratedObjectData again = object(a.thief_tenant, a.victim.original_id);
       again.integrated_content = "own";
       EXPECT_EQ(a.thief.upsert(again).id, own.id);
       EXPECT_EQ(a.thief.upsert_many({again}), 1u);
       EXPECT_EQ(a.thief.count(), 1u);
       EXPECT_TRUE(a.thief.remove(own.id));
     }},
    {"WithinATransaction",
     [](const Attempt& a) {
       a.driver.transaction(a.thief_tenant, [&](Unit& unit) {
         EXPECT_EQ(unit.objects().count(), 0u);
         EXPECT_FALSE(unit.objects().update_summary(a.victim.id, "stolen"));
         EXPECT_FALSE(unit.objects().remove(a.victim.id));
       });
     }},
    {"AnotherTenantInATransaction",
     [](const Attempt& a) {
       expect_error("55000", ErrorKind::kState, [&] {
         a.driver.transaction(a.thief_tenant, [](Unit&) { ADD_FAILURE() << "another tenant's transaction"; },
                              {.tenant = a.victim.company_id});
       });
     }},
    {"AfterAnError", [](const Attempt& a) {
       expect_error("23505", ErrorKind::kConstraint, [&] {
         a.driver.transaction(a.victim.company_id,
                              [&](Unit& unit) { unit.objects().create(static_cast<IntegratedObjectData>(a.victim)); });
       });
       EXPECT_EQ(a.driver.objects(a.thief_tenant)->count(), 0u);
     }}};

Case attempt_case(const AttemptRow& row) {
  return {std::string("Isolation/") + row.name, [row](Driver& driver) {
            const std::string thief_tenant = driver.new_tenant();
            const std::string victim_tenant = driver.new_tenant();
            IntegratedObject victim;
            {
              const auto objects = driver.objects(victim_tenant);
              IntegratedObjectData data = object(victim_tenant, "1");
              data.integrated_content = "s3cret";
              victim = objects->create(data);
              objects->create(object(victim_tenant, "2"));
            }
            {
              const auto thief = driver.objects(thief_tenant);
              row.run({driver, *thief, thief_tenant, victim});
            }
            const auto objects = driver.objects(victim_tenant);
            EXPECT_EQ(objects->count(), 2u);
            EXPECT_EQ(static_cast<const IntegratedObjectData&>(objects->get(victim.id).value()), victim);
            EXPECT_EQ(objects->get(victim.id)->updated_at, victim.updated_at);
          }};
}

struct BadTenant {
  const char* name;
  std::string tenant;
};

std::vector<BadTenant> bad_tenants() {
  return {{"Empty", ""},
          {"Path", "../x"},
          {"Slash", "a/b"},
          {"Hidden", ".hidden"},
          {"Nul", std::string("a\0b", 3)},
          {"Blank", "x "},
          {"Long", std::string(300, 'a')},
          {"NoUtf8", "\xff"},
          {"Newline", "a\nb"}};
}

Case bad_tenant_case(const BadTenant& bad) {
  return {std::string("Tenant/") + bad.name, [bad](Driver& driver) {
            const auto error = expect_error("22023", ErrorKind::kData, [&] { driver.objects(bad.tenant); });
            EXPECT_FALSE(error.hint().empty());
            expect_error("22023", ErrorKind::kData, [&] { driver.transaction(bad.tenant, [](Unit&) {}); });
          }};
}

void tenants_in_turn(Driver& driver) {
  const std::string one = driver.new_tenant();
  const std::string two = driver.new_tenant();
  driver.objects(one)->create(object(one, "1"));
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(driver.objects(one)->count(), 1u);
    EXPECT_EQ(driver.objects(two)->count(), 0u);
    driver.transaction(two, [](Unit& unit) { EXPECT_EQ(unit.objects().count(), 0u); });
  }
}

}  // namespace

Cases isolation_cases() {
  Cases cases{{"Isolation/TenantsInTurn", tenants_in_turn}};
  for (const AttemptRow& row : kAttempts) cases.push_back(attempt_case(row));
  for (const BadTenant& bad : bad_tenants()) cases.push_back(bad_tenant_case(bad));
  return cases;
}

}  // namespace conformance
