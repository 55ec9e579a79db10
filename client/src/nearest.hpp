#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace rowhouse::detail {

// The candidate that `word` was most likely meant to be: one that it begins or that is a few letters away, whatever the
// case. Nothing when none is near.
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace rowhouse::detail
