#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "postgres_connection.hpp"

namespace rowhouse::detail {

// Connections that end soon when the caller wants to stop, whatever they wait for: the server is asked to cancel what
// it does for them; whoever has not come back within a second, for the server or the network says nothing more, loses
// the connection, as by a kill. A thread of its own asks `interrupted`; none where that is empty. Thread-safe.
class InterruptWatch {
 public:
  explicit InterruptWatch(std::function<bool()> interrupted);
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;

  PostgresConnection connect(const Url& url);

  // Calls `work`; an error after the caller wanted to stop is 57014, whatever came of it.
  template <class Work>
  auto run(const Work& work) {
    try {
      return work();
    } catch (const Error&) {
      if (stop_.stop_requested()) throw_interrupted();
      throw;
    }
  }

 private:
  void watch();
  void strike(std::unique_lock<std::mutex>& lock);
  [[noreturn]] static void throw_interrupted();

  const std::function<bool()> interrupted_;
  std::stop_source stop_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable ended_;
  bool is_over_ = false;
  std::vector<PostgresLine> lines_;
  std::thread thread_;
};

}  // namespace rowhouse::detail
