#include "migration/source_tables.hpp"

#include <random>

#include "bridge/source_table.hpp"

namespace rowhouse::detail {

void write_source_table(RoundTrip& trip, const std::string& tenant, const std::string& source_name,
                        const bridge::Table& table, const bridge::TablePlan& plan, const std::string& schema,
                        const std::string& run) {
  std::optional<std::string> sequence;
  if (table.autoincrement) sequence = std::to_string(table.sequence);
  trip.add(
      "INSERT INTO rowhouse.import_table AS t "
      "(tenant, source, source_table, target_schema, target_table, source_sql, columns, sequence, unfinished) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
      "ON CONFLICT (tenant, source, source_table, target_schema) DO UPDATE SET target_table = excluded.target_table, "
      "source_sql = excluded.source_sql, columns = excluded.columns, sequence = excluded.sequence, "
      "unfinished = excluded.unfinished",
      {tenant, source_name, table.name, schema, plan.name, bridge::source_sql(table),
       bridge::source_columns(table, plan), std::move(sequence), run});
}

std::string new_run() {
  std::random_device random;
  return std::to_string(random()) + "." + std::to_string(random());
}

void finish_run(PostgresConnection& connection, const std::string& run) {
  connection.execute("UPDATE rowhouse.import_table SET unfinished = NULL WHERE unfinished = $1", {run});
}

}  // namespace rowhouse::detail
