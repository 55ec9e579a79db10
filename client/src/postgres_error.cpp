#include "postgres_error.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

std::string field(const PGresult* result, int code) {
  const char* text = result != nullptr ? PQresultErrorField(result, code) : nullptr;
  return text != nullptr ? text : "";
}

std::string trimmed(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.pop_back();
  return text;
}

bool is_sqlstate(std::string_view text) {
  return text.size() == 5 && std::all_of(text.begin(), text.end(),
                                         [](unsigned char c) { return std::isdigit(c) != 0 || std::isupper(c) != 0; });
}

// Takes ":  28P01: " out of a verbose message, returning the code of the last one, and drops LOCATION lines.
std::string extract_sqlstate(std::string& text) {
  std::string code;
  for (std::size_t at = text.find(":  "); at != std::string::npos; at = text.find(":  ", at + 3)) {
    if (at + 10 > text.size() || text.compare(at + 8, 2, ": ") != 0) continue;
    if (!is_sqlstate(std::string_view(text).substr(at + 3, 5))) continue;
    code = text.substr(at + 3, 5);
    text.erase(at + 3, 7);
  }
  for (std::size_t at = text.find("\nLOCATION:"); at != std::string::npos; at = text.find("\nLOCATION:", at)) {
    text.erase(at, text.find('\n', at + 1) - at);
  }
  return code;
}

std::string connect_hint(std::string_view sqlstate) {
  if (sqlstate == "28P01" || sqlstate == "28000")
    return "Check the user and the password of the URL, and the server's pg_hba.conf.";
  if (sqlstate == "3D000") return "Create the database, or correct its name in the URL.";
  if (sqlstate == "53300")
    return "The server has no free connection: lower the pools' maximum or raise max_connections.";
  return "Check that the server runs and that host and port of the URL are right.";
}

}  // namespace

std::string without_values(std::string_view sqlstate, std::string_view message) {
  // 22023 is raised by functions about their arguments' form, in their own words.
  if (!sqlstate.starts_with("22") || sqlstate == "22023") return std::string(message);
  const std::size_t first = message.find('"');
  if (first == std::string_view::npos) return std::string(message);
  const std::size_t last = message.rfind('"');
  std::string out(message.substr(0, first));
  if (last == first || last + 1 == message.size()) {
    while (!out.empty() && (out.back() == ' ' || out.back() == ':')) out.pop_back();
    return out;
  }
  return out + "..." + std::string(message.substr(last + 1));
}

void throw_result_error(PGconn* connection, const PGresult* result, bool may_have_committed) {
  const bool lost = PQstatus(connection) == CONNECTION_BAD;
  std::string sqlstate = field(result, PG_DIAG_SQLSTATE);
  if (lost) {
    // A FATAL error may have come before or after the commit; no answer at all leaves it open as well.
    const bool in_doubt = may_have_committed;
    std::string said = trimmed(sqlstate.empty() ? PQerrorMessage(connection) : field(result, PG_DIAG_MESSAGE_PRIMARY));
    const std::string message =
        in_doubt ? "the connection was lost while a change was being committed: it may or may not have happened"
                 : "the connection to the server was lost";
    const std::string hint = in_doubt ? "Look whether the change is there before doing it again." : "Connect again.";
    if (in_doubt)
      sqlstate = "08007";
    else if (kind_of_sqlstate(sqlstate) != ErrorKind::kConnection)
      sqlstate = "08006";
    throw ConnectionError(sqlstate, message, Diagnostics{.message = std::move(said), .hint = hint}, in_doubt);
  }
  Diagnostics diagnostics;
  diagnostics.message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (diagnostics.message.empty()) diagnostics.message = trimmed(PQerrorMessage(connection));
  diagnostics.detail = field(result, PG_DIAG_MESSAGE_DETAIL);
  diagnostics.hint = field(result, PG_DIAG_MESSAGE_HINT);
  diagnostics.context = field(result, PG_DIAG_CONTEXT);
  diagnostics.schema = field(result, PG_DIAG_SCHEMA_NAME);
  diagnostics.table = field(result, PG_DIAG_TABLE_NAME);
  diagnostics.column = field(result, PG_DIAG_COLUMN_NAME);
  diagnostics.constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
  const std::string message = without_values(sqlstate, diagnostics.message);
  throw_error(sqlstate.empty() ? "XX000" : sqlstate, message, std::move(diagnostics));
}

void throw_connect_error(PGconn* connection, const Url& url) {
  std::string said = trimmed(PQerrorMessage(connection));
  std::string sqlstate = extract_sqlstate(said);
  if (sqlstate.empty()) sqlstate = "08001";
  const std::string message = "cannot connect to " + url.masked() + ": " + said;
  throw_error(sqlstate, message, Diagnostics{.message = said, .hint = connect_hint(sqlstate)});
}

}  // namespace rowhouse::detail
