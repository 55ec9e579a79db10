#include "sql_text.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace rowhouse::detail {
namespace {

constexpr std::size_t kLongestPrepared = 16 * 1024;

// The offset behind a comment that starts at `at`; comments between slashes nest, as in PostgreSQL.
std::size_t behind_comment(std::string_view sql, std::size_t at) {
  if (sql.substr(at, 2) == "--") return std::min(sql.find('\n', at), sql.size());
  int depth = 0;
  while (at < sql.size()) {
    if (sql.substr(at, 2) == "/*") {
      ++depth, at += 2;
    } else if (sql.substr(at, 2) == "*/") {
      at += 2;
      if (--depth == 0) break;
    } else {
      ++at;
    }
  }
  return at;
}

}  // namespace

std::string first_keyword(std::string_view sql) {
  std::size_t at = 0;
  while (at < sql.size()) {
    const auto c = static_cast<unsigned char>(sql[at]);
    if (std::isspace(c) != 0 || c == '(' || c == ';')
      ++at;
    else if (sql.substr(at, 2) == "--" || sql.substr(at, 2) == "/*")
      at = behind_comment(sql, at);
    else
      break;
  }
  std::string word;
  for (; at < sql.size() && std::isalpha(static_cast<unsigned char>(sql[at])) != 0; ++at)
    word += static_cast<char>(std::toupper(static_cast<unsigned char>(sql[at])));
  return word;
}

bool is_worth_preparing(std::string_view sql) {
  static constexpr std::array<std::string_view, 7> kWords{"SELECT", "INSERT", "UPDATE", "DELETE",
                                                          "WITH",   "VALUES", "MERGE"};
  return sql.size() <= kLongestPrepared && std::find(kWords.begin(), kWords.end(), first_keyword(sql)) != kWords.end();
}

}  // namespace rowhouse::detail
