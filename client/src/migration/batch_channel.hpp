// Between the thread that reads a file and the one that sends.
#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

#include "migration/batch_sender.hpp"

namespace rowhouse::detail {

// At most one batch waits between the thread that reads and the one that sends.
class BatchChannel {
 public:
  // False when the taker has given up.
  bool put(Batch batch) {
    std::optional<Batch> sent;  // freed here, without the lock
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !waiting_ || closed_; });
    if (closed_) return false;
    waiting_ = std::move(batch);
    sent = std::exchange(sent_, std::nullopt);
    changed_.notify_all();
    return true;
  }
  // A batch that was sent, for the reader to free: that takes a while, in which the server would wait.
  void give_back(Batch batch) {
    std::optional<Batch> earlier(std::move(batch));
    const std::lock_guard lock(mutex_);
    earlier.swap(sent_);
  }
  // Nothing behind the last; what the reader has thrown.
  std::optional<Batch> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ || closed_; });
    std::optional<Batch> batch = std::move(waiting_);
    waiting_.reset();
    changed_.notify_all();
    if (!batch && failure_) std::rethrow_exception(failure_);
    return batch;
  }
  void close(std::exception_ptr failure = nullptr) {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (failure) failure_ = failure;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Batch> waiting_, sent_;
  bool closed_ = false;
  std::exception_ptr failure_;
};

}  // namespace rowhouse::detail
