#include "faults.hpp"

#ifdef ROWHOUSE_FAULTS
#include "pg_compat.hpp"

#include <new>
#include <stdexcept>
#include <string_view>

namespace rowhouse {
namespace {

char* fault = nullptr;

}  // namespace

void define_fault_setting() {
  DefineCustomStringVariable("rowhouse.fault", "The entry that throws, and what.", nullptr, &fault, "", PGC_USERSET, 0,
                             nullptr, nullptr, nullptr);
}

void inject_fault(const char* point) {
  const std::string_view wanted = fault ? fault : "";
  const std::string_view name = point;
  if (wanted.substr(0, name.size()) != name || wanted.substr(name.size(), 1) != " ") return;
  const std::string_view kind = wanted.substr(name.size() + 1);
  if (kind == "exception") throw std::runtime_error("fault at " + std::string(name));
  if (kind == "memory") throw std::bad_alloc();
  if (kind == "number") throw 1;
}

}  // namespace rowhouse
#endif
