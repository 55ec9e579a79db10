#pragma once

#include "pool.hpp"
#include "replicas.hpp"

namespace rowhouse::detail {

template <>
struct PoolUse<Blocking> {
  using Pool = ConnectionPool;
  using Held = std::unique_ptr<Connection>;

  static std::shared_ptr<Pool> like(const Pool&, const Url& url, DatabaseOptions options) {
    return std::make_shared<Pool>(url, std::move(options));
  }
  static Immediate<Held> check_out(std::shared_ptr<Pool> pool, std::stop_token stop) {
    co_return pool->check_out(stop);
  }
  static Immediate<Result> ask(const Held& connection, std::string_view sql, CallLimits limits) {
    connection->set_limits(limits);
    co_return connection->execute({sql, {}});
  }
  static void give_back(Pool& pool, Held connection) noexcept { pool.give_back(std::move(connection), false); }
};

}  // namespace rowhouse::detail
