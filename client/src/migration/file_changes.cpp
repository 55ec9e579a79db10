// What has changed in a file since an earlier run, followed in one transaction.
#include <algorithm>

#include "bridge/difference.hpp"
#include "migration/file_copy.hpp"

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
  reading_->require_sound();  // another run may have brought the file since it was looked at
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
    record.marks = text_of(change.difference.marks(chunk, kept_back));
    RoundTrip trip(connection_);
    write_record(trip, place_, std::move(record));
    trip.run();
    change.outcome.conflicts += static_cast<std::int64_t>(kept_back.size());
    change.outcome.rejected += static_cast<std::int64_t>(chunk.rejects.size());
    change.outcome.repaired += count_repaired(chunk);
    run_.advance(source_, work.plan.name, chunk.identity.rows);
  }
}

}  // namespace rowhouse::detail
