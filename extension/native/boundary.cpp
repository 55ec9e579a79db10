#include "boundary.hpp"

#include <cstring>
#include <exception>
#include <new>

#include "failure.hpp"

namespace rowhouse {
namespace {

// What does not fit is cut at a whole character.
template <std::size_t size>
void copy_text(char (&to)[size], const char* from, std::size_t length) noexcept {
  if (length >= size) {
    length = size - 1;
    while (length > 0 && (from[length] & 0xC0) == 0x80) --length;
  }
  std::memcpy(to, from, length);
  to[length] = '\0';
}

void describe(PendingError& pending, int sqlstate, const char* message) noexcept {
  pending.sqlstate = sqlstate;
  copy_text(pending.message, message, std::strlen(message));
}

}  // namespace

void describe_exception(PendingError& pending) noexcept {
  pending.is_servers_own = false;
  pending.detail[0] = pending.hint[0] = '\0';
  try {
    throw;
  } catch (const PgError&) {
    pending.is_servers_own = true;
  } catch (const Failure& failure) {
    const bridge::Status& status = failure.status;
    const char* code = status.sqlstate;
    pending.sqlstate = MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4]);
    copy_text(pending.message, status.message.data(), status.message.size());
    copy_text(pending.detail, status.detail.data(), status.detail.size());
    copy_text(pending.hint, status.hint.data(), status.hint.size());
  } catch (const std::bad_alloc&) {
    describe(pending, ERRCODE_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& exception) {
    describe(pending, ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, exception.what());
  } catch (...) {
    describe(pending, ERRCODE_INTERNAL_ERROR, "rowhouse_native: unknown exception");
  }
}

void report(const PendingError& pending) {
  if (pending.is_servers_own) PG_RE_THROW();
  ereport(ERROR, (errcode(pending.sqlstate), errmsg_internal("%s", pending.message),
                  pending.detail[0] ? errdetail_internal("%s", pending.detail) : 0,
                  pending.hint[0] ? errhint("%s", pending.hint) : 0));
  pg_unreachable();
}

void check(const bridge::Status& status) {
  if (status.ok()) return;
  if (is_interrupted(nullptr)) pg_call([] { CHECK_FOR_INTERRUPTS(); });
  throw Failure{status};
}

bool is_interrupted(void*) {
  return InterruptPending && (QueryCancelPending || ProcDiePending) && InterruptHoldoffCount == 0 &&
         CritSectionCount == 0;
}

}  // namespace rowhouse
