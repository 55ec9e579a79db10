#include "migration/source_tables.hpp"

#include <random>

#include "bridge/source_table.hpp"

namespace rowhouse::detail {

void write_source_table(RoundTrip& trip, const LedgerPlace& place, const TableWork& work) {
  std::optional<std::string> sequence;
  if (work.table.autoincrement) sequence = std::to_string(work.sequence);
  trip.add(
      "INSERT INTO rowhouse.import_table AS t "
      "(tenant, source, source_table, target_schema, target_table, source_sql, columns, sequence, unfinished) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
      "ON CONFLICT (tenant, source, source_table, target_schema) DO UPDATE SET target_table = excluded.target_table, "
      "source_sql = excluded.source_sql, columns = excluded.columns, sequence = excluded.sequence, "
      "unfinished = excluded.unfinished",
      {place.tenant, place.source, work.table.name, place.schema, work.plan.name, bridge::source_sql(work.table),
       bridge::source_columns(work.table, work.plan), std::move(sequence), place.run});
}

std::string new_run() {
  std::random_device random;
  return std::to_string(random()) + "." + std::to_string(random());
}

void finish_run(PostgresConnection& connection, const std::string& run) {
  connection.execute("UPDATE rowhouse.import_table SET unfinished = NULL WHERE unfinished = $1", {run});
}

}  // namespace rowhouse::detail
