#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rowhouse/export.hpp"

namespace rowhouse {

/// A URL of a database or service, taken apart and percent-decoded. Printing one never shows its password.
class ROWHOUSE_EXPORT Url {
 public:
  /// A server.
  struct Host {
    std::string name;  ///< empty: the local socket
    std::string port;  ///< empty: the default port
  };

  /// `postgres://` and `postgresql+driver://` become `postgresql`, `sqlite+driver://` becomes `sqlite`.
  /// Throws ConfigurationError, which never repeats the text.
  static Url parse(std::string_view text);
  /// The URL of a SQLite file; the path is taken as it is.
  static Url sqlite_file(std::string path);
  /// The URL of a PostgreSQL database; the parts are taken as they are, not percent-decoded.
  static Url postgresql(Host host, std::string database, std::string user = {},
                        std::optional<std::string> password = std::nullopt);

  /// In lower case, without a driver.
  const std::string& scheme() const noexcept { return scheme_; }
  /// Empty where there is none.
  const std::string& user() const noexcept { return user_; }
  /// In clear.
  const std::optional<std::string>& password() const noexcept { return password_; }
  /// In their order; none for SQLite.
  const std::vector<Host>& hosts() const noexcept { return hosts_; }
  /// PostgreSQL: the database. SQLite: the file's path, relative or absolute, empty for a database in memory.
  const std::string& database() const noexcept { return database_; }
  /// What stands behind the question mark, in its order. PostgreSQL: handed on to libpq.
  const std::vector<std::pair<std::string, std::string>>& parameters() const noexcept { return parameters_; }

  /// Whether it names a SQLite database.
  bool is_sqlite() const noexcept { return scheme_ == "sqlite"; }
  /// Whether it names a PostgreSQL database.
  bool is_postgresql() const noexcept { return scheme_ == "postgresql"; }

  /// For people and logs: passwords and what looks like one are replaced by `***`.
  std::string masked() const;
  /// Everything, password included; parse() reads it back.
  std::string revealed() const;

 private:
  std::string print(bool mask) const;

  std::string scheme_;
  std::string user_;
  std::optional<std::string> password_;
  std::vector<Host> hosts_;
  std::string database_;
  std::vector<std::pair<std::string, std::string>> parameters_;
};

/// Prints it masked.
ROWHOUSE_EXPORT std::ostream& operator<<(std::ostream& out, const Url& url);

/// Masks a text that may be a URL without parsing it; rather hides too much than too little.
ROWHOUSE_EXPORT std::string mask_url(std::string_view text);

}  // namespace rowhouse
