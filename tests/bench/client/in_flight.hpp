// Many requests at once on a few connections: by a thread for each connection, and by coroutines on one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bench {

constexpr std::size_t kConnections = 10;
constexpr std::size_t kInFlight = 1'000;  // callers at once
constexpr std::size_t kRequests = 5;      // of each caller, one after the other

// A request takes a connection for a tenant, reads one of its rows, and gives the connection back; each fifth writes
// the row.
class InFlight {
 public:
  virtual ~InFlight() = default;
  virtual void run() = 0;  // all requests of all callers
};

// `rows`: ids of the tenant's. Callers queue before the threads, as they do behind a server's accept.
std::unique_ptr<InFlight> by_threads(const std::string& url, const std::string& tenant, std::vector<std::int64_t> rows);
std::unique_ptr<InFlight> by_coroutines(const std::string& url, const std::string& tenant,
                                        std::vector<std::int64_t> rows);

}  // namespace bench
