// One tenant's rows from PostgreSQL into a new SQLite file.
#include "rowhouse/tenant_export.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include "bridge/catalog.hpp"
#include "bridge/names.hpp"
#include "bridge/tenant_id.hpp"
#include "migration/interrupt_watch.hpp"
#include "migration/cell_compare.hpp"
#include "migration/core_installer.hpp"
#include "migration/export_tables.hpp"
#include "migration/source_files.hpp"
#include "migration/sqlite_writer.hpp"
#include "migration/target_tables.hpp"

namespace rowhouse {
namespace {

using bridge::quote_identifier;
using bridge::quote_sqlite;

class Export {
 public:
  Export(detail::PostgresConnection& connection, const std::string& tenant, const std::string& path,
         const ExportOptions& options)
      : connection_(connection), tenant_(tenant), options_(options), writer_(path, options.overwrite, options.interrupted) {
    report_.tenant = tenant;
    report_.path = path;
  }

  ExportReport run() {
    const auto started = std::chrono::steady_clock::now();
    begin();
    std::vector<detail::ExportTable> tables =
        detail::find_export_tables(connection_, tenant_, options_, report_.notes);
    progress_ = {"export", tenant_, "", 0, 0, 0, tables.size()};
    for (detail::ExportTable& table : tables) {
      export_table(table);
      ++progress_.files;
    }
    connection_.commit();
    check_references();
    writer_.finish();
    show_progress();
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    return std::move(report_);
  }

 private:
  // Whom the policies bind sees the tenant that is set; whom they do not sees a suspended one too.
  void begin() {
    connection_.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    if (connection_.execute("SELECT rowhouse.is_exempt()").value(0, 0) != "t")
      connection_.execute("SELECT rowhouse.set_tenant($1)", {tenant_});
    if (!connection_.execute("SELECT rowhouse.tenant_status($1)", {tenant_}).value(0, 0)) {
      Diagnostics diagnostics;
      diagnostics.hint = "rowhouse tenant list names those that are.";
      throw_error("42704", "tenant \"" + tenant_ + "\" is unknown", std::move(diagnostics));
    }
  }

  void export_table(detail::ExportTable& table) {
    progress_.table = table.target;
    show_progress();
    drop_empty_additions(table);
    writer_.run("BEGIN");
    const std::string_view indexes = make_table(table);
    ExportedTable exported{table.target, table.name, 0, table.rejected, table.imported};
    exported.rows = copy_rows(table);
    make_indexes(table, indexes);
    if (table.sequence) move_sequence(table);
    writer_.run("COMMIT");
    report_.tables.push_back(std::move(exported));
  }

  // A column that the file had not is worth one there only if the tenant has a value in it.
  void drop_empty_additions(detail::ExportTable& table) {
    std::erase_if(table.columns, [&](const detail::ExportColumn& column) {
      if (!column.added) return false;
      const std::string name = quote_identifier(column.name);
      std::string sql = "SELECT FROM " + target(table) + where(table) + " AND " + name + " IS NOT NULL";
      if (!column.default_sql.empty()) sql += " AND " + name + "::text IS DISTINCT FROM (" + column.default_sql + ")::text";
      return connection_.execute(sql + " LIMIT 1").rows() == 0;
    });
  }

  std::string target(const detail::ExportTable& table) const {
    return bridge::quote_qualified(options_.schema, table.target);
  }
  std::string where(const detail::ExportTable& table) const {
    return " WHERE " + bridge::tenant_condition(table.tenant_column, tenant_);
  }

  // Returns the statements that make the indexes.
  std::string_view make_table(detail::ExportTable& table) {
    std::string_view indexes;
    if (!table.imported) table.name = free_name(table.name);
    bool is_made = false;
    if (!table.sql.empty()) {
      try {
        indexes = writer_.make(table.sql);
        is_made = writer_.has(table.name);
      } catch (const detail::SourceError& error) {
        report_.notes.push_back("table \"" + table.name + "\" can't be made as it was: " + error.what() +
                                "; it has its columns and neither keys nor indexes");
        indexes = {};
      }
    }
    if (!is_made) make_up(table);
    for (detail::ExportColumn& column : table.columns) {
      if (!column.added || !is_made) continue;
      if (writer_.writable_columns(table.name).count(lower(column.source)) > 0) column.source = "rowhouse_" + column.source;
      writer_.run("ALTER TABLE " + quote_sqlite(table.name) + " ADD COLUMN " + quote_sqlite(column.source) + " " +
                  column.declared);
      report_.notes.push_back("column \"" + column.source + "\" of table \"" + table.name + "\" was not in the file");
    }
    return indexes;
  }

  static std::string lower(std::string name) {
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return name;
  }

  // SQLite's names are the same in any case, and those with its own prefix are its own.
  std::string free_name(const std::string& wanted) {
    const std::string start = lower(wanted).rfind("sqlite_", 0) == 0 ? "table_" + wanted : wanted;
    std::string name = start;
    for (int i = 2; writer_.has(name); ++i) name = start + "_" + std::to_string(i);
    return name;
  }

