#include "migration/ledger.hpp"

#include <charconv>

#include "migration/cell_compare.hpp"

namespace rowhouse::detail {
namespace {

std::string array_of(const std::vector<std::string>& ids) {
  std::string array = "{";
  for (const std::string& id : ids) array += (array.size() > 1 ? "," : "") + id;
  return array + "}";
}

constexpr std::string_view kRecord =
    "SELECT rowhouse.import_record($1, $2, $3, $4::regclass, $5, $6, $7::bigint, $8::bigint, $9, $10::bytea, "
    "$11::bytea, $12::xid[])";

// Takes the marks out of the record.
RoundTrip::Parameters parameters_of(const LedgerPlace& place, ChunkRecord& record) {
  RoundTrip::Parameters parameters{place.tenant,
                                   place.source,
                                   record.source_table,
                                   record.target,
                                   record.identity.key_from,
                                   record.identity.key_to,
                                   std::to_string(record.rows),
                                   std::to_string(record.rejects.size()),
                                   record.identity.digest,
                                   std::move(record.marks.keys),
                                   std::move(record.marks.digests),
                                   std::nullopt};
  if (!record.xids.empty()) parameters.back() = record.xids;
  return parameters;
}

void write_rejects(PostgresConnection& connection, const LedgerPlace& place, const ChunkRecord& record,
                   const std::string& chunk) {
  const auto optional = [](const std::string& text) {
    return text.empty() ? PostgresParameter() : PostgresParameter(text);
  };
  for (const bridge::Reject& reject : record.rejects) {
    const std::string value = to_hex(reject.value);
    connection.execute(
        "INSERT INTO rowhouse.import_reject "
        "(tenant, source, source_table, key, column_name, storage_class, value, sqlstate, reason, chunk) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        {place.tenant, place.source, record.source_table, reject.key, optional(reject.column),
         optional(reject.storage_class), reject.storage_class.empty() ? PostgresParameter() : PostgresParameter(value),
         reject.sqlstate, reject.reason, chunk});
  }
}

constexpr std::string_view kChunks =
    "SELECT c.id, c.source_table, c.key_from, c.key_to, c.rows + c.rejected, c.digest, c.rejected, "
    "EXISTS (SELECT FROM rowhouse.import_reject AS r WHERE r.chunk = c.id AND r.sqlstate = $4), "
    "EXISTS (SELECT FROM rowhouse.import_reject AS r WHERE r.chunk = c.id AND r.sqlstate = '23505'), c.target_table, "
    "EXISTS (SELECT FROM rowhouse.import_table AS t WHERE t.tenant = $1 AND t.source = $2 AND t.target_schema = $3 "
    "AND t.unfinished IS NOT NULL) "
    "FROM rowhouse.import_chunk AS c WHERE c.tenant = $1 AND c.source = $2 AND c.target_schema = $3 "
    "AND pg_catalog.to_regclass(pg_catalog.format('%I.%I', c.target_schema, c.target_table)) IS NOT NULL "
    "ORDER BY c.id";

}  // namespace

std::int64_t to_integer(std::optional<std::string_view> text) {
  std::int64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

void ask_ledger(RoundTrip& trip, const LedgerPlace& place) {
  trip.add("SELECT rowhouse.check_importable($1)", {place.tenant});
  trip.add(std::string(kChunks), {place.tenant, place.source, place.schema, bridge::kConflictState});
}

FileLedger to_ledger(const PostgresResult& rows) {
  FileLedger ledger;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    ledger.tables[rows.text(i, 1)].push_back(
        {rows.text(i, 0),
         rows.text(i, 9),
         {rows.text(i, 2), rows.text(i, 3), to_integer(rows.value(i, 4)), rows.text(i, 5)},
         to_integer(rows.value(i, 6)),
         rows.value(i, 7) == "t",
         rows.value(i, 8) == "t"});
    ledger.stamp += rows.text(i, 0) + rows.text(i, 5) + ' ';
    ledger.is_unfinished = rows.value(i, 10) == "t";
  }
  return ledger;
}

FileLedger read_ledger(PostgresConnection& connection, const LedgerPlace& place) {
  RoundTrip trip(connection);
  ask_ledger(trip, place);
  return to_ledger(trip.run().back());
}

std::vector<ChunkRows> read_chunk_rows(PostgresConnection& connection, const std::vector<std::string>& ids) {
  const PostgresResult rows = connection.execute(
      "SELECT row_keys, row_digests, coalesce(xids, '{}') FROM rowhouse.import_chunk WHERE id = ANY ($1::bigint[])",
      {array_of(ids)});
  std::vector<ChunkRows> chunks;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    chunks.push_back({{from_hex(rows.value(i, 0).value_or("")), from_hex(rows.value(i, 1).value_or(""))},
                      std::string(rows.value(i, 2).value_or("{}"))});
  }
  return chunks;
}

MarksText text_of(const bridge::PackedMarks& marks) { return {to_hex(marks.keys), to_hex(marks.digests)}; }

void write_record(RoundTrip& trip, const LedgerPlace& place, ChunkRecord record) {
  if (record.rejects.empty()) return trip.add(std::string(kRecord), parameters_of(place, record));
  RoundTrip alone(trip.connection());
  alone.add(std::string(kRecord), parameters_of(place, record));
  write_rejects(trip.connection(), place, record, alone.run().front().text(0, 0));
}

void forget_chunks(PostgresConnection& connection, const std::vector<std::string>& ids) {
  if (ids.empty()) return;
  const std::string array = array_of(ids);
  // Rejects of an earlier version's entries name no chunk.
  connection.execute(
      "DELETE FROM rowhouse.import_reject AS r USING rowhouse.import_chunk AS c WHERE c.id = ANY ($1::bigint[]) "
      "AND (r.chunk = c.id OR (r.chunk IS NULL AND r.tenant = c.tenant AND r.source = c.source "
      "AND r.source_table = c.source_table))",
      {array});
  connection.execute("DELETE FROM rowhouse.import_chunk WHERE id = ANY ($1::bigint[])", {array});
}

}  // namespace rowhouse::detail
