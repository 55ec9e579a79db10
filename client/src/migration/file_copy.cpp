#include "migration/file_copy.hpp"

#include <algorithm>

#include "bridge/chunk_loader.hpp"
#include "migration/tenant_lock.hpp"

namespace rowhouse::detail {

FileCopy::FileCopy(CopyRun& run, std::size_t worker, const ProfiledFile& file)
    : run_(run),
      worker_(worker),
      connection_(run.connection(worker)),
      profiled_(file),
      source_(file.source),
      place_{file.source.tenant, file.profile.file_name, run.options.schema, run.name} {}

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
  if (!reading_) read_by(ledger);
}

void FileCopy::read_by(const FileLedger& ledger) {
  reading_ = std::make_unique<FileReading>(run_, profiled_, ledger, [&](FileLook& look) {
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

// When the last batch is read, the worker's next file can be.
void FileCopy::send_new_chunks() {
  reading_->start();
  if (reading_->is_being_checked() && !send_while_checked()) reading_->start_again();
  reading_->require_sound();
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
  reading_->give_back(std::move(*shared));
}

// False when the server refuses rows: nothing is sent then, and the file has to be read from its start.
bool FileCopy::send_while_checked() {
  try {
    send_until_checked();
    return true;
  } catch (const ForeignKeyInTheWay&) {
    return false;
  } catch (const SourceError&) {
    reading_->require_sound();  // of a damaged file that alone is to be said
    throw;
  } catch (const Error& error) {
    if (bridge::is_data_refusal(error.sqlstate())) return false;
    throw;
  }
}

// All of it in one transaction, which is committed when the file is found sound; batches are let go as they are sent.
void FileCopy::send_until_checked() {
  Batch sent;
  std::vector<TableOutcome> outcomes;
  ChunkPutter putter(connection_, run_.options, place_, fixed_);
  begin_for(connection_, place_, true, tables_to_note());
  try {
    while (std::optional<Batch> batch = reading_->take()) {
      if (batch->is_last) run_.read_ahead(worker_);
      RoundTrip trip(connection_);
      for (const TableOutcome& done : put_batch(putter, trip, place_, *batch, false))
        outcome_of(outcomes, done.source_table).add_counts(done);
      trip.run();
      for (const Batch::Part& part : batch->parts) {
        sent.parts.push_back({part.work, {}, {}});
        sent.parts.back().chunk.identity = part.chunk.identity;
      }
      const bool is_last = batch->is_last;
      reading_->give_back(*std::move(batch));
      if (is_last || !reading_->is_being_checked()) break;
    }
    reading_->require_sound();
    count_rejects(outcomes);
    require_unchanged(reading_->file());
    connection_.commit();
  } catch (const Error& error) {
    if (error.in_doubt()) note_commit(sent, outcomes);
    connection_.rollback();
    throw;
  } catch (...) {
    connection_.rollback();
    throw;
  }
  noted_ = registered_ = true;
  note_done(sent, outcomes);
}

void FileCopy::send_here(std::size_t worker, Batch& batch) {
  std::set<ForeignKeyInTheWay> fixed;
  for (;;) {
    std::vector<TableOutcome> outcomes;
    try {
      send_batch(connection_of(worker), run_.options, place_, batch, fixed, [&](std::vector<TableOutcome>& done) {
        count_rejects(done);
        if (batch.is_last) require_unchanged(reading_->file());  // the reader is done with it
        outcomes = done;
      });
      return note_done(batch, outcomes);
    } catch (const ForeignKeyInTheWay& key) {
      if (!run_.suspend(key)) fixed.insert(key);
    } catch (const Error& error) {
      const std::lock_guard lock(mutex_);
      if (error.in_doubt()) note_commit(batch, outcomes);
      throw;
    }
  }
}

void FileCopy::count_rejects(const std::vector<TableOutcome>& outcomes) {
  std::int64_t rejects = 0;
  for (const TableOutcome& outcome : outcomes) rejects += outcome.rejected;
  run_.count_rejects(rejects);
}

// After its commit.
void FileCopy::note_done(const Batch& batch, const std::vector<TableOutcome>& outcomes) {
  {
    const std::lock_guard lock(mutex_);
    note_commit(batch, outcomes);
    for (const Batch::Part& part : batch.parts) committed_[part.work].push_back(part.chunk.identity.key_from);
    for (const TableOutcome& done : outcomes) {
      for (const auto& work : reading_->works()) {
        if (work->table.name == done.source_table) work->outcome.add_counts(done);
      }
    }
  }
  for (const Batch::Part& part : batch.parts) run_.advance(source_, part.work->plan.name, part.chunk.identity.rows);
}

// Under the lock.
void FileCopy::note_commit(const Batch& batch, const std::vector<TableOutcome>& outcomes) {
  if (batch.parts.empty()) return;
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
  reading_->require_sound();
  begin_for(connection_, place_, true, noted_ ? std::vector<TableWork*>() : tables_to_note());
  RoundTrip last(connection_);
  for (ChunkRecord& record : records) write_record(last, place_, std::move(record));
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
