#pragma once

#include <map>
#include <string>
#include <vector>

#include "bridge/copy_encoder.hpp"
#include "bridge/row_marks.hpp"
#include "migration/round_trip.hpp"

namespace rowhouse::detail {

// More rows were set aside than the caller allows.
inline constexpr const char* kTooManyRejectsState = "RH002";

// Whose rows, from which file, and where they go.
struct LedgerPlace {
  std::string tenant;
  std::string source;  // file name without folder
  std::string schema;
  std::string run;  // this one
};

// A chunk that an earlier run has brought.
struct LedgerChunk {
  std::string id;
  std::string target;  // the table's name
  bridge::ChunkIdentity identity;
  std::int64_t rejected = 0;
  bool has_conflicts = false;   // rows kept back because they were changed in PostgreSQL
  bool has_collisions = false;  // rows kept back because another row had their key
};

// By table of the source. `stamp` changes with every entry that comes or goes.
struct FileLedger {
  std::map<std::string, std::vector<LedgerChunk>> tables;
  std::string stamp;
  bool is_unfinished = false;  // a run has sent rows, and was cut off before it made indexes and keys
};

// A tenant was cut over: it lives in PostgreSQL.
inline constexpr const char* kCutOverState = "RH003";

// Without entries whose table is gone. Throws RH003 when the tenant's files are not to be imported any more.
FileLedger read_ledger(PostgresConnection& connection, const LedgerPlace& place);
// The same as a part of a round trip, and what its results, of which the last is the ledger's, say.
void ask_ledger(RoundTrip& trip, const LedgerPlace& place);
FileLedger to_ledger(const PostgresResult& rows);

// What chunks say of their rows.
struct ChunkRows {
  bridge::PackedMarks marks;
  std::string xids;  // an array as PostgreSQL prints it, such as {1,2}
};
std::vector<ChunkRows> read_chunk_rows(PostgresConnection& connection, const std::vector<std::string>& ids);

// A number as PostgreSQL prints it; 0 for NULL.
std::int64_t to_integer(std::optional<std::string_view> text);

// Marks as bytea is written, which takes a while: it is better done where no server waits.
struct MarksText {
  std::string keys = "\\x";
  std::string digests = "\\x";
};
MarksText text_of(const bridge::PackedMarks& marks);

// One chunk that is in its table, to be written in the transaction that brought it.
struct ChunkRecord {
  std::string source_table;
  std::string target;  // qualified and quoted
  bridge::ChunkIdentity identity;
  std::int64_t rows = 0;
  MarksText marks;
  std::string xids;  // empty: the current transaction
  std::vector<bridge::Reject> rejects;
};
// With `trip`, or at once where rows of the chunk were set aside.
void write_record(RoundTrip& trip, const LedgerPlace& place, ChunkRecord record);

// Takes entries out together with their rejects.
void forget_chunks(PostgresConnection& connection, const std::vector<std::string>& ids);

}  // namespace rowhouse::detail
