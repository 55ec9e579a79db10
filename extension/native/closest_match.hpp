// The name that a misspelt one was probably meant to be.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace rowhouse {

inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

/// A hint such as `Perhaps you meant "path".`; without a near candidate one that lists them, `kind` being their plural.
inline std::string closest_match_hint(std::string_view name, const std::vector<std::string>& candidates,
                                      const std::string& kind) {
  constexpr std::size_t kListed = 8;
  const std::string* best = nullptr;
  std::size_t best_distance = std::max<std::size_t>(name.size() / 2, 1) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(name.substr(0, 63), std::string_view(candidate).substr(0, 63));
    if (distance < best_distance) {
      best_distance = distance;
      best = &candidate;
    }
  }
  if (best) return "Perhaps you meant \"" + *best + "\".";
  if (candidates.empty()) return "There are no " + kind + ".";
  std::string hint = "The " + kind + " are: ";
  for (std::size_t i = 0; i < candidates.size() && i < kListed; ++i) hint += (i ? ", " : "") + candidates[i];
  return hint + (candidates.size() > kListed ? ", …" : ".");
}

}  // namespace rowhouse
