#include "bridge/names.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <numeric>

#include "bridge/cell.hpp"

namespace rowhouse::bridge {
namespace {

constexpr std::size_t kNameMax = 63;
constexpr std::size_t kComparedMax = 200;  // of names that are compared letter by letter

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// PostgreSQL's own columns have these names in every table.
bool is_system_column(const std::string& name) {
  constexpr std::array<const char*, 6> kNames = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"};
  return std::any_of(kNames.begin(), kNames.end(), [&](const char* taken) { return name == taken; });
}

// How many letters must be put in, left out or changed to make one of the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = i;
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (lower(a[i]) != lower(b[j]));
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string fit_name(const std::string& name) {
  if (name.size() <= kNameMax) return name;
  char hash[16];
  std::snprintf(hash, sizeof hash, "_%08x", static_cast<unsigned>(XXH64(name.data(), name.size(), 0)));
  std::string cut = name.substr(0, kNameMax - 9);
  while (!cut.empty() && check_text(cut)) cut.pop_back();
  return cut + hash;
}

std::string fit_column_name(const std::string& name, const std::vector<std::string>& taken) {
  std::string fitted = fit_name(name);
  while (is_system_column(fitted) || std::find(taken.begin(), taken.end(), fitted) != taken.end())
    fitted = fit_name(fitted + "_");
  return fitted;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string nearest_name(const std::string& name, const std::vector<std::string>& known) {
  std::string nearest;
  std::size_t best = name.size() / 3 + 2;
  for (const std::string& candidate : known) {
    if (candidate.size() > kComparedMax || name.size() > kComparedMax) continue;
    const std::size_t apart = distance(name, candidate);
    if (apart < best) best = apart, nearest = candidate;
  }
  return nearest;
}

std::string quote_identifier(std::string_view name) {
  std::string quoted = "\"";
  for (char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string quote_qualified(std::string_view schema, std::string_view table) {
  return quote_identifier(schema) + "." + quote_identifier(table);
}

std::string quote_literal(std::string_view text) {
  std::string quoted = text.find('\\') == std::string_view::npos ? "'" : "E'";
  for (char c : text) {
    if (c == '\'' || c == '\\') quoted += c;
    quoted += c;
  }
  return quoted + "'";
}

std::string tenant_condition(std::string_view tenant_column, std::string_view tenant) {
  return quote_identifier(tenant_column) + " = " + quote_literal(tenant);
}

}  // namespace rowhouse::bridge
