#include "suite.hpp"

namespace conformance {
namespace {

using rowhouse::ErrorKind;
using rowhouse::IntegratedObject;
using rowhouse::Value;

void undo() { throw std::runtime_error("undo"); }

void commits(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  driver.transaction(tenant, [&](Unit& unit) {
    unit.objects().create(object(tenant, "1"));
    unit.objects().create(object(tenant, "2"));
    EXPECT_EQ(unit.objects().count(), 2u);
  });
  EXPECT_EQ(driver.objects(tenant)->count(), 2u);
}

void rolls_back(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const std::int64_t id = driver.objects(tenant)->create(object(tenant, "1")).id;
  EXPECT_THROW(driver.transaction(tenant,
                                  [&](Unit& unit) {
                                    unit.objects().create(object(tenant, "2"));
                                    unit.objects().update_summary(id, "short");
                                    unit.objects().upsert(object(tenant, "3"));
                                    unit.objects().remove(id);
                                    undo();
                                  }),
               std::runtime_error);
  const auto objects = driver.objects(tenant);
  EXPECT_EQ(objects->count(), 1u);
  EXPECT_EQ(objects->get(id)->summary, std::nullopt);
}

void savepoint_is_kept(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  driver.transaction(tenant, [&](Unit& unit) {
    unit.objects().create(object(tenant, "1"));
    unit.nested([&] {
      unit.objects().create(object(tenant, "2"));
      unit.nested([&] { unit.objects().create(object(tenant, "3")); });
    });
  });
  EXPECT_EQ(driver.objects(tenant)->count(), 3u);
}

void savepoint_is_undone(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  driver.transaction(tenant, [&](Unit& unit) {
    unit.objects().create(object(tenant, "1"));
    EXPECT_THROW(unit.nested([&] {
      unit.objects().create(object(tenant, "2"));
      unit.nested([&] { unit.objects().create(object(tenant, "3")); });
      undo();
    }),
                 std::runtime_error);
    unit.objects().create(object(tenant, "4"));
  });
  EXPECT_EQ(ids_of(driver.objects(tenant)->find({})).size(), 3u);
  EXPECT_EQ(driver.objects(tenant)->count(), 2u);
}

void savepoint_forgives_an_error(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  driver.transaction(tenant, [&](Unit& unit) {
    unit.objects().create(object(tenant, "1"));
    expect_error("23505", ErrorKind::kConstraint,
                 [&] { unit.nested([&] { unit.objects().create(object(tenant, "1")); }); });
    unit.objects().create(object(tenant, "2"));
  });
  EXPECT_EQ(driver.objects(tenant)->count(), 2u);
}

void nothing_works_after_an_error(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  expect_error("25P02", ErrorKind::kState, [&] {
    driver.transaction(tenant, [&](Unit& unit) {
      unit.objects().create(object(tenant, "1"));
      expect_error("42P01", ErrorKind::kStatement, [&] { unit.execute("SELECT 1 FROM nowhere"); });
      expect_error("25P02", ErrorKind::kState, [&] { unit.objects().count(); });
      expect_error("25P02", ErrorKind::kState, [&] { unit.execute("SELECT 1"); });
    });
  });
  EXPECT_EQ(driver.objects(tenant)->count(), 0u);
}

void a_refused_object_leaves_the_transaction(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  driver.transaction(tenant, [&](Unit& unit) {
    unit.objects().create(object(tenant, "1"));
    expect_error("42501", ErrorKind::kPermission, [&] { unit.objects().create(object("another", "2")); });
    EXPECT_EQ(unit.objects().count(), 1u);
  });
  EXPECT_EQ(driver.objects(tenant)->count(), 1u);
}

void read_only_refuses_writes(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  const std::int64_t id = driver.objects(tenant)->create(object(tenant, "1")).id;
  const std::vector<std::function<void(Objects&)>> writes{
      [&](Objects& objects) { objects.create(object(tenant, "2")); },
      [&](Objects& objects) { objects.upsert(object(tenant, "1")); },
      [&](Objects& objects) { objects.update_summary(id, "x"); }, [&](Objects& objects) { objects.remove(id); }};
  for (const auto& write : writes) {
    expect_error("25006", ErrorKind::kState, [&] {
      driver.transaction(tenant,
                         [&](Unit& unit) {
                           EXPECT_EQ(unit.objects().count(), 1u);
                           write(unit.objects());
                         },
                         {.read_only = true});
    });
  }
  driver.objects(tenant)->create(object(tenant, "2"));  // the connection is as before
}

void own_statements_take_part(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  driver.transaction(tenant, [&](Unit& unit) {
    const IntegratedObject made = unit.objects().create(object(tenant, "1"));
    const auto changed = unit.execute("UPDATE integrated_objects SET summary = $2 WHERE id = $1 AND company_id = $3",
                                      {made.id, "own", tenant});
    EXPECT_EQ(changed.affected_rows(), 1u);
    EXPECT_EQ(unit.objects().get(made.id)->summary, "own");
    const auto read =
        unit.execute("SELECT summary, original_id AS name FROM integrated_objects WHERE company_id = $1", {tenant});
    EXPECT_EQ(read.one()["summary"].as<std::string>(), "own");
    EXPECT_EQ(read.one().get<int>(1), 1);
    expect_error("42703", ErrorKind::kStatement, [&] { read.one()["absent"]; });
    expect_error("42703", ErrorKind::kStatement, [&] { read.one()[2]; });
  });
}

void one_row_or_an_error(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  expect_error("P0002", ErrorKind::kData, [&] { driver.execute(tenant, "SELECT 1 WHERE 1 = 0").one(); });
  expect_error("P0003", ErrorKind::kData, [&] { driver.execute(tenant, "SELECT 1 UNION ALL SELECT 2").one(); });
  expect_error("P0002", ErrorKind::kData, [&] { driver.execute(tenant, "SELECT 1")[1]; });
}

void parameters_are_never_sql(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  driver.objects(tenant)->create(object(tenant, "1"));
  const std::string text = "x' OR '1'='1";
  const auto found = driver.execute(tenant, "SELECT id FROM integrated_objects WHERE original_id = $1", {text});
  EXPECT_EQ(found.size(), 0u);
  EXPECT_EQ(driver.execute(tenant, "SELECT CAST($1 AS text)", {text}).one().get<std::string>(0), text);
}

void parameters_in_any_order(Driver& driver) {
  const auto row =
      driver.execute(driver.new_tenant(), "SELECT CAST($2 AS text), CAST($1 AS text), CAST($2 AS text)", {"a", "b"});
  EXPECT_EQ((row.one().to<std::string, std::string, std::string>()),
            (std::tuple<std::string, std::string, std::string>{"b", "a", "b"}));
}

void work_without_a_retry(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  int attempts = 0;
  expect_error("23505", ErrorKind::kConstraint, [&] {
    driver.retried(tenant, [&](Unit& unit) {
      ++attempts;
      unit.objects().create(object(tenant, "1"));
      unit.objects().create(object(tenant, "1"));
    });
  });
  EXPECT_EQ(attempts, 1);
  EXPECT_EQ(driver.objects(tenant)->count(), 0u);
}

void work_with_a_retry(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  int attempts = 0;
  driver.retried(tenant, [&](Unit& unit) {
    unit.objects().create(object(tenant, "1"));
    if (++attempts < 3) throw rowhouse::Error("40001", "as if another transaction had been there");
  });
  EXPECT_EQ(attempts, 3);
  EXPECT_EQ(driver.objects(tenant)->count(), 1u);
}

void retries_end(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  int attempts = 0;
  rowhouse::RetryOptions options;
  options.max_attempts = 2;
  options.max_delay = options.first_delay = std::chrono::milliseconds(1);
  expect_error("40001", ErrorKind::kSerialization, [&] {
    driver.retried(
        tenant,
        [&](Unit&) {
          ++attempts;
          throw rowhouse::Error("40001", "as if another transaction had been there");
        },
        options);
  });
  EXPECT_EQ(attempts, 2);
}

void doubt_is_never_retried(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  int attempts = 0;
  expect_error("08007", ErrorKind::kConnection, [&] {
    driver.retried(tenant, [&](Unit&) {
      ++attempts;
      rowhouse::throw_error("08007", "as if a commit had been lost", {}, true);
    });
  });
  EXPECT_EQ(attempts, 1);
}

}  // namespace

Cases transaction_cases() {
  return {{"Transaction/Commits", commits},
          {"Transaction/RollsBack", rolls_back},
          {"Transaction/SavepointIsKept", savepoint_is_kept},
          {"Transaction/SavepointIsUndone", savepoint_is_undone},
          {"Transaction/SavepointForgivesAnError", savepoint_forgives_an_error},
          {"Transaction/NothingWorksAfterAnError", nothing_works_after_an_error},
          {"Transaction/ARefusedObjectLeavesIt", a_refused_object_leaves_the_transaction},
          {"Transaction/ReadOnlyRefusesWrites", read_only_refuses_writes},
          {"Transaction/OwnStatementsTakePart", own_statements_take_part},
          {"Result/OneRowOrAnError", one_row_or_an_error},
          {"Parameters/AreNeverSql", parameters_are_never_sql},
          {"Parameters/InAnyOrder", parameters_in_any_order},
          {"Retry/NotOfAConstraint", work_without_a_retry},
          {"Retry/OfASerializationFailure", work_with_a_retry},
          {"Retry/Ends", retries_end},
          {"Retry/NeverInDoubt", doubt_is_never_retried}};
}

}  // namespace conformance
