#pragma once

#include <future>
#include <memory>

#include "bridge/source.hpp"

namespace rowhouse::detail {

// SQLite's integrity check of a file. Of a large one that is read in place it is done by a thread of its own, beside
// whoever reads the file; any other is checked before anything else is done.
class IntegrityCheck {
 public:
  // Throws when a file that is checked at once is damaged. The file has to outlive this.
  explicit IntegrityCheck(bridge::Source& file);
  static bool goes_on_beside(const bridge::Source& file);

  // Waits for the end; throws when the file is damaged, each time.
  void require_sound();
  bool is_done() const;

 private:
  std::unique_ptr<bridge::Source> twin_;
  std::shared_future<bridge::Status> result_;  // of the thread
};

// Files from this size on are read by several threads.
inline constexpr std::int64_t kReadInParts = 16 * 1024 * 1024;

}  // namespace rowhouse::detail
