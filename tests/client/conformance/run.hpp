// Every case on SQLite and on PostgreSQL: the same results, the same errors, the same isolation.
#pragma once

#include "suite.hpp"
#include "way_driver.hpp"

namespace conformance {

using MakePlace = std::unique_ptr<Place> (*)();

// One database for all cases: each has tenants of its own.
template <class Way, MakePlace make>
Driver& driver_on() {
  static WayDriver<Way> driver(make());
  return driver;
}

class Test final : public ::testing::Test {
 public:
  Test(Case the_case, Driver& (*driver)(), bool needs_server)
      : case_(std::move(the_case)), driver_(driver), needs_server_(needs_server) {}
  void TestBody() override {
    if (needs_server_) ROWHOUSE_NEEDS_SERVER();
    case_.run(driver_());
  }

 private:
  Case case_;
  Driver& (*driver_)();
  bool needs_server_;
};

inline void register_cases(const char* suite, Driver& (*driver)(), bool needs_server) {
  for (const Case& each : all_cases()) {
    ::testing::RegisterTest(suite, each.name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                            [=]() -> ::testing::Test* { return new Test(each, driver, needs_server); });
  }
}

template <class Way>
int run(int count, char** arguments) {
  ::testing::InitGoogleTest(&count, arguments);
  register_cases("SQLite", &driver_on<Way, &Place::sqlite>, false);
  register_cases("PostgreSQL", &driver_on<Way, &Place::postgres>, true);
  return RUN_ALL_TESTS();
}

}  // namespace conformance