  // A table of the columns that are known, with PostgreSQL's key.
  void make_up(detail::ExportTable& table) {
    std::set<std::string> taken;
    std::string columns, key;
    const bool key_alone = table.key.size() == 1;
    for (detail::ExportColumn& column : table.columns) {
      column.added = false;
      if (column.source.empty()) continue;
      const std::string wanted = column.source;
      for (int i = 2; !taken.insert(lower(column.source)).second; ++i) column.source = wanted + "_" + std::to_string(i);
      const bool is_rowid = key_alone && column.name == table.key[0] && column.as == detail::PrintedAs::integer;
      columns += (columns.empty() ? "" : ", ") + quote_sqlite(column.source) + " " + column.declared +
                 (is_rowid ? " PRIMARY KEY" : "");
      if (is_rowid) table.key.clear();
    }
    for (const std::string& name : table.key) {
      const auto column = std::find_if(table.columns.begin(), table.columns.end(),
                                       [&](const detail::ExportColumn& one) { return one.name == name; });
      if (column != table.columns.end() && !column->source.empty())
        key += (key.empty() ? "" : ", ") + quote_sqlite(column->source);
    }
    writer_.run("CREATE TABLE " + quote_sqlite(table.name) + " (" + columns +
                (key.empty() ? "" : ", PRIMARY KEY (" + key + ")") + ")");
  }

  // The name by which the rowid can be written, which no column hides.
  static std::string rowid_name(const std::set<std::string>& columns) {
    for (const char* name : {"rowid", "_rowid_", "oid"}) {
      if (columns.count(name) == 0) return name;
    }
    return "";
  }

  std::int64_t copy_rows(const detail::ExportTable& table) {
    const std::set<std::string> writable = writer_.writable_columns(table.name);
    std::vector<const detail::ExportColumn*> copied;
    std::string names, values, selected, order;
    for (const detail::ExportColumn& column : table.columns) {
      const std::string name = column.source.empty() ? rowid_name(writable) : column.source;
      if (column.name.empty() || name.empty() || (!column.source.empty() && writable.count(lower(name)) == 0)) continue;
      copied.push_back(&column);
      names += (names.empty() ? "" : ", ") + quote_sqlite(name);
      values += values.empty() ? "?" : ", ?";
      selected += (selected.empty() ? "" : ", ") + quote_identifier(column.name);
    }
    for (const std::string& name : table.key) order += (order.empty() ? " ORDER BY " : ", ") + quote_identifier(name);
    sqlite3_stmt* const insert =
        writer_.prepare("INSERT INTO " + quote_sqlite(table.name) + " (" + names + ") VALUES (" + values + ")");
    std::vector<std::int64_t> changed(copied.size());
    std::vector<std::optional<std::string>> fields;
    std::int64_t rows = 0;
    connection_.copy_out("COPY (SELECT " + selected + " FROM " + target(table) + where(table) + order + ") TO STDOUT",
                         [&](std::string_view line) {
                           if (options_.interrupted && options_.interrupted()) throw_error("57014", "interrupted");
                           detail::split_copy_row(line, fields);
                           for (std::size_t i = 0; i < copied.size(); ++i) {
                             changed[i] += !detail::bind_printed(insert, static_cast<int>(i + 1), fields[i], copied[i]->as,
                                                                 detail::affinity_of(copied[i]->declared),
                                                                 copied[i]->only_blobs);
                           }
                           writer_.insert(insert);
                           ++rows;
                           if (++progress_.rows % 1000 == 0) show_progress();
                         });
    for (std::size_t i = 0; i < copied.size(); ++i) {
      if (changed[i] > 0)
        report_.notes.push_back(std::to_string(changed[i]) + " values of column \"" + copied[i]->source + "\" of table \"" +
                                table.name + "\" are numbers that SQLite keeps otherwise than they are written");
    }
    return rows;
  }

  // An index that can't be made is no reason to lose the rows.
  void make_indexes(const detail::ExportTable& table, std::string_view script) {
    while (script.find_first_not_of(" \t\r\n;") != std::string_view::npos) {
      try {
        script = writer_.make(script);
      } catch (const detail::SourceError& error) {
        if (error.kind() != ErrorKind::kConstraint && error.kind() != ErrorKind::kStatement) throw;
        report_.notes.push_back("table \"" + table.name + "\": indexes could not be made: " + error.what());
        return;
      }
    }
  }

  void move_sequence(const detail::ExportTable& table) {
    const std::string name = bridge::quote_sqlite_literal(table.name), number = std::to_string(*table.sequence);
    if (writer_.has("sqlite_sequence")) {
      writer_.run("INSERT INTO sqlite_sequence (name, seq) SELECT " + name +
                  ", 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = " + name +
                  "); UPDATE sqlite_sequence SET seq = max(seq, " + number + ") WHERE name = " + name);
    }
  }

  // Rows may refer to rows that are not there, as they may in the files.
  void check_references() {
    for (const std::string& broken : writer_.ask(
             "SELECT count(*) || ' rows of \"' || \"table\" || '\" refer to rows of \"' || parent || '\" that are not there' "
             "FROM pragma_foreign_key_check GROUP BY \"table\", parent"))
      report_.notes.push_back(broken);
  }

  void show_progress() {
    if (options_.progress) options_.progress(progress_);
  }

  detail::PostgresConnection& connection_;
  const std::string& tenant_;
  const ExportOptions& options_;
  detail::SqliteWriter writer_;
  MigrationProgress progress_;
  ExportReport report_;
};

}  // namespace

ExportReport export_tenant(const Url& from, const std::string& tenant, const std::string& path,
                           const ExportOptions& options) {
  if (const bridge::Status status = bridge::check_tenant_id(tenant); !status.ok()) detail::throw_status(status);
  detail::InterruptWatch watch(options.interrupted);
  try {
    return watch.run([&] {
      detail::PostgresConnection connection = watch.connect(from);
      detail::require_core(connection, from);
      detail::prepare_session(connection);
      return Export(connection, tenant, path, options).run();
    });
  } catch (const detail::SourceError& error) {
    throw FileError(error.sqlstate(), error.what(), error.diagnostics());
  }
}

}  // namespace rowhouse
