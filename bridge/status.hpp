// The outcome of every call into the bridge. Nothing here throws across its interface, save std::bad_alloc.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace rowhouse::bridge {

/// An error as PostgreSQL's users know errors: a SQLSTATE, one primary sentence, a detail and a hint.
/// `sqlstate` points to a literal and lives for ever.
struct Status {
  const char* sqlstate = "00000";
  std::string message = {};
  std::string detail = {};
  std::string hint = {};
  int sqlite_code = 0;  ///< the extended result code where SQLite spoke, else 0

  bool ok() const { return sqlstate[0] == '0' && sqlstate[1] == '0'; }
};

/// The SQLSTATE for a SQLite result code, extended or not. The one table in the product.
const char* sqlstate_of(int sqlite_code);

/// Either a value or the Status that says why there is none.
template <class T>
class Result {
 public:
  Result(T value) : held_(std::move(value)) {}
  Result(Status status) : held_(std::move(status)) {}

  bool ok() const { return held_.index() == 0; }
  T& value() { return *std::get_if<0>(&held_); }
  const T& value() const { return *std::get_if<0>(&held_); }
  Status& status() { return *std::get_if<1>(&held_); }
  const Status& status() const { return *std::get_if<1>(&held_); }

 private:
  std::variant<T, Status> held_;
};

}  // namespace rowhouse::bridge
