// Moving SQLite files into PostgreSQL: look (plan), copy (migrate), compare (verify), and what stands in the ledger.
//
// The functions here are blocking and keep no state between calls; they may be called from several threads at once, two
// migrations of one tenant wait for each other. Unless said otherwise they throw rowhouse::Error.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rowhouse/error.hpp"
#include "rowhouse/url.hpp"

namespace rowhouse {

/// A SQLite file and whose it is.
struct MigrationSource {
  std::string path;    ///< of the file
  std::string tenant;  ///< whose rows it holds
};

/// A file that could not be read or copied. Nothing of it is kept; the others go on.
struct FileFailure {
  std::string path;        ///< of the file
  std::string tenant;      ///< whose it is
  std::string sqlstate;    ///< as Error::sqlstate
  std::string message;     ///< as Error::what
  std::string detail;      ///< as Error::detail
  std::string hint;        ///< as Error::hint
  bool in_target = false;  ///< PostgreSQL refused; else the file could not be read
};

/// How far a call has come.
struct MigrationProgress {
  std::string phase;            ///< "plan", "copy", "index", "verify", "export"
  std::string tenant;           ///< of the file at work; may be empty
  std::string table;            ///< at work; may be empty
  std::int64_t rows = 0;        ///< done in this phase, over all files
  std::int64_t rows_total = 0;  ///< 0 while it is not known
  std::size_t files = 0;        ///< done in this phase; of an export tables
  std::size_t files_total = 0;  ///< of this phase
};

/// What becomes of a row that was changed in PostgreSQL since its import, and in the file too. With kSource one that was
/// deleted in PostgreSQL alone comes back, too; else it stays deleted and is counted.
enum class OnConflict {
  kKeep,    ///< PostgreSQL's stays; the file's is set aside (RH001)
  kSource,  ///< the file's overwrites it
  kFail,    ///< nothing of the file's changes is taken
};
/// What becomes of a NUL in text, which PostgreSQL can't hold.
enum class OnNul {
  reject,   ///< the row is set aside
  strip,    ///< it is left out
  replace,  ///< it becomes U+2400
};
/// What becomes of text that is not UTF-8.
enum class OnInvalidUtf8 {
  reject,   ///< the row is set aside
  replace,  ///< each wrong byte becomes U+FFFD
  bytea,    ///< the column becomes bytea
};

/// A column that is to have another type than what is stored would make it. Names as in SQLite, in any case.
struct TypeChoice {
  std::string table;   ///< in the files
  std::string column;  ///< of the table
  /// boolean, bigint, double precision, numeric, text, bytea, date, timestamp, timestamptz or jsonb.
  std::string type;
};
/// Choices of a JSON file: {"table": {"column": "type"}}. 22023 for any other document, a FileError where it can't be
/// read.
ROWHOUSE_EXPORT std::vector<TypeChoice> read_type_choices(const std::string& path);

/// How plan(), migrate() and verify() work.
struct MigrationOptions {
  std::string schema = "public";             ///< where the tables are or are made
  std::string tenant_column = "company_id";  ///< that tables are given, with the tenant's id
  std::string scratch_directory;             ///< for private copies of files in WAL mode; empty: $TMPDIR or /tmp
  bool check_integrity = true;               ///< SQLite's integrity check before anything of a file is copied
  OnNul on_nul = OnNul::reject;              ///< never in a key; verify() compares by it, too
  OnInvalidUtf8 on_invalid_utf8 = OnInvalidUtf8::reject;  ///< the same
  std::vector<TypeChoice> types;  ///< a file with a value that does not agree is refused (42804)
  /// Tables to pass over: names in any case, * and ? stand for letters.
  std::vector<std::string> exclude_tables;
  std::size_t jobs = 1;                                    ///< connections at work, 1 to 64, each with a thread
  OnConflict on_conflict = OnConflict::kKeep;              ///< for rows that were changed on both sides
  bool retry_rejects = false;                              ///< try rows again that earlier runs have set aside
  std::optional<std::uint64_t> max_rejects;                ///< more rows set aside than these end the run with RH002
  std::function<void(const MigrationProgress&)> progress;  ///< called often, from any thread, one call at a time
  /// Asked often, from any thread; true ends the call with 57014 and undoes the file at work.
  std::function<bool()> interrupted;
};

/// Files by name: `paths` are files or folders; from a folder come the files that fit one of `patterns`, each of which
/// holds `{tenant}` once. With `tenant` every file is that tenant's, else its name says whose it is, by the first
/// pattern that it fits. Sorted by path.
/// Throws for a path that is not there, a name that fits no pattern, a malformed tenant id, a folder without a file,
/// two files that name one tenant.
ROWHOUSE_EXPORT std::vector<MigrationSource> find_sources(const std::vector<std::string>& paths,
                                                          const std::vector<std::string>& patterns,
                                                          const std::optional<std::string>& tenant);

/// A column that would be made.
struct PlannedColumn {
  std::string name;         ///< in PostgreSQL
  std::string source_name;  ///< empty for the tenant's column and for one that takes SQLite's rowid
  std::string type;         ///< PostgreSQL's
  std::string evidence;     ///< the values that decided the type, counted
};

/// A table that would be made.
struct PlannedTable {
  std::string name;                      ///< in PostgreSQL
  std::string source_name;               ///< in the files
  std::int64_t rows = 0;                 ///< of all files
  std::vector<PlannedColumn> columns;    ///< in their order
  std::vector<std::string> primary_key;  ///< its columns, the tenant's first; empty where there is none
  std::vector<std::string> notes;        ///< what is other than in the files, in sentences
  std::vector<std::string> ddl;          ///< before the load
  bool exists = false;                   ///< in the database that was looked at: the ddl alters it
  std::vector<std::string> added;        ///< columns that it would be given
  std::vector<std::string> widened;      ///< columns that would get a wider type
};

/// Something in the files that will not arrive as one might think.
struct PlannedHazard {
  std::string kind;        ///< nul_in_text and others: docs/plan.md lists them
  std::string table;       ///< in the source
  std::string column;      ///< in the source; empty for the table as a whole
  std::int64_t count = 0;  ///< values, rows or files, by kind
  std::string sample;      ///< where the first is: key and file, never a value
  std::string becomes;     ///< under the options given
};

/// A view of the files that means the same in PostgreSQL; the others are among the notes.
struct PlannedView {
  std::string name;         ///< in PostgreSQL
  std::string source_name;  ///< in the files
};

/// What plan() found.
struct PlanReport {
  std::size_t files = 0;               ///< that could be read
  std::vector<PlannedTable> tables;    ///< that would be made
  std::vector<PlannedHazard> hazards;  ///< what will not arrive as one might think
  std::vector<PlannedView> views;      ///< that would be made after the load
  std::vector<std::string> ddl_after;  ///< after the load of all tables: indexes, checks, foreign keys
  std::vector<std::string> notes;      ///< about the files as a whole, in sentences
  std::vector<FileFailure> failures;   ///< files that could not be read
};

/// What would be made, and why. Reads every file once, writes nothing, needs no server.
ROWHOUSE_EXPORT PlanReport plan(const std::vector<MigrationSource>& sources, const MigrationOptions& options);
/// The same beside what is in a database, which is read and not changed.
ROWHOUSE_EXPORT PlanReport plan(const std::vector<MigrationSource>& sources, const Url& target,
                                const MigrationOptions& options);

/// What migrate() did with one table of one file.
struct TableOutcome {
  std::string tenant;             ///< whose it is
  std::string source;             ///< file name without folder
  std::string source_table;       ///< in the file
  std::string table;              ///< in PostgreSQL
  std::int64_t rows = 0;          ///< copied now
  std::int64_t present = 0;       ///< in PostgreSQL before, left as they are
  std::int64_t updated = 0;       ///< changed in the file since their import, overwritten
  std::int64_t deleted = 0;       ///< gone from the file since their import, deleted
  std::int64_t conflicts = 0;     ///< changed or deleted in the file, but changed in PostgreSQL too: kept
  std::int64_t kept_deleted = 0;  ///< as in the file at their import, deleted in PostgreSQL since: left so
  std::int64_t rejected = 0;      ///< now, in rowhouse.import_reject
  std::int64_t repaired = 0;      ///< values that on_nul or on_invalid_utf8 changed, in the rows sent
  bool unchanged = false;         ///< the ledger has every chunk of this table as it is: nothing was sent
  /// Adds the counts of another outcome, no name and not `unchanged`.
  ROWHOUSE_EXPORT void add_counts(const TableOutcome& done);
};

/// What migrate() did.
struct MigrationReport {
  std::vector<TableOutcome> tables;   ///< of the files that were copied
  std::vector<FileFailure> failures;  ///< of those that were not
  std::vector<std::string> notes;     ///< what is other than in the files, in sentences
  double seconds = 0;                 ///< how long it took
};

/// Copies the files into PostgreSQL: installs the core where it is missing, makes and protects the tables, then copies
/// each file in chunks, each with its ledger entry in one transaction; a small file, and what changed in one, in a
/// single transaction. Run again it goes on where it ended, and later takes over what changed: rows that are new, other
/// or gone in a file, but for those changed in PostgreSQL (on_conflict). A file that can't be read is undone and
/// reported.
ROWHOUSE_EXPORT MigrationReport migrate(const std::vector<MigrationSource>& sources, const Url& target,
                                        const MigrationOptions& options);

/// What verify() found in one table of one file.
struct VerifiedTable {
  std::string tenant;           ///< whose it is
  std::string source;           ///< file name without folder
  std::string source_table;     ///< in the file
  std::string table;            ///< in PostgreSQL
  std::int64_t rows = 0;        ///< equal in every cell
  std::int64_t rejected = 0;    ///< set aside in rowhouse.import_reject, hence rightly absent
  std::int64_t different = 0;   ///< in both, not equal in every cell
  std::int64_t missing = 0;     ///< in the file, not in PostgreSQL
  std::int64_t unexpected = 0;  ///< in PostgreSQL, not in the file, nor brought by another file
  std::int64_t changed = 0;     ///< of these three: written in PostgreSQL by no import, deleted there, or a conflict
  std::int64_t deleted = 0;     ///< of the missing: as many as imports of this file have brought and are gone
  std::int64_t elsewhere = 0;   ///< not in the file: as many as other files of the tenant have brought
  std::vector<std::string> examples;  ///< the first differences: key and column, never a value
  /// How many rows are not as they are in the file.
  std::int64_t differences() const { return different + missing + unexpected; }
};

/// What verify() found.
struct VerifyReport {
  std::vector<VerifiedTable> tables;  ///< of the files that were compared
  std::vector<FileFailure> failures;  ///< of those that were not
  /// Whether there is no failure, and no row that is different, missing or unexpected.
  ROWHOUSE_EXPORT bool equal() const;
  /// Whether everything that a migration has copied is there: what differs are rows that were changed in PostgreSQL
  /// since their import, or deleted there, no more of these than the migration has found.
  ROWHOUSE_EXPORT bool is_copied(const MigrationReport& by) const;
};

/// Compares every cell of every file with PostgreSQL, both directions, in bounded memory, `jobs` files at a time.
/// Values are compared as PostgreSQL prints them, by another way than the one that copied them; JSON and times by
/// meaning.
ROWHOUSE_EXPORT VerifyReport verify(const std::vector<MigrationSource>& sources, const Url& target,
                                    const MigrationOptions& options);

/// What cut_over() did.
struct CutOverReport {
  MigrationReport migrated;  ///< the last pass
  VerifyReport verified;     ///< after it, under the lock
  std::string since;  ///< when the tenant was cut over; empty when it was not, for a failure or a difference above
};

/// The last pass over a tenant's files, under SQLite's write lock on each of them: copies what is new, verifies, and
/// marks the tenant as living in PostgreSQL, so that migrate() refuses its files from then on (RH003). Other files of
/// `sources` are passed over. The lock needs files that may be written to, and writes nothing; it ends when this
/// returns: who writes to the files has to be stopped or led to PostgreSQL by then.
ROWHOUSE_EXPORT CutOverReport cut_over(const std::vector<MigrationSource>& sources, const std::string& tenant,
                                       const Url& target, const MigrationOptions& options);

/// What the ledger says of one table of one file.
struct StatusRow {
  std::string tenant;         ///< whose it is
  std::string source;         ///< file name without folder
  std::string source_table;   ///< in the file
  std::string table;          ///< in PostgreSQL
  std::int64_t rows = 0;      ///< copied, in all runs
  std::int64_t rejected = 0;  ///< set aside, in all runs
  std::string imported_at;    ///< the last time, such as 2026-01-31T12:00:00Z
};

/// A row that an import set aside: of rowhouse.import_reject, without the value.
struct RejectRow {
  std::string tenant;        ///< whose it is
  std::string source;        ///< file name without folder
  std::string source_table;  ///< in the file
  std::string key;           ///< of the row
  std::string column;        ///< whose value could not be kept; may be empty
  std::string sqlstate;      ///< why, as a code
  std::string reason;        ///< why, in words
};

/// A tenant whose files are not migrated any more.
struct CutOverTenant {
  std::string id;     ///< of the tenant
  std::string since;  ///< such as 2026-01-31T12:00:00Z
};

/// What status() found.
struct StatusReport {
  std::string core;                     ///< "extension 0.1.0", "script 0.1.0", or empty when the core is not installed
  std::vector<CutOverTenant> cut_over;  ///< by tenant
  std::vector<StatusRow> tables;        ///< by tenant, file and table
  std::vector<RejectRow> rejects;       ///< the first `reject_limit`
};

/// What was imported and what was set aside.
ROWHOUSE_EXPORT StatusReport status(const Url& target, std::size_t reject_limit = 100);

/// A tenant of the registry.
struct TenantRow {
  std::string id;           ///< as set_tenant takes it
  std::string status;       ///< "active" or "suspended"
  std::string created_at;   ///< such as 2026-01-31T12:00:00Z
  std::string cut_over_at;  ///< since when its files are refused; empty while they may be migrated
};

/// Every tenant of the registry. Throws 55000 where the core is not installed.
ROWHOUSE_EXPORT std::vector<TenantRow> list_tenants(const Url& target);
/// Registers a tenant, installing the core where it is missing. A tenant that exists is an error (23505).
ROWHOUSE_EXPORT void create_tenant(const Url& target, const std::string& id);

/// Rows that a change of the registry has touched.
struct TenantRows {
  std::string table;      ///< in PostgreSQL
  std::int64_t rows = 0;  ///< of the tenant in it
};

/// From the next statement on the tenant's sessions see nothing and write nothing, until it is resumed.
ROWHOUSE_EXPORT void suspend_tenant(const Url& target, const std::string& id);
/// Ends a suspension.
ROWHOUSE_EXPORT void resume_tenant(const Url& target, const std::string& id);
/// Takes a cut-over back: files of the tenant may be migrated again. Its rows stay; those that were changed in
/// PostgreSQL are conflicts where the file has other ones.
ROWHOUSE_EXPORT void reopen_tenant(const Url& target, const std::string& id);
/// Gives a tenant and all its rows another id. The files of the tenant are known by its old id: rename them too.
ROWHOUSE_EXPORT std::vector<TenantRows> rename_tenant(const Url& target, const std::string& id,
                                                      const std::string& new_id);
/// Takes a tenant out of the registry; 2BP01 while it has rows, unless `purge` deletes them too.
ROWHOUSE_EXPORT std::vector<TenantRows> drop_tenant(const Url& target, const std::string& id, bool purge);

/// What is different once a file or its WAL has been written to: equal texts, nothing to do.
ROWHOUSE_EXPORT std::string source_state(const std::string& path);

}  // namespace rowhouse
