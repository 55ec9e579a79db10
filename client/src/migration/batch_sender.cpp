#include "migration/batch_sender.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "bridge/chunk_loader.hpp"
#include "bridge/ddl.hpp"
#include "bridge/difference.hpp"
#include "migration/constraints.hpp"
#include "migration/round_trip.hpp"
#include "migration/source_tables.hpp"

namespace rowhouse::detail {
namespace {

constexpr std::string_view kSavepoint = "rowhouse_chunk";

// Where a COPY failed, from its context: `COPY relation, line 12, column name: ...`, the words in any language.
void read_position(const std::string& context, bridge::CopyRefusal& refusal) {
  std::size_t at = context.find("COPY ");
  if (at == std::string::npos) return;
  const std::string_view line(context.data() + at, std::min(context.find('\n', at), context.size()) - at);
  for (std::size_t comma = line.find(", "); comma != std::string_view::npos; comma = line.find(", ", comma + 2)) {
    const std::size_t word_end = line.find(' ', comma + 2);
    if (word_end == std::string_view::npos) return;
    const char* digits = line.data() + word_end + 1;
    const auto number = std::from_chars(digits, line.data() + line.size(), refusal.line);
    if (number.ec != std::errc() || number.ptr == digits) continue;
    const std::string_view rest(number.ptr, static_cast<std::size_t>(line.data() + line.size() - number.ptr));
    const std::size_t name = rest.rfind(", ", 0) == 0 ? rest.find(' ', 2) : std::string_view::npos;
    if (name != std::string_view::npos) refusal.column = rest.substr(name + 1, rest.find(':', name) - name - 1);
    return;
  }
}

bridge::CopyRefusal refusal_of(const Error& error) {
  bridge::CopyRefusal refusal{error.sqlstate(), error.diagnostics().message, error.diagnostics().column, 0};
  if (refusal.message.empty()) refusal.message = error.what();
  read_position(error.diagnostics().context, refusal);
  return refusal;
}

// {1,2,3} as numbers.
std::vector<std::size_t> to_numbers(std::optional<std::string_view> array) {
  std::vector<std::size_t> numbers;
  const char* at = array ? array->data() + 1 : nullptr;
  while (array && at < array->data() + array->size() - 1) {
    std::size_t number = 0;
    at = std::from_chars(at, array->data() + array->size(), number).ptr + 1;
    numbers.push_back(number);
  }
  return numbers;
}

std::string array_of(const std::vector<std::string>& names) {
  std::string array = "{";
  for (const std::string& name : names) {
    array += array.size() > 1 ? ",\"" : "\"";
    for (char c : name) {
      if (c == '"' || c == '\\') array += '\\';
      array += c;
    }
    array += '"';
  }
  return array + "}";
}

std::string column_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + bridge::quote_identifier(name);
  return list;
}

std::vector<std::string> names_of(const std::vector<bridge::CopyColumn>& columns) {
  std::vector<std::string> names;
  for (const bridge::CopyColumn& column : columns) names.push_back(column.name);
  return names;
}

}  // namespace

struct ChunkPutter::Applied {
  std::int64_t inserted = 0, updated = 0, deleted = 0, present = 0;
  std::vector<std::size_t> conflicts, collisions;
  std::string xid;  // empty when no row was written
};

// Rows refused for a foreign key may be rows whose parents come later, or that have none in the file either.
void ChunkPutter::check_foreign_key(const Error& error) const {
  if (error.sqlstate() != "23503") return;
  const Diagnostics& said = error.diagnostics();
  const ForeignKeyInTheWay key{bridge::quote_qualified(said.schema, said.table), said.constraint};
  if (fixed_.count(key) == 0) throw key;
}

void ChunkPutter::send(const std::string& into, bridge::CopyStream stream) {
  connection_.copy_in("COPY " + into + " FROM STDIN (FORMAT binary)", [&](std::span<char> buffer) {
    check_interrupted(options_);
    return stream.read(buffer);
  });
}

void ChunkPutter::copy(const TableWork& work, std::span<const bridge::Chunk* const> chunks) {
  try {
    send(work.target + " (" + column_list(names_of(work.columns)) + ")", bridge::CopyStream(chunks));
  } catch (const Error& error) {
    check_foreign_key(error);
    throw;
  }
}

