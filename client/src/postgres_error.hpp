#pragma once

#include <libpq-fe.h>

#include <string>
#include <string_view>

#include "rowhouse/url.hpp"

namespace rowhouse::detail {

// Throws what a failed result says. `in_doubt`: the statement could have committed if the connection was lost.
[[noreturn]] void throw_result_error(PGconn* connection, const PGresult* result, bool may_have_committed);

// Throws what a failed attempt to connect says; needs PQERRORS_VERBOSE. The URL is printed masked.
[[noreturn]] void throw_connect_error(PGconn* connection, const Url& url);

// A server's primary message without the quoted values that data errors (class 22) carry.
std::string without_values(std::string_view sqlstate, std::string_view message);

}  // namespace rowhouse::detail
