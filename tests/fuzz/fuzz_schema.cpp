// The text of a schema: taken apart, translated, and read as the schema of a file.
#include <optional>
#include <string>

#include "bridge/expression.hpp"
#include "bridge/schema_sql.hpp"
#include "bridge/sql_tokens.hpp"
#include "tests/fuzz/promise.hpp"
#include "tests/fuzz/read_image.hpp"
#include "tests/fuzz/seed_images.hpp"

using namespace rowhouse::bridge;
using namespace rowhouse::fuzz;

namespace {

std::optional<ExpressionColumn> find_column(const std::string&, const std::string& column) {
  if (column.empty() || column.find('"') != std::string::npos || check_text(column)) return std::nullopt;
  return ExpressionColumn{'"' + column + '"', static_cast<PgType>(column[0] % 10), column.size() % 2 == 0};
}

void check_tokens(std::string_view sql) {
  std::size_t end = 0;
  const std::vector<Token> tokens = tokenize(sql);
  for (const Token& token : tokens) {
    promise(token.begin >= end && token.begin < token.end && token.end <= sql.size(), "tokens in order");
    end = token.end;
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].is_sign("(")) promise(behind_brackets(tokens, i) <= tokens.size(), "brackets within the text");
  }
}

// One expression, whatever stood in the source: brackets close, and nothing begins a second statement or a comment.
void check_expression(const std::optional<std::string>& sql) {
  if (!sql) return;
  promise(!check_text(*sql), "SQL that is text");
  int depth = 0;
  for (const Token& token : tokenize(*sql)) {
    depth += token.is_sign("(") - token.is_sign(")");
    promise(depth >= 0 && !token.is_sign(";"), "one expression");
  }
  promise(depth == 0, "brackets that close");
}

// What SQLite itself would not write into a schema.
std::string image_with(std::string_view sql) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char byte : sql) hex += {kDigits[static_cast<unsigned char>(byte) >> 4], kDigits[byte & 15]};
  return image_of(
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c); INSERT INTO t VALUES (1, 'x', 2); CREATE INDEX i ON t(b);"
      "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = CAST(x'" +
      hex + "' AS TEXT) WHERE name = '" + (sql.size() % 2 ? "t" : "i") + "'");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view sql(reinterpret_cast<const char*>(data), size);
  check_tokens(sql);
  Table table;
  for (const char* name : {"a", "b", "c"}) table.columns.emplace_back().name = name;
  read_table_sql(sql, table);
  Index index;
  index.terms.resize(2);
  read_index_sql(sql, index);
  PgType type = PgType::text;
  check_expression(translate_condition(sql, find_column));
  check_expression(translate_value(sql, find_column, type));
  for (int each = 0; each < 10; ++each) check_expression(translate_default(sql, static_cast<PgType>(each)));
  read_image(image_with(sql));
  return 0;
}
