#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "postgres_wire.hpp"

namespace rowhouse::detail {

// COPY between client and server in steps, as PostgresWire's own: step() until kNothing, then take().
class PostgresCopy {
 public:
  using Fill = std::function<std::size_t(std::span<char>)>;  // writes to the buffer; 0 is the end
  using Take = std::function<void(std::string_view)>;        // gets one message

  // What either throws ends the COPY and is rethrown by take().
  PostgresCopy(PostgresWire& wire, std::string_view sql, Fill fill);
  PostgresCopy(PostgresWire& wire, std::string_view sql, Take take);
  ~PostgresCopy();

  Wait step();
  std::size_t take();  // the number of rows
  // As those of PostgresWire. What is sent to a statement that is cancelled is lost anyway.
  void stop_sending() noexcept { stopped_ = true; }
  [[noreturn]] void give_up() { wire_.give_up(may_commit_); }
  bool wants_cancel() noexcept { return std::exchange(cancel_wanted_, false); }

 private:
  enum class State { kStarting, kIn, kOut, kEnding, kEnded };

  PostgresCopy(PostgresWire& wire, std::string_view sql, Fill fill, Take take);
  // Each does what can be done without waiting: nothing, or what to wait for.
  Wait start();
  Wait send();
  Wait receive();
  Wait end();
  std::size_t fill_chunk();
  Wait advance();
  Wait lose();

  PostgresWire& wire_;
  PostgresUse use_;
  const Fill fill_;
  const Take take_;
  const bool may_commit_;
  State state_ = State::kStarting;
  std::vector<char> buffer_;
  std::shared_ptr<pg_result> answer_;  // the first error, else the last result
  std::exception_ptr error_;           // of fill_ or take_
  bool wrong_way_ = false;
  bool cancel_wanted_ = false;
  bool stopped_ = false;
};

}  // namespace rowhouse::detail