ChunkPutter::Applied ChunkPutter::apply_once(const TableWork& work, const std::string& stream, bool has_all_columns,
                                             const ApplyOptions& how, bool replace) {
  const PostgresResult made =
      connection_.execute("SELECT rowhouse.import_change_stage($1::regclass)", {work.target});
  const std::string stage(made.value(0, 0).value_or(""));
  std::vector<std::string> staged = names_of(work.columns);
  const std::string columns = array_of(staged);
  if (!has_all_columns) {
    staged = {work.plan.tenant_column};
    staged.insert(staged.end(), work.key.names.begin(), work.key.names.end());
  }
  staged.insert(staged.end(), {bridge::kNumberColumn, bridge::kChangeColumn});
  send(stage + " (" + column_list(staged) + ")", bridge::CopyStream(stream));
  const PostgresResult result = connection_.execute(
      "SELECT inserted, updated, deleted, present, conflicts, collisions, xid "
      "FROM rowhouse.import_apply($1, $2::regclass, $3, $4::name[], $5::name[], $6::xid[], $7::boolean, $8::boolean)",
      {stage, work.target, place_.tenant, array_of(work.key.names), columns, how.imported, how.overwrite ? "t" : "f",
       replace ? "t" : "f"});
  Applied applied;
  applied.inserted = to_integer(result.value(0, 0));
  applied.updated = to_integer(result.value(0, 1));
  applied.deleted = to_integer(result.value(0, 2));
  applied.present = to_integer(result.value(0, 3));
  applied.conflicts = to_numbers(result.value(0, 4));
  applied.collisions = to_numbers(result.value(0, 5));
  applied.xid = result.value(0, 6).value_or("");
  return applied;
}

std::string ChunkPutter::apply(TableWork& work, bridge::Chunk& chunk, const std::vector<bridge::Change>& changes,
                               const ApplyOptions& how, std::vector<std::size_t>& conflicts, TableOutcome& outcome) {
  std::set<std::string> xids;
  std::vector<Applied> parts;
  const auto attempt = [&](std::size_t first, std::size_t last, bool replace) -> std::optional<bridge::CopyRefusal> {
    connection_.savepoint(kSavepoint);
    try {
      parts.push_back(
          apply_once(work, bridge::encode_changes(chunk, first, last, changes), true, how, replace));
      connection_.release(kSavepoint);
      return std::nullopt;
    } catch (const Error& error) {
      if (!bridge::is_data_refusal(error.sqlstate())) throw;
      connection_.rollback_to(kSavepoint);
      check_foreign_key(error);
      if (error.sqlstate() == "22021" || error.sqlstate() == "22P05" || error.sqlstate() == "22P02")
        work.has_bad_text = true;
      return refusal_of(error);
    }
  };
  bridge::load_chunk(chunk, [&](std::size_t first, std::size_t last) {
    std::optional<bridge::CopyRefusal> refusal = attempt(first, last, false);
    if (refusal && refusal->sqlstate == "23505") refusal = attempt(first, last, true);
    return refusal;
  });
  for (const Applied& part : parts) {
    outcome.rows += part.inserted;
    outcome.updated += part.updated;
    outcome.present += part.present;
    if (!part.xid.empty()) xids.insert(part.xid);
    for (std::size_t row : part.collisions)
      bridge::set_row_aside(chunk, row, "23505", "a row with the same key is there already");
    for (std::size_t row : part.conflicts) {
      bridge::set_row_aside(chunk, row, bridge::kConflictState, bridge::kConflictReason);
      conflicts.push_back(row);
    }
  }
  std::string written = how.imported;
  for (const std::string& xid : xids) written = bridge::merge_xids(written, "{" + xid + "}");
  return written;
}

std::int64_t ChunkPutter::remove(const TableWork& work, const std::vector<std::string>& keys, const ApplyOptions& how,
                                 TableOutcome& outcome) {
  try {
    const Applied applied = apply_once(
        work, bridge::encode_removals(place_.tenant, keys, work.key.names.size()), false, how, false);
    outcome.deleted += applied.deleted;
    return static_cast<std::int64_t>(applied.conflicts.size());
  } catch (const Error& error) {
    check_foreign_key(error);
    throw;
  }
}

std::int64_t count_repaired(const bridge::Chunk& chunk) {
  std::int64_t repaired = 0;
  for (const auto& [row, values] : chunk.repaired) repaired += chunk.refused[row] ? 0 : static_cast<std::int64_t>(values);
  return repaired;
}

ChunkRecord record_of(const TableWork& work, const bridge::Chunk& chunk) {
  ChunkRecord record;
  record.source_table = work.table.name;
  record.target = work.target;
  record.identity = chunk.identity;
  record.rows = chunk.identity.rows - static_cast<std::int64_t>(chunk.rejects.size());
  record.rejects = chunk.rejects;
  return record;
}

