#include "bridge/catalog.hpp"

#include <algorithm>
#include <functional>

#include "bridge/cell.hpp"
#include "bridge/names.hpp"
#include "bridge/schema_sql.hpp"
#include "bridge/statement.hpp"

namespace rowhouse::bridge {
namespace {

constexpr std::size_t kReasonBytes = 300;

std::string text_of(sqlite3_stmt* statement, int column) {
  const unsigned char* text = sqlite3_column_text(statement, column);
  return text ? std::string(reinterpret_cast<const char*>(text),
                            static_cast<std::size_t>(sqlite3_column_bytes(statement, column)))
              : std::string();
}

// Runs a query of the bridge's own with one text parameter and hands each row to `take`.
Status query(const Source& source, const char* sql, const std::string& parameter,
             const std::function<void(sqlite3_stmt*)>& take) {
  Statement owned;
  int code = prepare(source.connection(), sql, owned);
  sqlite3_stmt* const statement = owned.get();
  if (code == SQLITE_OK && sqlite3_bind_parameter_count(statement) > 0)
    code = sqlite3_bind_text(statement, 1, parameter.data(), static_cast<int>(parameter.size()), SQLITE_TRANSIENT);
  while (code == SQLITE_OK || code == SQLITE_ROW) {
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) take(statement);
  }
  Status status;
  // A query that is right here and wrong there met tables of SQLite's own that are not as SQLite makes them.
  if ((code & 0xff) == SQLITE_ERROR) code = SQLITE_CORRUPT;
  if (code != SQLITE_DONE) status = source.failure(code, "read the catalog of \"" + source.path() + "\"");
  return status;
}

// A table called like a function that tells of the schema would answer in its place.
Status check_no_table_hides_pragmas(const Source& source) {
  std::string name;
  Status status = query(source, "SELECT name FROM sqlite_schema WHERE lower(name) GLOB 'pragma_*' AND type <> 'index'",
                        "", [&](sqlite3_stmt* row) { name = text_of(row, 0); });
  if (!status.ok() || name.empty()) return status;
  return {"42P07", "\"" + printable(name, 200) + "\" in \"" + source.path() + "\" has the name of a function of SQLite",
          "SQLite tells what is in a file by functions whose names begin with pragma_.", "Rename it."};
}

Status read_columns(const Source& source, Table& table) {
  return query(source,
               "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1) ORDER BY cid",
               table.name, [&](sqlite3_stmt* row) {
                 const int hidden = sqlite3_column_int(row, 5);
                 if (hidden == 1) return;  // a virtual table's hidden column is an argument, not data
                 Column column;
                 column.name = text_of(row, 0);
                 column.declared_type = text_of(row, 1);
                 column.not_null = sqlite3_column_int(row, 2) != 0;
                 column.default_sql = text_of(row, 3);
                 column.primary_key_position = sqlite3_column_int(row, 4);
                 column.generated = hidden != 0;
                 table.columns.push_back(std::move(column));
               });
}

Status read_index_terms(const Source& source, Index& index) {
  Status status = query(source, "SELECT name, \"desc\", coll FROM pragma_index_xinfo(?1) WHERE key ORDER BY seqno",
                        index.name, [&](sqlite3_stmt* row) {
                          IndexTerm term;
                          term.column = text_of(row, 0);
                          term.descending = sqlite3_column_int(row, 1) != 0;
                          term.collation = text_of(row, 2);
                          if (same_name(term.collation, "BINARY")) term.collation.clear();
                          index.terms.push_back(std::move(term));
                        });
  if (!status.ok()) return status;
  const bool on_expression =
      std::any_of(index.terms.begin(), index.terms.end(), [](const IndexTerm& term) { return term.column.empty(); });
  for (const IndexTerm& term : index.terms) {
    if (!on_expression) index.columns.push_back(term.column);
  }
  return query(source, "SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?1", index.name,
               [&](sqlite3_stmt* row) {
                 index.sql = text_of(row, 0);
                 read_index_sql(index.sql, index);
               });
}

Status read_indexes(const Source& source, Table& table) {
  Status status = query(source, "SELECT name, \"unique\", partial, origin FROM pragma_index_list(?1) ORDER BY name",
                        table.name, [&](sqlite3_stmt* row) {
                          Index index;
                          index.name = text_of(row, 0);
                          index.unique = sqlite3_column_int(row, 1) != 0;
                          index.partial = sqlite3_column_int(row, 2) != 0;
                          index.primary_key = text_of(row, 3) == "pk";
                          table.indexes.push_back(std::move(index));
                        });
  for (Index& index : table.indexes) {
    if (status.ok()) status = read_index_terms(source, index);
  }
  return status;
}

Status read_foreign_keys(const Source& source, Table& table) {
  int last_id = -1;
  return query(source,
               "SELECT id, \"table\", \"from\", \"to\", on_delete, on_update FROM pragma_foreign_key_list(?1) "
               "ORDER BY id, seq",
               table.name, [&](sqlite3_stmt* row) {
                 if (sqlite3_column_int(row, 0) != last_id) {
                   last_id = sqlite3_column_int(row, 0);
                   ForeignKey key;
                   key.referenced_table = text_of(row, 1);
                   key.on_delete = text_of(row, 4);
                   key.on_update = text_of(row, 5);
                   table.foreign_keys.push_back(std::move(key));
                 }
                 ForeignKey& key = table.foreign_keys.back();
                 key.columns.push_back(text_of(row, 2));
                 if (sqlite3_column_type(row, 3) != SQLITE_NULL) key.referenced_columns.push_back(text_of(row, 3));
               });
}

// What the schema's text says.
Status read_text(const Source& source, Table& table) {
  Status status = query(source, "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1", table.name,
                        [&](sqlite3_stmt* row) { table.sql = text_of(row, 0); });
  if (status.ok() && !table.is_virtual) read_table_sql(table.sql, table);
  return status;
}

Status read_sequence(const Source& source, const Table& table, Catalog& catalog) {
  return query(source, "SELECT seq FROM main.sqlite_sequence NOT INDEXED WHERE name = ?1", table.name,
               [&](sqlite3_stmt* row) { catalog.sequences[table.name] = sqlite3_column_int64(row, 0); });
}

void find_rowid(Table& table) {
  if (table.without_rowid) return;
  for (const char* name : {"rowid", "_rowid_", "oid"}) {
    if (table.rowid_name.empty() && !table.find(name)) table.rowid_name = name;
  }
  // A lone primary key column declared INTEGER is the rowid itself, unless it has an index of its own (DESC).
  const std::vector<std::string> key = table.primary_key();
  const bool own_index =
      std::any_of(table.indexes.begin(), table.indexes.end(), [](const Index& index) { return index.primary_key; });
  if (key.size() == 1 && !own_index && same_name(table.find(key[0])->declared_type, "INTEGER")) {
    table.rowid_alias = key[0];
    table.rowid_name = key[0];
  }
  if (!table.rowid_name.empty() || table.is_virtual) return;
  table.rowid_hidden = true;
  table.rowid_name = "row_number";
  while (table.find(table.rowid_name)) table.rowid_name += "_";
}

// Whether the rows can be read at all: a virtual table needs its module and may refuse to be scanned, a generated
// column may need a function of the application. `reason` says why not; other errors are Statuses.
Result<bool> can_be_read(const Source& source, const std::string& sql, bool step, std::string& reason) {
  Statement owned;
  int code = prepare(source.connection(), sql.c_str(), owned);
  sqlite3_stmt* const statement = owned.get();
  if (code == SQLITE_OK && step) code = sqlite3_step(statement);
  reason = printable(sqlite3_errmsg(source.connection()), kReasonBytes);
  Status status;
  const int kind = code & 0xff;
  if (kind == SQLITE_INTERRUPT || kind == SQLITE_NOMEM || kind == SQLITE_IOERR || kind == SQLITE_BUSY)
    status = source.failure(code, "read the catalog of \"" + source.path() + "\"");
  if (!status.ok()) return status;
  return code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE;
}

std::string quote(const std::string& text, char mark) {
  std::string quoted(1, mark);
  for (char c : text) {
    if (c == mark) quoted += mark;
    quoted += c;
  }
  return quoted + mark;
}

bool has_unusable_name(const Table& table) {
  const auto unusable = [](const std::string& name) {
    return name.empty() || name.find('\0') != std::string::npos || check_text(name);
  };
  return unusable(table.name) || std::any_of(table.columns.begin(), table.columns.end(),
                                             [&](const Column& column) { return unusable(column.name); });
}

Status read_table(const Source& source, Table table, const std::string& kind, Catalog& catalog) {
  const std::string from = " FROM main." + quote_sqlite(table.name) + " LIMIT 1";
  const char* const what = table.is_virtual ? "virtual table" : "table";
  std::string reason;
  Result<bool> readable = can_be_read(source, "SELECT *" + from, table.is_virtual, reason);
  if (!readable.ok()) return readable.status();
  if (!readable.value()) {
    catalog.passed_over.push_back({printable(table.name, kReasonBytes), what, reason});
    return {};
  }
  Status status = read_columns(source, table);
  if (status.ok() && kind == "table") status = read_indexes(source, table);
  if (status.ok() && kind == "table") status = read_foreign_keys(source, table);
  if (status.ok()) status = read_text(source, table);
  if (!status.ok()) return status;
  find_rowid(table);
  if (has_unusable_name(table) || table.columns.empty()) {
    catalog.passed_over.push_back(
        {printable(table.name, kReasonBytes), what, "its name or a column's name can't be written in SQL"});
    return {};
  }
  if (table.is_virtual && keeps_no_content(table.sql)) {
    catalog.passed_over.push_back({table.name, what, "it is an index that keeps no content of its own"});
    return {};
  }
  if (table.is_virtual) {
    readable = can_be_read(source, "SELECT " + quote_sqlite(table.rowid_name) + from, true, reason);
    if (!readable.ok()) return readable.status();
    if (table.rowid_name.empty() || !readable.value()) {
      catalog.passed_over.push_back({table.name, what, "its rows have no rowid"});
      return {};
    }
  }
  if (table.autoincrement) status = read_sequence(source, table, catalog);
  catalog.tables.push_back(std::move(table));
  return status;
}

}  // namespace

