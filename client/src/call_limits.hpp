#pragma once

#include <chrono>
#include <stop_token>

namespace rowhouse::detail {

// How long a call may take, and who can stop it.
struct CallLimits {
  std::chrono::milliseconds timeout{0};  // 0: none. Else the statement is cancelled, and the connection given up when
                                         // the server does not answer that either
  std::stop_token stop{};  // cancels the statement
};

}  // namespace rowhouse::detail
