// SQLite's SQL taken apart into words, names, literals and signs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rowhouse::bridge {

struct Token {
  enum class Kind { word, name, text, number, blob, sign };
  Kind kind = Kind::sign;
  std::string text;  ///< words and signs as written; names and strings without their quotes
  std::size_t begin = 0, end = 0;

  /// A word without quotes, in any case.
  bool is_word(std::string_view word) const;
  bool is_sign(std::string_view sign) const { return kind == Kind::sign && text == sign; }
};

/// The tokens of `sql` without blanks and comments; of a string or comment without an end, what there is.
std::vector<Token> tokenize(std::string_view sql);

/// The index behind the bracket that closes the one at `open`; tokens.size() where none does.
std::size_t behind_brackets(const std::vector<Token>& tokens, std::size_t open);

}  // namespace rowhouse::bridge
