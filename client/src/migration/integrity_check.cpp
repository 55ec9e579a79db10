#include "migration/integrity_check.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>

#include "migration/source_files.hpp"

namespace rowhouse::detail {
namespace {

constexpr int kNice = 5;  // whoever reads beside it goes first; not so that a busy machine starves it

}  // namespace

bool IntegrityCheck::goes_on_beside(const bridge::Source& file) {
  return file.size() >= kReadInParts && !file.reads_copy();
}

IntegrityCheck::IntegrityCheck(bridge::Source& file) {
  if (goes_on_beside(file)) {
    bridge::Result<std::unique_ptr<bridge::Source>> twin = file.twin();
    if (!twin.ok()) throw_status(twin.status());
    twin_ = std::move(twin.value());
  }
  if (twin_) {
    result_ = std::async(std::launch::async, [twin = twin_.get()] {
      setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
      return twin->check_integrity();
    });
  } else if (const bridge::Status damage = file.check_integrity(); !damage.ok()) {
    throw_status(damage);
  }
}

void IntegrityCheck::require_sound() {
  if (!result_.valid()) return;
  if (const bridge::Status damage = result_.get(); !damage.ok()) throw_status(damage);
}

bool IntegrityCheck::is_done() const {
  return !result_.valid() || result_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

}  // namespace rowhouse::detail
