#include "pg_compat.hpp"

#include "subtransaction.hpp"

#include "boundary.hpp"

namespace rowhouse {
namespace {

// Where the caller stands, to come back to.
struct Caller {
  MemoryContext memory;
  ResourceOwner owner;
  MemoryContext scratch;
};

// Plain frames.

Caller begin() {
  const MemoryContext memory = CurrentMemoryContext;
  const Caller caller = {memory, CurrentResourceOwner,
                         AllocSetContextCreate(memory, "rowhouse attempt", ALLOCSET_DEFAULT_SIZES)};
  BeginInternalSubTransaction(nullptr);
  MemoryContextSwitchTo(caller.scratch);
  return caller;
}

void come_back(const Caller& caller) {
  MemoryContextSwitchTo(caller.memory);
  CurrentResourceOwner = caller.owner;
}

void release(const Caller& caller) {
  ReleaseCurrentSubTransaction();
  come_back(caller);
}

void roll_back(const Caller& caller) {
  MemoryContextSwitchTo(caller.memory);
  RollbackAndReleaseCurrentSubTransaction();
  come_back(caller);
}

// Takes the report off the error stack; one that is not about data goes on its way after the rollback.
ErrorData* roll_back_report(const Caller& caller) {
  MemoryContextSwitchTo(caller.memory);
  ErrorData* const report = CopyErrorData();
  FlushErrorState();
  roll_back(caller);
  if (!bridge::is_data_refusal(unpack_sql_state(report->sqlerrcode))) ReThrowError(report);
  return report;
}

bridge::CopyRefusal refusal_of(const ErrorData* report) {
  return {unpack_sql_state(report->sqlerrcode), report->message ? report->message : "",
          report->column_name ? report->column_name : "", 0};
}

}  // namespace

std::optional<bridge::CopyRefusal> try_subtransaction(const std::function<std::optional<bridge::CopyRefusal>()>& body) {
  const Caller caller = pg_call([] { return begin(); });
  std::optional<bridge::CopyRefusal> refusal;
  bool is_open = true;
  try {
    refusal = body();
    if (!refusal) pg_call([&] { release(caller); });
    is_open = refusal.has_value();
  } catch (const PgError&) {
    ErrorData* const report = pg_call([&] { return roll_back_report(caller); });
    refusal = refusal_of(report);
    pg_call([&] { FreeErrorData(report); });
    is_open = false;
  } catch (...) {
    pg_call([&] { roll_back(caller); });
    throw;
  }
  if (is_open) pg_call([&] { roll_back(caller); });
  pg_call([&] { MemoryContextDelete(caller.scratch); });
  return refusal;
}

}  // namespace rowhouse
