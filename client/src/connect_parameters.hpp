#pragma once

#include <string>
#include <utility>
#include <vector>

#include "postgres_wire.hpp"

namespace rowhouse::detail {

// libpq's keyword and value arrays for a URL; ours come first, so that the URL's own win. The arrays live as long as
// this object. Throws ConfigurationError for a parameter that libpq does not know.
class ConnectParameters {
 public:
  ConnectParameters(const Url& url, const PostgresOptions& options);
  std::vector<const char*> keywords() const { return pointers(&Item::first); }
  std::vector<const char*> values() const { return pointers(&Item::second); }

 private:
  using Item = std::pair<std::string, std::string>;
  void add(std::string name, std::string value) { items_.emplace_back(std::move(name), std::move(value)); }
  std::vector<const char*> pointers(std::string Item::*member) const;

  std::vector<Item> items_;
};

}  // namespace rowhouse::detail
