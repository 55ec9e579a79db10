// Which tables of PostgreSQL an export takes, and what they are in the file.
#include "migration/export_tables.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "bridge/helpdesk.hpp"
#include "bridge/names.hpp"
#include "migration/source_files.hpp"

namespace rowhouse::detail {
namespace {

// The file that older parts of the service understand, for a tenant whose objects came from no file.
constexpr const char* kIntegratedObjectsSql =
    "CREATE TABLE integrated_objects (id INTEGER PRIMARY KEY AUTOINCREMENT, original_id TEXT NOT NULL, "
    "company_id TEXT NOT NULL, platform TEXT NOT NULL, object_type TEXT NOT NULL, original_data TEXT, "
    "integrated_content TEXT, summary TEXT, metadata TEXT, created_at TEXT DEFAULT CURRENT_TIMESTAMP, "
    "updated_at TEXT DEFAULT CURRENT_TIMESTAMP, UNIQUE (company_id, platform, object_type, original_id));\n";

[[noreturn]] void refuse(std::string_view sqlstate, const std::string& message, const std::string& hint) {
  Diagnostics diagnostics;
  diagnostics.message = message;
  diagnostics.hint = hint;
  throw_error(sqlstate, message, std::move(diagnostics));
}

class Finder {
 public:
  Finder(PostgresConnection& connection, const std::string& tenant, const ExportOptions& options,
         std::vector<std::string>& notes)
      : connection_(connection), tenant_(tenant), options_(options), notes_(notes) {}

  std::vector<ExportTable> run() {
    read_imported();
    if (!options_.imported_only && !options_.source) read_others();
    if (tables_.empty())
      refuse("55000", "tenant \"" + tenant_ + "\" has no table in schema \"" + options_.schema + "\"",
             "Name another schema with --schema; rowhouse status says what was imported.");
    return std::move(tables_);
  }

 private:
  void read_imported() {
    const PostgresResult rows = connection_.execute(
        "SELECT source, source_table, target_table, source_sql, columns, sequence FROM rowhouse.import_table "
        "WHERE tenant = $1 AND target_schema = $2 AND ($3::text IS NULL OR source = $3) "
        "ORDER BY source_table COLLATE \"C\", source COLLATE \"C\"",
        {tenant_, options_.schema, options_.source ? PostgresParameter(*options_.source) : PostgresParameter()});
    if (options_.source && rows.rows() == 0)
      refuse("22023", "no file \"" + *options_.source + "\" was imported for tenant \"" + tenant_ + "\"",
             "rowhouse status lists the files.");
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const std::string name = rows.text(i, 1), target = rows.text(i, 2);
      const std::string shape = target + "\n" + rows.text(i, 3) + rows.text(i, 4);
      const auto [before, is_new] = shapes_.emplace(folded(name), shape);
      if (!is_new && before->second != shape) refuse_several(name);
      const std::optional<std::string_view> sequence = rows.value(i, 5);
      if (is_new) {
        add_imported(name, target, rows.text(i, 3), nlohmann::json::parse(rows.text(i, 4)));
      }
      if (sequence && !tables_.empty() && tables_.back().name == name)
        tables_.back().sequence = std::max<std::int64_t>(tables_.back().sequence.value_or(0), std::stoll(std::string(*sequence)));
      count_rejects(rows.text(i, 0), name);
    }
  }

  [[noreturn]] void refuse_several(const std::string& name) const {
    const PostgresResult sources = connection_.execute(
        "SELECT string_agg(DISTINCT source, ', ') FROM rowhouse.import_table WHERE tenant = $1 AND target_schema = $2",
        {tenant_, options_.schema});
    refuse("22023",
           "tenant \"" + tenant_ + "\" came from several files, in which table \"" + name + "\" is not the same",
           "Name the one whose tables are to be made with --source: " + sources.text(0, 0) +
               ". Rows of all of them are in its tables.");
  }

  static std::string folded(const std::string& name) {
    std::string lower = name;
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return lower;
  }

  void count_rejects(const std::string& source, const std::string& name) {
    if (tables_.empty() || tables_.back().name != name) return;
    const PostgresResult count = connection_.execute(
        "SELECT count(*) FROM rowhouse.import_reject WHERE tenant = $1 AND source = $2 AND source_table = $3",
        {tenant_, source, name});
    tables_.back().rejected += std::stoll(count.text(0, 0));
  }

