#pragma once

#include <string>
#include <string_view>

namespace rowhouse::detail {

// The first word of a statement in capitals, behind blanks, comments and parentheses: "SELECT", "COPY". Empty when
// there is none.
std::string first_keyword(std::string_view sql);

// True when preparing the statement pays: one that reads or writes rows, and not a very long one.
bool is_worth_preparing(std::string_view sql);

}  // namespace rowhouse::detail
