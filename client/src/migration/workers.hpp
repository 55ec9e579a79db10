#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace rowhouse::detail {

// Runs `work(item, worker)` for every item on several threads, the caller's included, and lets idle ones do pieces of
// what others are at. The first exception stops the handing out of items and is rethrown when all have ended.
class Workers {
 public:
  using Piece = std::function<void(std::size_t worker)>;

  explicit Workers(std::size_t count) : count_(count < 1 ? 1 : count) {}
  std::size_t count() const { return count_; }

  void run(std::size_t items, const std::function<void(std::size_t item, std::size_t worker)>& work) {
    items_ = items;
    next_ = 0;
    busy_ = count_;
    failure_ = nullptr;
    claimed_.assign(count_, std::nullopt);
    {
      std::vector<std::jthread> threads;
      for (std::size_t worker = 1; worker < count_; ++worker)
        threads.emplace_back([&, worker] { loop(worker, work); });
      loop(0, work);
    }
    if (failure_) std::rethrow_exception(failure_);
  }

  // From within `work`: the item that the worker will be given next, or nothing.
  std::optional<std::size_t> claim(std::size_t worker) {
    const std::lock_guard lock(mutex_);
    if (!claimed_[worker] && next_ < items_ && !failure_) claimed_[worker] = next_++;
    return claimed_[worker];
  }

  // From within `work`: true when an idle worker takes the piece, which must not throw; else the caller does it itself.
  bool hand_over(Piece piece) {
    const std::lock_guard lock(mutex_);
    if (idle_ <= pieces_.size()) return false;
    pieces_.push_back(std::move(piece));
    changed_.notify_one();
    return true;
  }

 private:
  void loop(std::size_t worker, const std::function<void(std::size_t, std::size_t)>& work) {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (claimed_[worker] && !failure_) {
        do_item(*std::exchange(claimed_[worker], std::nullopt), worker, work, lock);
      } else if (!pieces_.empty()) {
        const Piece piece = std::move(pieces_.front());
        pieces_.pop_front();
        lock.unlock();
        piece(worker);
        lock.lock();
      } else if (next_ < items_ && !failure_) {
        do_item(next_++, worker, work, lock);
      } else {
        --busy_;
        ++idle_;
        changed_.notify_all();
        changed_.wait(lock, [&] { return !pieces_.empty() || busy_ == 0; });
        --idle_;
        if (pieces_.empty()) return;
        ++busy_;
      }
    }
  }

  void do_item(std::size_t item, std::size_t worker, const std::function<void(std::size_t, std::size_t)>& work,
               std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    std::exception_ptr failure;
    try {
      work(item, worker);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (failure && !failure_) failure_ = failure;
  }

  const std::size_t count_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> pieces_;
  std::size_t items_ = 0, next_ = 0, busy_ = 0, idle_ = 0;
  std::vector<std::optional<std::size_t>> claimed_;  // by worker
  std::exception_ptr failure_;
};

}  // namespace rowhouse::detail