void begin_for(PostgresConnection& connection, const LedgerPlace& place, bool registers,
               const std::vector<TableWork*>& to_note) {
  RoundTrip trip(connection);
  trip.add("BEGIN");
  if (registers) trip.add("SELECT rowhouse.create_tenant($1, true)", {place.tenant});
  trip.add(std::string(kSetTenant), {place.tenant});
  for (const TableWork* work : to_note)
    write_source_table(trip, place, *work);
  try {
    trip.run();
  } catch (...) {
    connection.rollback();
    throw;
  }
}

TableOutcome& outcome_of(std::vector<TableOutcome>& outcomes, const std::string& source_table) {
  for (TableOutcome& outcome : outcomes) {
    if (outcome.source_table == source_table) return outcome;
  }
  outcomes.emplace_back().source_table = source_table;
  return outcomes.back();
}

namespace {

using Parts = std::span<Batch::Part>;

// The parts that follow each other and are of the first one's table.
Parts of_one_table(Parts parts) {
  const auto end = std::find_if(parts.begin(), parts.end(),
                                [&](const Batch::Part& part) { return part.work != parts.front().work; });
  return parts.first(static_cast<std::size_t>(end - parts.begin()));
}

// As the encoder left it: an attempt before this one may have set rows aside.
void restore(Batch::Part& part) {
  part.chunk.rejects.resize(static_cast<std::size_t>(part.chunk.identity.rows) - part.chunk.rows());
  part.chunk.refused.assign(part.chunk.rows(), false);
  if (part.work->has_bad_text) bridge::screen_chunk(part.chunk);
}

// Of the rows that have come: the reader made them for all.
MarksText marks_of(const Batch::Part& part) {
  const std::vector<bool>& refused = part.chunk.refused;
  const bool has_all = std::find(refused.begin(), refused.end(), true) == refused.end();
  return has_all ? part.marks : text_of(bridge::marks_of(part.chunk, part.work->key));
}

void copy_all(ChunkPutter& putter, Parts parts, TableOutcome& outcome) {
  std::vector<const bridge::Chunk*> chunks;
  for (Batch::Part& part : parts) {
    restore(part);
    chunks.push_back(&part.chunk);
    outcome.rows += std::count(part.chunk.refused.begin(), part.chunk.refused.end(), false);
  }
  putter.copy(*parts.front().work, chunks);
}

}  // namespace

std::vector<TableOutcome> put_batch(ChunkPutter& putter, RoundTrip& last, const LedgerPlace& place, Batch& batch,
                                    bool searches) {
  std::vector<TableOutcome> outcomes;
  std::vector<const TableWork*> filled;
  for (Parts rest(batch.parts), parts; !rest.empty(); rest = rest.subspan(parts.size())) {
    parts = of_one_table(rest);
    TableWork& work = *parts.front().work;
    TableOutcome& outcome = outcome_of(outcomes, work.table.name);
    const bool merges = searches || work.is_bound;
    if (!merges) copy_all(putter, parts, outcome);
    for (Batch::Part& part : parts) {
      std::string xids;
      if (merges) {
        restore(part);  // by what the parts before it have shown
        std::vector<std::size_t> conflicts;
        const std::vector<bridge::Change> changes(part.chunk.rows(), bridge::Change::insert);
        xids = putter.apply(work, part.chunk, changes, {}, conflicts, outcome);
      }
      outcome.rejected += static_cast<std::int64_t>(part.chunk.rejects.size());
      outcome.repaired += count_repaired(part.chunk);
      ChunkRecord record = record_of(work, part.chunk);
      record.marks = marks_of(part);
      record.xids = xids;
      write_record(last, place, std::move(record));
    }
    if (outcome.rows > 0) filled.push_back(&work);
  }
  for (const TableWork* work : filled) move_identity(last, work->plan, place.schema, place.tenant);
  return outcomes;
}

void send_batch(PostgresConnection& connection, const MigrationOptions& options, const LedgerPlace& place, Batch& batch,
                const std::set<ForeignKeyInTheWay>& fixed,
                const std::function<void(std::vector<TableOutcome>&)>& finish) {
  ChunkPutter putter(connection, options, place, fixed);
  for (bool searches : {false, true}) {
    begin_for(connection, place, batch.registers_tenant, batch.to_note);
    try {
      RoundTrip last(connection);
      std::vector<TableOutcome> outcomes = put_batch(putter, last, place, batch, searches);
      finish(outcomes);
      last.commit();
      return;
    } catch (const Error& error) {
      connection.rollback();
      if (searches || !bridge::is_data_refusal(error.sqlstate())) throw;
    } catch (...) {
      connection.rollback();
      throw;
    }
  }
}

}  // namespace rowhouse::detail
