#pragma once

#include <cstddef>
#include <exception>
#include <vector>

#include "connection.hpp"
#include "postgres_call.hpp"
#include "postgres_result.hpp"
#include "postgres_wire.hpp"

namespace rowhouse::detail {

// The rows of one statement within a transaction, taken as they come: the server works while the caller does. Whatever
// else the connection is to do waits for the rest, which is kept here. The connection drives it as it drives a wire:
// until there are rows, or, from want_all() on, until all have come.
class RowStream final : public AskedRows {
 public:
  // Sends it: no other may be in flight.
  RowStream(PostgresWire& wire, const Call& call);
  RowStream(const RowStream&) = delete;
  RowStream& operator=(const RowStream&) = delete;

  bool in_flight() const noexcept { return in_flight_; }
  bool lacks_rows() const noexcept { return in_flight_ && rows_.empty(); }
  void want_all() noexcept { all_ = true; }
  Result take() override;
  // The driver has given up.
  void fail(std::exception_ptr error) noexcept;

  Wait step();
  bool wants_cancel() noexcept { return wire_.wants_cancel(); }
  void stop_sending() noexcept {}
  [[noreturn]] void give_up() { wire_.give_up(); }

 private:
  PostgresWire& wire_;
  const PostgresSink keep_ = [this](PostgresResult rows) { rows_.push_back(std::move(rows)); };
  std::vector<PostgresResult> rows_;
  std::exception_ptr error_;
  bool in_flight_ = true;
  bool all_ = false;
};

}  // namespace rowhouse::detail
