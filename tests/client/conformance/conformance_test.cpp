// Every case on SQLite and on PostgreSQL: the same results, the same errors, the same isolation.
#include <map>

#include "suite.hpp"
#include "sync_driver.hpp"

namespace conformance {
namespace {

// One database for all cases: each has tenants of its own.
using MakeDriver = std::unique_ptr<SyncDriver> (*)();

Driver& driver_of(MakeDriver make) {
  static std::map<MakeDriver, std::unique_ptr<Driver>> made;
  std::unique_ptr<Driver>& driver = made[make];
  if (!driver) driver = make();
  return *driver;
}

class Test final : public ::testing::Test {
 public:
  Test(Case the_case, MakeDriver make, bool needs_server)
      : case_(std::move(the_case)), make_(make), needs_server_(needs_server) {}
  void TestBody() override {
    if (needs_server_) ROWHOUSE_NEEDS_SERVER();
    case_.run(driver_of(make_));
  }

 private:
  Case case_;
  MakeDriver make_;
  bool needs_server_;
};

void register_cases(const char* suite, MakeDriver make, bool needs_server) {
  for (const Case& each : all_cases()) {
    ::testing::RegisterTest(suite, each.name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                            [=]() -> ::testing::Test* { return new Test(each, make, needs_server); });
  }
}

}  // namespace
}  // namespace conformance

int main(int count, char** arguments) {
  ::testing::InitGoogleTest(&count, arguments);
  conformance::register_cases("SQLite", &conformance::SyncDriver::sqlite, false);
  conformance::register_cases("PostgreSQL", &conformance::SyncDriver::postgres, true);
  return RUN_ALL_TESTS();
}
