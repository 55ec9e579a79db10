#include "migration/file_copy.hpp"

#include <algorithm>

#include "bridge/difference.hpp"
#include "migration/tenant_lock.hpp"

namespace rowhouse::detail {
namespace {

constexpr std::size_t kRemovalsAtOnce = 10000;

}  // namespace

// A table whose earlier rows have to be compared with what the file holds now.
struct FileCopy::TableChange {
  explicit TableChange(TableWork& of) : work(of), difference(of.key) {}

  TableWork& work;
  bridge::Difference difference;
  std::vector<std::string> removals;
  std::string xids = "{}";
  TableOutcome outcome;
};

FileCopy::FileCopy(CopyRun& run, std::size_t worker, const MigrationSource& source, const bridge::FileProfile& profile)
    : run_(run),
      worker_(worker),
      connection_(run.connection(worker)),
      source_(source),
      profile_(profile),
      place_{source.tenant, profile.file_name, run.options.schema, run.name} {}

void FileCopy::copy(FutureReading ahead) {
  const TenantLock lock(connection_, place_, run_.options);
  settle(lock.ledger());
  begin_reading(lock.ledger(), std::move(ahead));
  try {
    apply_differences();
    send_new_chunks();
    record_empty_tables();
  } catch (const SourceError&) {
    undo();
    throw;
  }
}

// What the file has now, in the moment that is copied, beside what the ledger has now. What was read ahead counts if
// the file is still new to the ledger.
void FileCopy::begin_reading(const FileLedger& ledger, FutureReading ahead) {
  if (ahead.valid() && ledger.tables.empty()) reading_ = ahead.get();
  if (reading_) return;
  reading_ = std::make_unique<FileReading>(run_, source_, profile_, ledger, [&](FileLook& look) {
    look_for_deletions(connection_, place_, run_.options, ledger, look);
  });
}

std::vector<TableOutcome> FileCopy::outcomes() const {
  std::vector<TableOutcome> outcomes;
  const auto add = [&](const TableOutcome& done) {
    for (TableOutcome& outcome : outcomes) {
      if (outcome.source_table != done.source_table) continue;
      outcome.add_counts(done);
      return;
    }
    outcomes.push_back(done);
  };
  for (const std::vector<TableOutcome>* done : {&reading_->unchanged(), &std::as_const(settled_)}) {
    for (const TableOutcome& outcome : *done) add(outcome);
  }
  for (const auto& work : reading_->works()) add(work->outcome);
  return outcomes;
}

std::vector<TableWork*> FileCopy::tables_to_note() {
  std::vector<TableWork*> tables;
  for (const auto& work : reading_->works()) tables.push_back(work.get());
  return tables;
}

void FileCopy::settle(const FileLedger& ledger) {
  for (SentCommit& commit : std::exchange(commits_, {})) {
    const auto entries = ledger.tables.find(commit.source_table);
    const bool is_known = entries != ledger.tables.end() &&
                          std::any_of(entries->second.begin(), entries->second.end(), [&](const LedgerChunk& entry) {
                            return commit.comes ? entry.identity == *commit.comes : entry.id == commit.goes;
                          });
    if (is_known != commit.comes.has_value()) continue;
    settled_.insert(settled_.end(), commit.outcomes.begin(), commit.outcomes.end());
    commits_.push_back(std::move(commit));
  }
}

void FileCopy::apply_differences() {
  const bridge::Source& file = reading_->file();
  std::vector<TableChange> changes;
  std::vector<std::string> shrinking;
  for (const auto& work : reading_->works()) {
    if (work->look.stale.empty()) continue;
    TableChange& change = changes.emplace_back(*work);
    for (const ChunkRows& rows : read_chunk_rows(connection_, work->look.stale)) {
      change.difference.add_marks(rows.marks);
      change.xids = bridge::merge_xids(change.xids, rows.xids);
    }
    bridge::Chunk chunk;
    for (WorkReader reader(file, *work, source_.tenant); reader.next(chunk);) {
      check_interrupted(run_.options);
      change.difference.show(chunk);
    }
    change.removals = change.difference.removals();
    if (!change.removals.empty()) shrinking.push_back(work->target);
  }
  if (changes.empty()) return;
  // A foreign key that deletes on its own would take rows along that the file still has.
  if (!shrinking.empty()) run_.suspend_actions_on(shrinking);
  for (;;) {
    try {
      apply_all(changes);
      break;
    } catch (const ForeignKeyInTheWay& key) {
      if (!run_.suspend(key)) fixed_.insert(key);
    }
  }
  registered_ = noted_ = true;
}

// Rows that are gone first: they may hold values that new ones take over.
void FileCopy::apply_all(std::vector<TableChange>& changes) {
  ChunkPutter putter(connection_, run_.options, place_, fixed_);
  begin_for(connection_, place_, true, tables_to_note());
  try {
    for (TableChange& change : changes) {
      change.outcome = {};
      const ApplyOptions how{change.xids, run_.options.on_conflict == OnConflict::kSource};
      for (std::size_t at = 0; at < change.removals.size(); at += kRemovalsAtOnce) {
        const auto first = change.removals.begin() + static_cast<std::ptrdiff_t>(at);
        const auto size = std::min(kRemovalsAtOnce, change.removals.size() - at);
        change.outcome.conflicts +=
            putter.remove(change.work, {first, first + static_cast<std::ptrdiff_t>(size)}, how, change.outcome);
      }
      forget_chunks(connection_, change.work.look.stale);
    }
    std::int64_t rejects = 0;
    std::vector<const TableWork*> filled;
    for (TableChange& change : changes) {
      apply_chunks(putter, change);
      if (change.outcome.rows > 0) filled.push_back(&change.work);
      rejects += change.outcome.rejected;
      if (run_.options.on_conflict == OnConflict::kFail && change.outcome.conflicts > 0)
        throw_error(bridge::kConflictState,
                    std::to_string(change.outcome.conflicts) + " rows of " + change.work.target +
                        " were changed in PostgreSQL since their import, and in the file",
                    Diagnostics{.hint = "Keep PostgreSQL's with --on-conflict keep, or take the file's with "
                                        "--on-conflict source."});
    }
    run_.count_rejects(rejects);
    RoundTrip last(connection_);
    for (const TableWork* work : filled) move_identity(last, work->plan, place_.schema, place_.tenant);
    require_unchanged(reading_->file());
    last.commit();
  } catch (const Error& error) {
    if (error.in_doubt()) note_commit(changes);
    connection_.rollback();
    throw;
  } catch (...) {
    connection_.rollback();
    throw;
  }
  note_commit(changes);
  for (TableChange& change : changes) change.work.outcome.add_counts(change.outcome);
}

void FileCopy::note_commit(const std::vector<TableChange>& changes) {
  SentCommit& commit = commits_.emplace_back();
  commit.source_table = changes.front().work.table.name;
  commit.goes = changes.front().work.look.stale.front();
  for (const TableChange& change : changes) {
    commit.outcomes.push_back(change.work.outcome);  // names and no counts as yet
    commit.outcomes.back().add_counts(change.outcome);
    commit.outcomes.back().kept_deleted = 0;  // a later attempt counts them again
  }
}

void FileCopy::apply_chunks(ChunkPutter& putter, TableChange& change) {
  TableWork& work = change.work;
  const ApplyOptions how{change.xids, run_.options.on_conflict == OnConflict::kSource};
  bridge::Chunk chunk;
  for (WorkReader reader(reading_->file(), work, source_.tenant); reader.next(chunk);) {
    check_interrupted(run_.options);
    std::vector<bridge::Change> changes = change.difference.changes(chunk);
    if (work.look.there)
      change.outcome.kept_deleted += settle_deletions(*work.look.there, chunk, work.key, how.overwrite, changes);
    std::vector<std::size_t> kept_back;
    std::string xids = change.xids;
    if (std::any_of(changes.begin(), changes.end(), [](bridge::Change one) { return one != bridge::Change::none; }))
      xids = putter.apply(work, chunk, changes, how, kept_back, change.outcome);
    ChunkRecord record = record_of(work, chunk);
    record.xids = xids;
    record.marks = change.difference.marks(chunk, kept_back);
    RoundTrip trip(connection_);
    write_record(trip, place_, record);
    trip.run();
    change.outcome.conflicts += static_cast<std::int64_t>(kept_back.size());
    change.outcome.rejected += static_cast<std::int64_t>(chunk.rejects.size());
    change.outcome.repaired += count_repaired(chunk);
    run_.advance(source_, work.plan.name, chunk.identity.rows);
  }
}

// When the last batch is read, the worker's next file can be.
void FileCopy::send_new_chunks() {
  reading_->start();
  try {
    while (std::optional<Batch> batch = reading_->take()) {
      if (batch->is_last) run_.read_ahead(worker_);
      send(*std::move(batch));
    }
  } catch (...) {
    reading_->stop();
    wait_for_pieces();
    throw;
  }
  wait_for_pieces();
  if (failure_) std::rethrow_exception(failure_);
}

// The first batch makes the tenant: others wait for it.
void FileCopy::send(Batch batch) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
  }
  if (!std::exchange(noted_, true)) batch.to_note = tables_to_note();
  if (!std::exchange(registered_, true)) {
    batch.registers_tenant = true;
    return send_here(worker_, batch);
  }
  const auto shared = std::make_shared<Batch>(std::move(batch));
  {
    const std::lock_guard lock(mutex_);
    ++under_way_;
  }
  const bool is_taken = run_.workers.hand_over([this, shared](std::size_t worker) {
    std::exception_ptr failure;
    try {
      send_here(worker, *shared);
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    if (failure && !failure_) failure_ = failure;
    --under_way_;
    sent_.notify_all();
  });
  if (is_taken) return;
  {
    const std::lock_guard lock(mutex_);
    --under_way_;
  }
  send_here(worker_, *shared);
}

