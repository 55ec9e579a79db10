#pragma once

#include <condition_variable>
#include <future>
#include <mutex>

#include "migration/copy_run.hpp"
#include "migration/file_reading.hpp"

namespace rowhouse::detail {

// A transaction whose commit was sent. Whether the answer was lost, or the server with what it had not flushed: the
// ledger tells what became of it.
struct SentCommit {
  std::string source_table;
  std::optional<bridge::ChunkIdentity> comes;  // in the ledger if it is there
  std::string goes;                            // an entry that is gone then; either of them is set
  std::vector<TableOutcome> outcomes;          // what is true then
};

// Of a file that the ledger did not know: nothing of what is in it was sent before.
using FutureReading = std::future<std::unique_ptr<FileReading>>;

// Brings one file into PostgreSQL: what is new in batches, what changed in one transaction.
class FileCopy {
 public:
  // `file` is what the plan was made from.
  FileCopy(CopyRun& run, std::size_t worker, const ProfiledFile& file);

  // `ahead`: the same file, being read already, or nothing.
  // Throws a SourceError when the file can't be read: nothing of what this call has brought is left then. After any
  // other error what was committed stays, and a later copy goes on from there.
  void copy(FutureReading ahead = {});
  // Those of earlier attempts at the same file, of which copy() counts what the ledger knows; then its own, too.
  std::vector<SentCommit>& commits() { return commits_; }
  // What was done, earlier attempts at the same file included.
  std::vector<TableOutcome> outcomes() const;

 private:
  struct TableChange;

  std::vector<TableWork*> tables_to_note();
  void read_by(const FileLedger& ledger);
  void begin_reading(const FileLedger& ledger, FutureReading ahead);
  void settle(const FileLedger& ledger);
  void apply_differences();
  void apply_all(std::vector<TableChange>& changes);
  void apply_chunks(ChunkPutter& putter, TableChange& change);
  void send_new_chunks();
  void send(Batch batch);
  void send_here(std::size_t worker, Batch& batch);
  bool send_while_checked();
  void send_until_checked();
  void count_rejects(const std::vector<TableOutcome>& outcomes);
  void note_done(const Batch& batch, const std::vector<TableOutcome>& outcomes);
  void note_commit(const Batch& batch, const std::vector<TableOutcome>& outcomes);
  void note_commit(const std::vector<TableChange>& changes);
  void wait_for_pieces();
  void record_empty_tables();
  PostgresConnection& connection_of(std::size_t worker) {
    return worker == worker_ ? connection_ : run_.connection(worker);
  }
  void undo();

  CopyRun& run_;
  const std::size_t worker_;
  PostgresConnection& connection_;
  const ProfiledFile& profiled_;
  const MigrationSource& source_;
  const LedgerPlace place_;
  std::unique_ptr<FileReading> reading_;
  std::vector<TableOutcome> settled_;
  bool registered_ = false;  // the tenant is there, committed
  bool noted_ = false;       // and what the tables look like

  std::mutex mutex_;  // guards what follows, and the outcomes of what is read
  std::condition_variable sent_;
  std::size_t under_way_ = 0;  // batches that others send
  std::exception_ptr failure_;
  std::vector<SentCommit> commits_;
  std::set<ForeignKeyInTheWay> fixed_;
  std::map<const TableWork*, std::vector<std::string>> committed_;  // first keys of chunks that are in
};

}  // namespace rowhouse::detail
