#pragma once

#include <optional>
#include <string>
#include <vector>

#include "migration/export_value.hpp"
#include "postgres_connection.hpp"
#include "rowhouse/tenant_export.hpp"

namespace rowhouse::detail {

struct ExportColumn {
  std::string name;    // in PostgreSQL; empty: the source had a column that PostgreSQL has no more
  std::string source;  // in the file; empty for SQLite's rowid
  std::string declared;
  PrintedAs as = PrintedAs::text;
  bool only_blobs = false;
  bool added = false;  // PostgreSQL has it, the source had not
  std::string default_sql;
};

struct ExportTable {
  std::string name;    // in the file
  std::string target;  // in PostgreSQL
  std::string tenant_column;
  std::string sql;  // CREATE TABLE and its indexes; empty where they have to be made up
  std::vector<ExportColumn> columns;
  std::vector<std::string> key;  // of PostgreSQL's primary key, without the tenant
  std::optional<std::int64_t> sequence;
  bool imported = false;
  std::int64_t rejected = 0;
};

// What is to be exported, files' tables first. Throws 22023 where the files do not agree, 55000 where there is nothing.
std::vector<ExportTable> find_export_tables(PostgresConnection& connection, const std::string& tenant,
                                            const ExportOptions& options, std::vector<std::string>& notes);

}  // namespace rowhouse::detail
