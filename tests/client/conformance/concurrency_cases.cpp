#include <atomic>
#include <thread>

#include "suite.hpp"

namespace conformance {
namespace {

using rowhouse::IntegratedObject;
using rowhouse::IntegratedObjectData;
using rowhouse::Json;

constexpr int kWorkers = 4;
constexpr int kRounds = 10;

// `work(worker)` by several at once; an exception of any fails the case.
void at_once(const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int worker = 0; worker < kWorkers; ++worker) {
    threads.emplace_back([&, worker] {
      try {
        work(worker);
      } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void different_keys(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  at_once([&](int worker) {
    for (int round = 0; round < kRounds; ++round) {
      driver.objects(tenant)->create(object(tenant, std::to_string(worker * kRounds + round)));
    }
  });
  EXPECT_EQ(driver.objects(tenant)->count(), std::uint64_t{kWorkers * kRounds});
}

void one_key_is_created_once(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  std::atomic<int> created{0};
  at_once([&](int) {
    for (int round = 0; round < kRounds; ++round) {
      try {
        driver.objects(tenant)->create(object(tenant, std::to_string(round)));
        ++created;
      } catch (const rowhouse::ConstraintError& error) {
        EXPECT_EQ(error.sqlstate(), "23505");
      }
    }
  });
  EXPECT_EQ(created, kRounds);
  EXPECT_EQ(driver.objects(tenant)->count(), std::uint64_t{kRounds});
}

void one_key_is_upserted(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  at_once([&](int worker) {
    for (int round = 0; round < kRounds; ++round) {
      IntegratedObjectData data = object(tenant, "1");
      data.original_data = {{"worker", worker}};
      driver.objects(tenant)->upsert(data);
    }
  });
  EXPECT_EQ(driver.objects(tenant)->count(), 1u);
}

void no_increment_is_lost(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  IntegratedObjectData data = object(tenant, "1");
  data.original_data = 0;
  driver.objects(tenant)->create(data);
  rowhouse::RetryOptions options;
  options.transaction.isolation = rowhouse::Isolation::kSerializable;
  options.max_attempts = 1000;
  at_once([&](int) {
    for (int round = 0; round < kRounds; ++round) {
      driver.retried(
          tenant,
          [&](Unit& unit) {
            IntegratedObjectData counter = unit.objects().get_by_original_id("1").value();
            counter.original_data = counter.original_data.get<int>() + 1;
            unit.objects().upsert(counter);
          },
          options);
    }
  });
  EXPECT_EQ(driver.objects(tenant)->get_by_original_id("1")->original_data, kWorkers * kRounds);
}

void batches_of_the_same_keys(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  at_once([&](int worker) {
    std::vector<IntegratedObjectData> many;
    for (int i = 0; i < 200; ++i) {
      many.push_back(object(tenant, std::to_string(worker % 2 == 0 ? i : 199 - i)));
    }
    for (int round = 0; round < 3; ++round) EXPECT_EQ(driver.objects(tenant)->upsert_many(many), 200u);
  });
  EXPECT_EQ(driver.objects(tenant)->count(), 200u);
}

void many_tenants(Driver& driver) {
  std::vector<std::string> tenants;
  for (int worker = 0; worker < kWorkers; ++worker) tenants.push_back(driver.new_tenant());
  std::atomic<int> strangers{0};
  at_once([&](int worker) {
    for (int round = 0; round < kRounds; ++round) {
      const std::string& tenant = tenants[static_cast<std::size_t>((worker + round) % kWorkers)];
      const auto objects = driver.objects(tenant);
      objects->upsert(object(tenant, std::to_string(worker)));
      for (const IntegratedObject& found : objects->find({})) strangers += found.company_id == tenant ? 0 : 1;
    }
  });
  EXPECT_EQ(strangers, 0);
  for (const std::string& tenant : tenants) EXPECT_LE(driver.objects(tenant)->count(), std::uint64_t{kWorkers});
}

void a_reader_sees_whole_transactions(Driver& driver) {
  const std::string tenant = driver.new_tenant();
  std::atomic<bool> done{false};
  std::atomic<int> odd{0};
  std::thread reader([&] {
    while (!done) odd += static_cast<int>(driver.objects(tenant)->count() % 2);
  });
  for (int round = 0; round < kRounds; ++round) {
    driver.retried(tenant, [&](Unit& unit) {
      unit.objects().create(object(tenant, "a" + std::to_string(round)));
      unit.objects().create(object(tenant, "b" + std::to_string(round)));
    });
  }
  done = true;
  reader.join();
  EXPECT_EQ(odd, 0);
}

}  // namespace

Cases concurrency_cases() {
  return {{"Concurrency/DifferentKeys", different_keys},
          {"Concurrency/OneKeyIsCreatedOnce", one_key_is_created_once},
          {"Concurrency/OneKeyIsUpserted", one_key_is_upserted},
          {"Concurrency/NoIncrementIsLost", no_increment_is_lost},
          {"Concurrency/BatchesOfTheSameKeys", batches_of_the_same_keys},
          {"Concurrency/ManyTenants", many_tenants},
          {"Concurrency/AReaderSeesWholeTransactions", a_reader_sees_whole_transactions}};
}

}  // namespace conformance
