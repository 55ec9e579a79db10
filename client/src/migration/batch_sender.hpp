#pragma once

#include <functional>
#include <set>
#include <tuple>

#include "bridge/changes.hpp"
#include "migration/table_work.hpp"

namespace rowhouse::detail {

// The server refused rows for a foreign key that rowhouse has made: it has to be away while rows come.
struct ForeignKeyInTheWay {
  std::string table;  // qualified and quoted
  std::string constraint;
  bool operator<(const ForeignKeyInTheWay& other) const {
    return std::tie(table, constraint) < std::tie(other.table, other.constraint);
  }
};

// What is to become of rows that were changed on both sides.
struct ApplyOptions {
  std::string imported = "{}";  // xids of the transactions that brought the rows before
  bool overwrite = false;
};

// Puts chunks into tables within a transaction of the connection, whose tenant is set.
class ChunkPutter {
 public:
  // `fixed`: foreign keys that are not ours to take away; rows that they refuse are set aside.
  ChunkPutter(PostgresConnection& connection, const MigrationOptions& options, const LedgerPlace& place,
              const std::set<ForeignKeyInTheWay>& fixed)
      : connection_(connection), options_(options), place_(place), fixed_(fixed) {}

  // The rows of some chunks as they are, without a look at what is there. What the server refuses leaves by exception.
  void copy(const TableWork& work, std::span<const bridge::Chunk* const> chunks);
  // Merges the rows that have a change, each refused one set aside on its own; conflicts are rows that were changed in
  // PostgreSQL as well. Returns the xids that wrote rows.
  std::string apply(TableWork& work, bridge::Chunk& chunk, const std::vector<bridge::Change>& changes,
                    const ApplyOptions& how, std::vector<std::size_t>& conflicts, TableOutcome& outcome);
  // Deletes rows by their keys; returns how many were kept because they were changed in PostgreSQL.
  std::int64_t remove(const TableWork& work, const std::vector<std::string>& keys, const ApplyOptions& how,
                      TableOutcome& outcome);

 private:
  struct Applied;
  Applied apply_once(const TableWork& work, const std::string& stream, bool has_all_columns, const ApplyOptions& how,
                     bool replace);
  void send(const std::string& into, bridge::CopyStream stream);
  void check_foreign_key(const Error& error) const;

  PostgresConnection& connection_;
  const MigrationOptions& options_;
  const LedgerPlace& place_;
  const std::set<ForeignKeyInTheWay>& fixed_;
};

// Values of a chunk's rows in the table that the text policy changed.
std::int64_t count_repaired(const bridge::Chunk& chunk);

// A chunk's entry in the ledger, which still lacks the marks of its rows.
ChunkRecord record_of(const TableWork& work, const bridge::Chunk& chunk);

// BEGIN, the tenant registered and set, and what tables look like in the source, in one round trip.
void begin_for(PostgresConnection& connection, const LedgerPlace& place, bool registers,
               const std::vector<TableWork*>& to_note = {});

// Of a table of the source, one that is new at the end.
TableOutcome& outcome_of(std::vector<TableOutcome>& outcomes, const std::string& source_table);

// Puts the rows of a batch into their tables, and its entries into the ledger, within a transaction. `searches`: rows
// that the server refuses are looked for and set aside; else a refusal leaves by exception. Leaves to `last` what may go
// along with the commit.
std::vector<TableOutcome> put_batch(ChunkPutter& putter, RoundTrip& last, const LedgerPlace& place, Batch& batch,
                                    bool searches);

// Sends a batch in one transaction, together with its ledger entries: at once, and chunk by chunk where the server
// refuses some of its rows. Adds what was done to the outcomes, under `finish`, which is called before the commit.
void send_batch(PostgresConnection& connection, const MigrationOptions& options, const LedgerPlace& place, Batch& batch,
                const std::set<ForeignKeyInTheWay>& fixed,
                const std::function<void(std::vector<TableOutcome>&)>& finish);

}  // namespace rowhouse::detail