std::vector<std::string> Table::primary_key() const {
  std::vector<const Column*> key;
  for (const Column& column : columns) {
    if (column.primary_key_position > 0) key.push_back(&column);
  }
  std::sort(key.begin(), key.end(),
            [](const Column* a, const Column* b) { return a->primary_key_position < b->primary_key_position; });
  std::vector<std::string> names;
  for (const Column* column : key) names.push_back(column->name);
  return names;
}

std::string Table::rows_sql() const {
  const std::string rows = "main." + quote_sqlite(name) + (is_virtual ? "" : " NOT INDEXED");
  if (!rowid_hidden) return rows;
  return "(SELECT row_number() OVER () AS " + quote_sqlite(rowid_name) + ", * FROM " + rows + ")";
}

const Column* Table::find(const std::string& column_name) const {
  for (const Column& column : columns) {
    if (same_name(column.name, column_name)) return &column;
  }
  return nullptr;
}

std::string quote_sqlite(const std::string& name) { return quote(name, '"'); }
std::string quote_sqlite_literal(const std::string& text) { return quote(text, '\''); }

Result<Catalog> read_catalog(const Source& source) {
  Catalog catalog;
  std::vector<std::pair<Table, std::string>> found;
  Status status = check_no_table_hides_pragmas(source);
  if (!status.ok()) return status;
  status = query(source, "PRAGMA encoding", "", [&](sqlite3_stmt* row) { catalog.utf8 = text_of(row, 0) == "UTF-8"; });
  if (!status.ok()) return status;
  status = query(
      source,
      "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' "
      "AND name NOT IN ('sqlite_schema', 'sqlite_temp_schema', 'sqlite_sequence', 'sqlite_stat1', "
      "'sqlite_stat3', 'sqlite_stat4') ORDER BY name",
      "", [&](sqlite3_stmt* row) {
        const std::string name = text_of(row, 0), kind = text_of(row, 1);
        if (kind == "view") {
          catalog.passed_over.push_back({printable(name, kReasonBytes), "view", "views are not run by an import"});
          catalog.views.push_back({name, ""});
        } else if (kind == "shadow") {
          catalog.passed_over.push_back(
              {printable(name, kReasonBytes), "shadow table", "it belongs to a virtual table"});
        } else if (name == "rowhouse_schema" || name == "rowhouse_intent") {
          catalog.passed_over.push_back({name, "table", "it is the client library's own"});
        } else {
          Table table;
          table.name = name;
          table.without_rowid = sqlite3_column_int(row, 2) != 0;
          table.is_virtual = kind == "virtual";
          found.emplace_back(std::move(table), kind);
        }
      });
  if (!status.ok()) return status;
  status =
      query(source, "SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY name", "", [&](sqlite3_stmt* row) {
        catalog.passed_over.push_back(
            {printable(text_of(row, 0), kReasonBytes), "trigger", "triggers are not carried over"});
      });
  for (View& view : catalog.views) {
    if (status.ok())
      status = query(source, "SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = ?1", view.name,
                     [&](sqlite3_stmt* row) { view.sql = text_of(row, 0); });
  }
  for (auto& [table, kind] : found) {
    if (status.ok()) status = read_table(source, std::move(table), kind, catalog);
  }
  if (!status.ok()) return status;
  return catalog;
}

}  // namespace rowhouse::bridge
