#include "bridge/schema_sql.hpp"

#include <algorithm>

#include "bridge/names.hpp"
#include "bridge/sql_tokens.hpp"

namespace rowhouse::bridge {
namespace {

using Tokens = std::vector<Token>;

bool is_identifier(const Token& token) {
  return token.kind == Token::Kind::word || token.kind == Token::Kind::name || token.kind == Token::Kind::text;
}

// The text between two tokens, the first included.
std::string slice(std::string_view sql, const Tokens& tokens, std::size_t first, std::size_t last) {
  if (first >= last || last > tokens.size()) return {};
  return std::string(sql.substr(tokens[first].begin, tokens[last - 1].end - tokens[first].begin));
}

// The parts between commas of the brackets that open at `open`, as ranges of tokens.
std::vector<std::pair<std::size_t, std::size_t>> parts_of(const Tokens& tokens, std::size_t open) {
  std::vector<std::pair<std::size_t, std::size_t>> parts;
  const std::size_t end = behind_brackets(tokens, open);
  const std::size_t close = end > open && tokens[end - 1].is_sign(")") ? end - 1 : end;
  std::size_t first = open + 1;
  for (std::size_t i = first; i < close; ++i) {
    if (tokens[i].is_sign("(")) {
      i = behind_brackets(tokens, i) - 1;
    } else if (tokens[i].is_sign(",")) {
      parts.emplace_back(first, i);
      first = i + 1;
    }
  }
  if (first < close) parts.emplace_back(first, close);
  return parts;
}

// One column or table constraint.
void read_definition(std::string_view sql, const Tokens& tokens, std::size_t first, std::size_t last, Table& table) {
  Column* column = nullptr;
  for (Column& candidate : table.columns) {
    if (is_identifier(tokens[first]) && same_name(candidate.name, tokens[first].text)) column = &candidate;
  }
  for (const char* word : {"CONSTRAINT", "CHECK", "FOREIGN", "PRIMARY", "UNIQUE"}) {
    if (tokens[first].is_word(word)) column = nullptr;
  }
  for (std::size_t i = first; i < last; ++i) {
    const bool opens = i + 1 < last && tokens[i + 1].is_sign("(");
    const std::size_t end = opens ? std::min(behind_brackets(tokens, i + 1), last) : i + 1;
    if (tokens[i].is_word("CHECK") && opens) table.checks.push_back(slice(sql, tokens, i + 2, end - 1));
    if (tokens[i].is_word("AS") && opens && column) column->generated_sql = slice(sql, tokens, i + 2, end - 1);
    if (tokens[i].is_word("COLLATE") && column && i + 1 < last) column->collation = tokens[i + 1].text;
    if (tokens[i].is_word("AUTOINCREMENT")) table.autoincrement = true;
    if (opens) i = end - 1;
  }
}

}  // namespace

void read_table_sql(std::string_view sql, Table& table) {
  const Tokens tokens = tokenize(sql);
  std::size_t open = 0;
  while (open < tokens.size() && !tokens[open].is_sign("(")) ++open;
  if (open == tokens.size()) return;
  for (const auto& [first, last] : parts_of(tokens, open)) {
    if (first < last) read_definition(sql, tokens, first, last, table);
  }
}

void read_index_sql(std::string_view sql, Index& index) {
  const Tokens tokens = tokenize(sql);
  std::size_t open = 0;
  while (open < tokens.size() && !tokens[open].is_sign("(")) ++open;
  if (open == tokens.size()) return;
  const auto parts = parts_of(tokens, open);
  for (std::size_t i = 0; i < std::min(parts.size(), index.terms.size()); ++i) {
    if (!index.terms[i].column.empty()) continue;
    auto [first, last] = parts[i];
    while (last > first && (tokens[last - 1].is_word("ASC") || tokens[last - 1].is_word("DESC"))) --last;
    if (last > first + 2 && tokens[last - 2].is_word("COLLATE")) last -= 2;
    index.terms[i].expression = slice(sql, tokens, first, last);
  }
  const std::size_t where = behind_brackets(tokens, open);
  if (where < tokens.size() && tokens[where].is_word("WHERE"))
    index.where_sql = slice(sql, tokens, where + 1, tokens.size());
}

bool keeps_no_content(std::string_view sql) {
  const Tokens tokens = tokenize(sql);
  std::size_t open = 0;
  while (open < tokens.size() && !tokens[open].is_sign("(")) ++open;
  if (open == tokens.size()) return false;
  for (const auto& [first, last] : parts_of(tokens, open)) {
    if (last == first + 3 && tokens[first].is_word("content") && tokens[first + 1].is_sign("=") &&
        tokens[first + 2].text.empty())
      return true;
  }
  return false;
}

}  // namespace rowhouse::bridge
