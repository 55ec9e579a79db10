// What a DEFAULT of SQLite is in PostgreSQL.
#include <algorithm>

#include "bridge/expression.hpp"
#include "bridge/names.hpp"
#include "bridge/sql_tokens.hpp"

namespace rowhouse::bridge {
namespace {

// The moment at which a row is made, as SQLite writes it.
std::optional<std::string> moment(std::string_view format, PgType type) {
  const bool date_only = format == "YYYY-MM-DD";
  switch (type) {
    case PgType::text:
      return "to_char(now() AT TIME ZONE 'UTC', '" + std::string(format) + "')";
    case PgType::date:
      return date_only ? std::optional<std::string>("(now() AT TIME ZONE 'UTC')::date") : std::nullopt;
    case PgType::timestamp:
      return "date_trunc('" + std::string(date_only ? "day" : "second") + "', now() AT TIME ZONE 'UTC')";
    case PgType::timestamptz:
      return "date_trunc('" + std::string(date_only ? "day" : "second") + "', now(), 'UTC')";
    default:
      return std::nullopt;
  }
}

std::optional<std::string> computed_default(const std::vector<Token>& tokens, PgType type) {
  constexpr const char* kBoth = "YYYY-MM-DD HH24:MI:SS";
  if (tokens.size() == 1 && tokens[0].is_word("CURRENT_TIMESTAMP")) return moment(kBoth, type);
  if (tokens.size() == 1 && tokens[0].is_word("CURRENT_DATE")) return moment("YYYY-MM-DD", type);
  if (tokens.size() == 1 && tokens[0].is_word("CURRENT_TIME") && type == PgType::text) return moment("HH24:MI:SS", type);
  if (tokens.size() != 4 || !tokens[1].is_sign("(") || tokens[2].kind != Token::Kind::text ||
      !same_name(tokens[2].text, "now") || !tokens[3].is_sign(")"))
    return std::nullopt;
  if (tokens[0].is_word("datetime")) return moment(kBoth, type);
  if (tokens[0].is_word("date")) return moment("YYYY-MM-DD", type);
  return std::nullopt;
}

std::vector<Token> without_brackets(std::vector<Token> tokens) {
  while (tokens.size() > 2 && tokens[0].is_sign("(") && behind_brackets(tokens, 0) == tokens.size()) {
    tokens.erase(tokens.begin());
    tokens.pop_back();
  }
  return tokens;
}

bool is_plain_number(const std::string& text) {
  return !text.empty() && text.size() <= 18 && text.find_first_not_of("0123456789.") == std::string::npos &&
         text != "." && std::count(text.begin(), text.end(), '.') <= 1;
}

// A literal of SQLite as the characters it stands for, and whether it is a number; nothing where it is no literal.
std::optional<std::string> literal_text(const std::vector<Token>& tokens, bool& is_number) {
  if (tokens.empty() || tokens.size() > 2) return std::nullopt;
  const Token& token = tokens.back();
  is_number = token.kind == Token::Kind::number;
  if (tokens.size() == 2) {
    if (!is_number || !(tokens[0].is_sign("-") || tokens[0].is_sign("+"))) return std::nullopt;
    return (tokens[0].is_sign("-") ? "-" : "") + token.text;
  }
  if (token.is_word("TRUE") || token.is_word("FALSE")) {
    is_number = true;
    return token.is_word("TRUE") ? "1" : "0";
  }
  if (is_number || token.kind == Token::Kind::text || token.kind == Token::Kind::name) return token.text;
  return std::nullopt;
}

}  // namespace

std::optional<std::string> translate_default(std::string_view sql, PgType type) {
  const std::vector<Token> tokens = without_brackets(tokenize(sql));
  if (std::optional<std::string> computed = computed_default(tokens, type)) return computed;
  bool is_number = false;
  const std::optional<std::string> text = literal_text(tokens, is_number);
  if (!text || check_text(*text)) return std::nullopt;
  const bool fraction = text->find('.') != std::string::npos;
  const bool plain = is_plain_number((*text)[0] == '-' ? text->substr(1) : *text);
  if (is_number && !plain) return std::nullopt;
  Cell cell;
  cell.storage_class = StorageClass::text;
  cell.bytes = *text;
  Value value;
  switch (type) {
    case PgType::bigint:
    case PgType::double_precision:
    case PgType::numeric:
      if (!plain || (fraction && type == PgType::bigint)) return std::nullopt;
      break;
    case PgType::boolean:
      if (*text == "0" || *text == "1") return *text == "1" ? "true" : "false";
      if (decode(cell, type, TextCheck::utf8, value)) return std::nullopt;
      return value.integer ? "true" : "false";
    case PgType::bytea:
      return std::nullopt;
    default:
      if (is_number && fraction) return std::nullopt;  // 1.50 is kept as '1.5'
      if (decode(cell, type, TextCheck::json, value)) return std::nullopt;
  }
  return quote_literal(*text) + "::" + sql_name(type);
}

}  // namespace rowhouse::bridge
