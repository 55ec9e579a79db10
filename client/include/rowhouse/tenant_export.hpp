// One tenant back into a SQLite file.
//
// The function is blocking and throws rowhouse::Error; it may be called from several threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rowhouse/error.hpp"
#include "rowhouse/export.hpp"
#include "rowhouse/migration.hpp"
#include "rowhouse/url.hpp"

namespace rowhouse {

/// An error of the file that is written, not of PostgreSQL.
class ROWHOUSE_EXPORT FileError : public Error {
 public:
  using Error::Error;  ///< as Error
};

/// How export_tenant() works.
struct ExportOptions {
  std::string schema = "public";      ///< where the tenant's tables are
  std::optional<std::string> source;  ///< of a tenant whose rows came from several files: the file whose tables to make
  bool overwrite = false;             ///< replace a file that is there
  bool imported_only = false;         ///< leave out tables that came from no file
  std::function<void(const MigrationProgress&)> progress;  ///< called often, from the calling thread
  std::function<bool()> interrupted;                       ///< asked often; true ends the call with 57014
};

/// What was written of one table.
struct ExportedTable {
  std::string table;          ///< in PostgreSQL
  std::string source_table;   ///< in the file
  std::int64_t rows = 0;      ///< written
  std::int64_t rejected = 0;  ///< rows of the source that an import set aside: they are not in PostgreSQL
  bool imported = false;      ///< its columns and keys are those of the file that it came from
};

/// What export_tenant() did.
struct ExportReport {
  std::string tenant;                 ///< whose rows they are
  std::string path;                   ///< the file
  std::vector<ExportedTable> tables;  ///< one a table written
  std::vector<std::string> notes;     ///< what is not as it was in the source, in sentences
  double seconds = 0;                 ///< how long it took
};

/// Writes the tenant's rows, as one moment shows them, to a new SQLite file: tables that a file brought with the names,
/// types, keys and indexes that they have there, other protected tables with types that fit. Values come back by the
/// column's declared type: booleans as 0 and 1, times as ISO text, JSON as PostgreSQL prints it. The file is written
/// beside its place, checked, synced and renamed; an error leaves nothing. Memory does not grow with the rows.
///
/// Throws 58P02 where a file is there already, 42704 for a tenant that is not registered, 55000 where it has no table,
/// 22023 where several files brought it tables of one name and different shape: ExportOptions::source names one.
ROWHOUSE_EXPORT ExportReport export_tenant(const Url& from, const std::string& tenant, const std::string& path,
                                           const ExportOptions& options = {});

}  // namespace rowhouse
