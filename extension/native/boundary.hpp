// The two crossings between PostgreSQL's errors, which jump over C frames, and C++'s, which unwind C++ frames.
//
// A report of PostgreSQL (ereport) may cross only frames whose locals are trivially destructible; an exception may
// cross only C++ frames. So: entry() is the body of whatever the server calls, pg_call() is the only way in which C++
// code that owns something calls a function of the server that can report. There is no third way.
#pragma once

#include "pg_compat.hpp"

#include <csetjmp>
#include <type_traits>
#include <utility>

#include "faults.hpp"

namespace rowhouse {

/// The server has reported an error, and the report lies on its error stack. Code that sees this unwinds and calls
/// nothing of the server's: the entry hands the report on unchanged.
struct PgError {};

/// An exception as plain memory, so that it can be reported when no C++ object is left.
struct PendingError {
  bool is_servers_own;
  int sqlstate;
  char message[2048];
  char detail[1024];
  char hint[512];
};

/// Describes the exception in flight; to be called in a handler.
void describe_exception(PendingError& pending) noexcept;
/// Reports what was described, or hands on the server's own report. The caller is left without any cleaning up.
[[noreturn]] void report(const PendingError& pending);

/// Runs `body`, C++ that may throw, for the server. `point` names the entry in faults and in reports of the unforeseen.
/// std::bad_alloc becomes 53200, another std::exception 38000, anything else XX000.
template <class Body>
auto entry(const char* point, Body&& body) -> decltype(body()) {
  static_assert(std::is_trivially_destructible_v<std::remove_reference_t<Body>>);
  static_assert(std::is_void_v<decltype(body())> || std::is_trivially_destructible_v<decltype(body())>);
  PendingError pending;
  try {
    inject_fault(point);
    return body();
  } catch (...) {
    describe_exception(pending);
  }
  report(pending);
}

/// Calls into the server; its error becomes a PgError. `call` is one call of the server's, or a few with plain locals:
/// nothing that needs a destructor may live inside. Not for every value: a few times a statement or a batch of rows.
template <class Call>
auto pg_call(Call&& call) -> decltype(call()) {
  static_assert(std::is_trivially_destructible_v<std::remove_reference_t<Call>>);
  sigjmp_buf* const handlers = PG_exception_stack;
  ErrorContextCallback* const contexts = error_context_stack;
  const MemoryContext memory = CurrentMemoryContext;
  sigjmp_buf here;
  if (sigsetjmp(here, 0) == 0) {
    PG_exception_stack = &here;
    if constexpr (std::is_void_v<decltype(call())>) {
      call();
      PG_exception_stack = handlers;
      return;
    } else {
      static_assert(std::is_trivially_destructible_v<decltype(call())>);
      const auto result = call();
      PG_exception_stack = handlers;
      return result;
    }
  }
  PG_exception_stack = handlers;
  error_context_stack = contexts;
  MemoryContextSwitchTo(memory);
  throw PgError();
}

}  // namespace rowhouse