void FileCopy::send_here(std::size_t worker, Batch& batch) {
  std::set<ForeignKeyInTheWay> fixed;
  for (;;) {
    std::vector<TableOutcome> outcomes;
    try {
      send_batch(connection_of(worker), run_.options, place_, batch, fixed, [&](std::vector<TableOutcome>& done) {
        std::int64_t rejects = 0;
        for (const TableOutcome& outcome : done) rejects += outcome.rejected;
        run_.count_rejects(rejects);
        if (batch.is_last) require_unchanged(reading_->file());  // the reader is done with it
        outcomes = done;
      });
      const std::lock_guard lock(mutex_);
      note_commit(batch, outcomes);
      for (const Batch::Part& part : batch.parts) committed_[part.work].push_back(part.chunk.identity.key_from);
      for (const TableOutcome& done : outcomes) {
        for (const auto& work : reading_->works()) {
          if (work->table.name == done.source_table) work->outcome.add_counts(done);
        }
      }
      break;
    } catch (const ForeignKeyInTheWay& key) {
      if (!run_.suspend(key)) fixed.insert(key);
    } catch (const Error& error) {
      const std::lock_guard lock(mutex_);
      if (error.in_doubt()) note_commit(batch, outcomes);
      throw;
    }
  }
  for (const Batch::Part& part : batch.parts) run_.advance(source_, part.work->plan.name, part.chunk.identity.rows);
}

