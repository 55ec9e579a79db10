#include "bridge/sql_tokens.hpp"

#include <algorithm>

#include "bridge/names.hpp"

namespace rowhouse::bridge {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || (c & 0x80) != 0;
}

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view sql) : sql_(sql) {}

  std::vector<Token> run() {
    while (at_ < sql_.size()) {
      const std::size_t begin = at_;
      Token token;
      if (!skip_blank() && take(token)) {
        token.begin = begin;
        token.end = at_;
        tokens_.push_back(std::move(token));
      }
    }
    return std::move(tokens_);
  }

 private:
  char at(std::size_t ahead) const { return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0'; }

  bool skip_blank() {
    if (std::string_view(" \t\n\r\f").find(at(0)) != std::string_view::npos) {
      ++at_;
    } else if (at(0) == '-' && at(1) == '-') {
      at_ = std::min(sql_.find('\n', at_), sql_.size());
    } else if (at(0) == '/' && at(1) == '*') {
      const std::size_t end = sql_.find("*/", at_ + 2);
      at_ = end == std::string_view::npos ? sql_.size() : end + 2;
    } else {
      return false;
    }
    return true;
  }

  bool take(Token& token) {
    const char c = at(0);
    if (c == '\'' || c == '"' || c == '`' || c == '[') {
      token.kind = c == '\'' ? Token::Kind::text : Token::Kind::name;
      token.text = take_quoted(c == '[' ? ']' : c);
    } else if ((c == 'x' || c == 'X') && at(1) == '\'') {
      ++at_;
      token.kind = Token::Kind::blob;
      token.text = take_quoted('\'');
    } else if (is_digit(c) || (c == '.' && is_digit(at(1)))) {
      token.kind = Token::Kind::number;
      token.text = take_number();
    } else if (is_letter(c)) {
      token.kind = Token::Kind::word;
      while (is_letter(at(0)) || is_digit(at(0))) token.text += sql_[at_++];
    } else {
      token.text = take_sign();
    }
    return true;
  }

  std::string take_quoted(char quote) {
    std::string text;
    for (++at_; at_ < sql_.size(); ++at_) {
      if (sql_[at_] == quote) {
        ++at_;
        if (quote == ']' || at(0) != quote) break;
      }
      text += sql_[at_];
    }
    return text;
  }

  std::string take_number() {
    std::string text;
    while (is_digit(at(0)) || is_letter(at(0)) || at(0) == '.' ||
           ((at(0) == '+' || at(0) == '-') && !text.empty() && (text.back() == 'e' || text.back() == 'E')))
      text += sql_[at_++];
    return text;
  }

  std::string take_sign() {
    for (const std::string_view sign : {"->>", "->", "||", "==", "<>", "!=", "<=", ">=", "<<", ">>"}) {
      if (sql_.substr(at_, sign.size()) != sign) continue;
      at_ += sign.size();
      return std::string(sign);
    }
    return std::string(1, sql_[at_++]);
  }

  const std::string_view sql_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

bool Token::is_word(std::string_view word) const { return kind == Kind::word && same_name(text, word); }

std::vector<Token> tokenize(std::string_view sql) { return Tokenizer(sql).run(); }

std::size_t behind_brackets(const std::vector<Token>& tokens, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < tokens.size(); ++i) {
    depth += tokens[i].is_sign("(") - tokens[i].is_sign(")");
    if (depth == 0) return i + 1;
  }
  return tokens.size();
}

}  // namespace rowhouse::bridge
