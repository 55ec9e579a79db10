#pragma once

#include <chrono>

#include "rowhouse/database_manager.hpp"
#include "rowhouse/observer.hpp"
#include "rowhouse/url.hpp"

namespace rowhouse::detail {

using Clock = std::chrono::steady_clock;

inline constexpr std::chrono::milliseconds kPingTimeout{5'000};  // for what a pool asks of a server on its own

// Throws ConfigurationError for options out of range.
void validate(const DatabaseOptions& options);
// Throws ConfigurationError for a URL of another kind. A database in memory has one connection.
DatabaseOptions fitted(const Url& url, DatabaseOptions options);
ObservedDatabase observed_database(const Url& url);

// Whether an idle connection is not lent any more, and whether its server is asked before it is.
bool is_too_old(Clock::time_point made, const DatabaseOptions& options);
bool is_to_be_asked(Clock::time_point returned, const DatabaseOptions& options);

// What callers are told who get no connection.
Error too_many_waiting(std::size_t waiting);
Error none_came_free(const DatabaseOptions& options);

}  // namespace rowhouse::detail