// Under the lock.
void FileCopy::note_commit(const Batch& batch, const std::vector<TableOutcome>& outcomes) {
  const Batch::Part& part = batch.parts.front();
  SentCommit& commit = commits_.emplace_back();
  commit.source_table = part.work->table.name;
  commit.comes = part.chunk.identity;
  for (const TableOutcome& done : outcomes) {
    for (const auto& work : reading_->works()) {
      if (work->table.name != done.source_table) continue;
      TableOutcome& named = commit.outcomes.emplace_back(done);
      named.tenant = work->outcome.tenant;
      named.source = work->outcome.source;
      named.table = work->outcome.table;
    }
  }
}

void FileCopy::wait_for_pieces() {
  std::unique_lock lock(mutex_);
  sent_.wait(lock, [&] { return under_way_ == 0; });
}

// A table without rows is known to the ledger too, by a chunk without rows.
void FileCopy::record_empty_tables() {
  std::vector<ChunkRecord> records;
  for (const auto& work : reading_->works()) {
    if (committed_.count(work.get()) > 0) continue;
    if (work->look.is_known && (work->look.missing.size() != 1 || work->look.missing[0].rows > 0)) continue;
    ChunkRecord record;
    record.source_table = work->table.name;
    record.target = work->target;
    record.identity = bridge::ChunkCutter(work->table, {}).identity();
    records.push_back(std::move(record));
  }
  if (records.empty()) return;
  begin_for(connection_, place_, true, noted_ ? std::vector<TableWork*>() : tables_to_note());
  RoundTrip last(connection_);
  for (const ChunkRecord& record : records) write_record(last, place_, record);
  last.commit();
}

// What this call has brought of a file that turned out to be damaged, as long as nobody has changed it.
void FileCopy::undo() {
  const FileLedger ledger = read_ledger(connection_, place_);
  ChunkPutter putter(connection_, run_.options, place_, fixed_);
  std::map<const TableWork*, std::vector<std::string>> brought;
  for (const auto& [work, keys] : committed_) {
    const auto entries = ledger.tables.find(work->table.name);
    if (entries == ledger.tables.end()) continue;
    for (const LedgerChunk& entry : entries->second) {
      if (std::find(keys.begin(), keys.end(), entry.identity.key_from) != keys.end()) brought[work].push_back(entry.id);
    }
  }
  for (const auto& [work, ids] : brought) {
    for (const std::string& id : ids) {
      begin_for(connection_, place_, false);
      for (const ChunkRows& rows : read_chunk_rows(connection_, {id})) {
        std::vector<std::string> keys;
        const auto marks = bridge::unpack_marks(rows.marks.keys, rows.marks.digests, work->key.types);
        if (marks) {
          for (const bridge::RowMark& mark : *marks) keys.push_back(mark.key);
        }
        TableOutcome ignored;
        putter.remove(*work, keys, {rows.xids, false}, ignored);
      }
      forget_chunks(connection_, {id});
      connection_.commit();
    }
  }
}

}  // namespace rowhouse::detail