  void add_imported(const std::string& name, const std::string& target, const std::string& sql,
                    const nlohmann::json& columns) {
    ExportTable table;
    table.name = name;
    table.target = target;
    table.sql = sql;
    table.imported = true;
    for (const nlohmann::json& column : columns) {
      ExportColumn one;
      one.name = column.at("name");
      one.source = column.at("source");
      one.declared = column.at("declared");
      one.only_blobs = column.value("stored", "") == "blob";
      table.columns.push_back(std::move(one));
    }
    if (!look_at_target(table)) {
      notes_.push_back("table \"" + name + "\" is left out: " + bridge::quote_qualified(options_.schema, target) +
                       " is not there any more, or not protected");
      return;
    }
    tables_.push_back(std::move(table));
  }

  // Types and key of the table in PostgreSQL; false where there is none.
  bool look_at_target(ExportTable& table) {
    const PostgresResult rows = connection_.execute(
        "SELECT a.attname, pg_catalog.format_type(a.atttypid, NULL), pg_catalog.array_position(k.conkey, a.attnum), "
        "p.tenant_column, CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END "
        "FROM rowhouse.protected_tables AS p JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.table_name "
        "LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
        "LEFT JOIN pg_catalog.pg_constraint AS k ON k.conrelid = a.attrelid AND k.contype = 'p' "
        "WHERE p.table_name = pg_catalog.to_regclass($1) AND p.row_kind <> 'reference' AND a.attnum > 0 "
        "AND NOT a.attisdropped ORDER BY a.attnum",
        {bridge::quote_qualified(options_.schema, table.target)});
    if (rows.rows() == 0) return false;
    table.tenant_column = rows.text(0, 3);
    const bool is_helpdesk = folded(table.name) == bridge::kIntegratedObjects;
    std::map<std::string, std::size_t> key;
    std::map<std::string, bool> found;
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const std::string name = rows.text(i, 0), type = rows.text(i, 1);
      const bool is_tenant = name == table.tenant_column;
      if (!is_tenant && rows.value(i, 2)) key[name] = static_cast<std::size_t>(std::stoul(rows.text(i, 2)));
      PrintedAs as = printed_as(type);
      if (is_helpdesk && as == PrintedAs::timestamptz) as = PrintedAs::utc_time;
      bool is_known = false;
      for (ExportColumn& column : table.columns) {
        if (column.name != name) continue;
        column.as = as;
        is_known = found[name] = true;
      }
      if (is_known || (table.imported && is_tenant)) continue;
      table.columns.push_back({name, name, declared_for(type), as, false, table.imported, rows.text(i, 4)});
      found[name] = true;
    }
    for (ExportColumn& column : table.columns) {
      if (found.count(column.name) > 0) continue;
      notes_.push_back("column \"" + column.source + "\" of table \"" + table.name + "\" is empty: PostgreSQL has it no more");
      column.name.clear();
    }
    for (const auto& [name, place] : key) table.key.push_back(name);
    std::sort(table.key.begin(), table.key.end(), [&](const auto& a, const auto& b) { return key[a] < key[b]; });
    return true;
  }

  // Tables that are protected and came from no file, where they hold rows of the tenant.
  void read_others() {
    const PostgresResult rows = connection_.execute(
        "SELECT c.relname, p.tenant_column, c.oid::pg_catalog.regclass::text FROM rowhouse.protected_tables AS p "
        "JOIN pg_catalog.pg_class AS c ON c.oid = p.table_name "
        "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE n.nspname = $1 AND p.row_kind <> 'reference' AND p.kind IN ('table', 'partitioned table') "
        "AND NOT EXISTS (SELECT FROM rowhouse.import_table AS t WHERE t.tenant = $2 AND t.target_schema = n.nspname "
        "AND t.target_table = c.relname) ORDER BY c.relname COLLATE \"C\"",
        {options_.schema, tenant_});
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      ExportTable table;
      table.name = table.target = rows.text(i, 0);
      if (!has_rows(bridge::quote_qualified(options_.schema, table.target), rows.text(i, 1))) continue;
      if (!look_at_target(table)) continue;
      if (table.name == bridge::kIntegratedObjects && table.tenant_column == "company_id") table.sql = kIntegratedObjectsSql;
      tables_.push_back(std::move(table));
    }
  }

  bool has_rows(const std::string& target, const std::string& tenant_column) {
    return connection_
               .execute("SELECT FROM " + target + " WHERE " + bridge::quote_identifier(tenant_column) + "::text = $1 LIMIT 1",
                        {tenant_})
               .rows() > 0;
  }

  PostgresConnection& connection_;
  const std::string& tenant_;
  const ExportOptions& options_;
  std::vector<std::string>& notes_;
  std::vector<ExportTable> tables_;
  std::map<std::string, std::string> shapes_;
};

}  // namespace

std::vector<ExportTable> find_export_tables(PostgresConnection& connection, const std::string& tenant,
                                            const ExportOptions& options, std::vector<std::string>& notes) {
  return Finder(connection, tenant, options, notes).run();
}

}  // namespace rowhouse::detail
