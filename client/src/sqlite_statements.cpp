#include "sqlite_statements.hpp"

#include <charconv>
#include <utility>

#include "bridge/cell.hpp"
#include "bridge/status.hpp"
#include "connection.hpp"
#include "rowhouse/error.hpp"
#include "sql_text.hpp"

namespace rowhouse::detail {
namespace {

// SQLite says ERROR for whatever is wrong with a statement; PostgreSQL's codes tell the cases apart.
std::string sqlstate_of_message(std::string_view message) {
  if (message.starts_with("no such table")) return "42P01";
  if (message.starts_with("no such column") || message.find("has no column named") != std::string_view::npos)
    return "42703";
  if (message.starts_with("no such function")) return "42883";
  if (message.starts_with("ON CONFLICT clause does not match")) return "42P10";
  if (message.starts_with("malformed JSON")) return "22P02";
  if (message.ends_with("already exists")) return "42P07";
  if (message.starts_with("near ") || message.starts_with("incomplete input") ||
      message.starts_with("unrecognized token"))
    return "42601";
  return "XX000";
}

struct BindValue {
  sqlite3_stmt* statement;
  int index;

  int operator()(std::monostate) const { return sqlite3_bind_null(statement, index); }
  int operator()(bool flag) const { return sqlite3_bind_int(statement, index, flag ? 1 : 0); }
  int operator()(std::int64_t number) const { return sqlite3_bind_int64(statement, index, number); }
  int operator()(double number) const { return sqlite3_bind_double(statement, index, number); }
  int operator()(const std::string& value) const {
    if (const auto refusal = bridge::check_text(value)) {
      throw_error(refusal.sqlstate, "parameter $" + std::to_string(index) + ": " + refusal.reason);
    }
    return text(value, SQLITE_STATIC);
  }
  int operator()(const Bytes& bytes) const {
    // A null pointer would bind NULL.
    const void* data = bytes.empty() ? static_cast<const void*>("") : bytes.data();
    return sqlite3_bind_blob64(statement, index, data, bytes.size(), SQLITE_STATIC);
  }
  int operator()(const Json& json) const { return text(jsonb_text(json), SQLITE_TRANSIENT); }
  int operator()(Timestamp time) const { return text(timestamp_text(time), SQLITE_TRANSIENT); }

 private:
  int text(const std::string& value, sqlite3_destructor_type lifetime) const {
    return sqlite3_bind_text64(statement, index, value.data(), value.size(), lifetime, SQLITE_UTF8);
  }
};

}  // namespace

std::string sqlite_hint(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "Another writer holds the file; try again, or raise busy_timeout.";
    case SQLITE_CANTOPEN:
      return "Check that the folder is there and may be written.";
    case SQLITE_NOTADB:
      return "The file is encrypted or not a SQLite database.";
    default:
      return {};
  }
}

void SqliteStatements::fail(int code) const {
  const int extended = sqlite3_extended_errcode(connection_);
  const int precise = (extended & 0xff) == (code & 0xff) ? extended : code;
  const std::string said = sqlite3_errmsg(connection_);
  const std::string sqlstate = (code & 0xff) == SQLITE_ERROR ? sqlstate_of_message(said) : bridge::sqlstate_of(precise);
  throw_error(
      sqlstate, name_ + ": " + said,
      {.message = said, .detail = "SQLite result code " + std::to_string(precise) + '.', .hint = sqlite_hint(code)});
}

StatementPtr SqliteStatements::prepare(std::string_view sql) const {
  if (sql.find('\0') != std::string_view::npos) throw_error("42601", "the statement contains a NUL byte");
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v2(connection_, sql.data(), static_cast<int>(sql.size()), &raw, &rest);
  StatementPtr statement(raw);
  if (code != SQLITE_OK) fail(code);
  const std::string_view tail = sql.substr(static_cast<std::size_t>(rest - sql.data()));
  if (tail.find_first_not_of(" \t\r\n;") != std::string_view::npos) {
    throw_error("42601", "cannot run several statements at once", {.hint = "Execute them one by one."});
  }
  return statement;
}

// Parameters are named $1, $2 ... as in PostgreSQL; a plain ? counts by itself.
void SqliteStatements::bind(sqlite3_stmt* statement, std::span<const Value> parameters) const {
  const int wanted = sqlite3_bind_parameter_count(statement);
  for (int index = 1; index <= wanted; ++index) {
    std::size_t number = static_cast<std::size_t>(index);
    if (const char* text = sqlite3_bind_parameter_name(statement, index)) {
      const std::string_view name(text);
      const auto parsed = std::from_chars(name.data() + 1, name.data() + name.size(), number);
      if (parsed.ec != std::errc() || number == 0) {
        throw_error("42P02", "there is no parameter " + std::string(name),
                    {.hint = "Name parameters $1, $2 and so on."});
      }
    }
    if (number > parameters.size()) {
      throw_error("08P01", "the statement has a parameter $" + std::to_string(number) + ", but " +
                               std::to_string(parameters.size()) + " values were given");
    }
    const int code = std::visit(BindValue{statement, index}, parameters[number - 1].held());
    if (code != SQLITE_OK) fail(code);
  }
}

StatementPtr SqliteStatements::take(std::string_view sql) {
  const auto kept = kept_.find(sql);
  return kept != kept_.end() && kept->second ? std::move(kept->second) : prepare(sql);
}

void SqliteStatements::keep(std::string_view sql, StatementPtr statement) {
  sqlite3_reset(statement.get());
  sqlite3_clear_bindings(statement.get());
  if (const auto kept = kept_.find(sql); kept != kept_.end()) {
    kept->second = std::move(statement);
  } else if (kept_at_most_ > 0 && is_worth_preparing(sql)) {
    if (kept_.size() >= kept_at_most_) kept_.clear();
    kept_.emplace(sql, std::move(statement));
  }
}

}  // namespace rowhouse::detail
