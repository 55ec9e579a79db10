#include "pg_compat.hpp"

#include "importer.hpp"

#include <algorithm>
#include <map>

#include "boundary.hpp"
#include "failure.hpp"
#include "scan.hpp"
#include "sql.hpp"

namespace rowhouse {
namespace {

// A refused row keeps a megabyte of its value at most: few of them a chunk bound what a chunk takes.
constexpr bridge::CopyEncoder::Limits kLimits = {8 * 1024 * 1024, 50000, 64};

std::int64_t read_bigint(std::string_view bytes) {
  std::uint64_t number = 0;
  for (char byte : bytes) number = (number << 8) | static_cast<unsigned char>(byte);
  return static_cast<std::int64_t>(number);
}

/// The highest numbers in the columns of a load that may have a sequence behind them.
class HighestNumbers {
 public:
  explicit HighestNumbers(const std::vector<bridge::CopyColumn>& columns) {
    for (std::size_t i = 1; i < columns.size(); ++i) {
      if (columns[i].type == bridge::PgType::bigint) highest_[i] = 0;
    }
  }
  void add(const bridge::Chunk& chunk) {
    for (auto& [column, number] : highest_) {
      for (std::size_t row = 0; row < chunk.rows(); ++row) {
        const std::string_view field = chunk.field(row, column);
        if (field.size() == sizeof number) number = std::max(number, read_bigint(field));
      }
    }
  }
  void move_sequences(const TargetTable& target, const std::vector<bridge::CopyColumn>& columns) const {
    for (const auto& [column, number] : highest_) {
      if (number > 0) move_sequence(target, columns[column].name, number);
    }
  }

 private:
  std::map<std::size_t, std::int64_t> highest_;
};

bridge::FileProfile profile(const bridge::Source& source, const std::string& tenant) {
  bridge::PlanOptions options;
  options.count_known = false;
  return take(bridge::profile_file(source, tenant, options));
}

}  // namespace

Importer::Importer(const std::string& path, std::string tenant, std::string schema, bool check_integrity)
    : tenant_(std::move(tenant)),
      schema_(std::move(schema)),
      source_(open_source(path, check_integrity)),
      ledger_(tenant_, source_->file_name()),
      profile_(profile(*source_, tenant_)),
      plan_(bridge::make_plan({profile_}, {})) {}

std::vector<ImportedTable> Importer::run() {
  // One import of a tenant at a time: the second sees what the first has written, and leaves it.
  run_sql("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('rowhouse.import.' || $1, 0))",
          {tenant_});
  std::vector<ImportedTable> imported;
  for (const bridge::TableProfile& table : profile_.tables) imported.push_back(import_table(table.table));
  check(source_->check_unchanged());
  return imported;
}

ImportedTable Importer::import_table(const bridge::Table& table) {
  bridge::TablePlan plan = *plan_.find_source(table.name);
  const TargetTable target = prepare_target(plan, schema_, ledger_);
  ledger_.write_source_table(table, plan, schema_);
  ImportedTable imported;
  imported.relation = target.relation;
  const std::optional<LedgerEntry> before = target.is_new ? std::nullopt : ledger_.find(table.name);
  EarlierImport earlier;
  earlier.happened = before && before->schema == schema_ && before->table == plan.name;
  if (earlier.happened && before->digest == current_digest(table, plan)) return imported;
  if (before) earlier.collided = ledger_.take_back_rejects(table.name);
  load(table, plan, target, std::move(earlier), imported);
  if (target.is_new) make_indexes(plan, schema_);
  return imported;
}

void Importer::load(const bridge::Table& table, const bridge::TablePlan& plan, const TargetTable& target,
                    EarlierImport earlier, ImportedTable& imported) {
  const std::unique_ptr<bridge::CopyEncoder> encoder = take(bridge::CopyEncoder::open(*source_, table, plan, tenant_));
  CopyTarget copy(target, plan, tenant_, encoder->columns(), std::move(earlier));
  HighestNumbers highest(encoder->columns());
  bridge::Chunk chunk;
  std::size_t rows = 0;
  while (take(encoder->next(chunk, kLimits))) {
    pg_call([] { CHECK_FOR_INTERRUPTS(); });
    rows += bridge::load_chunk(chunk,
                               [&](std::size_t first, std::size_t last) { return copy.try_copy(chunk, first, last); });
    ledger_.write_rejects(table.name, chunk.rejects);
    imported.rejected += static_cast<std::int64_t>(chunk.rejects.size());
    highest.add(chunk);
  }
  const auto kept = static_cast<std::int64_t>(rows);
  ledger_.write(table.name, {schema_, plan.name, encoder->digest()}, kept, imported.rejected);
  highest.move_sequences(target, encoder->columns());
  imported.rows = kept - copy.rows_present();
}

std::string Importer::current_digest(const bridge::Table& table, const bridge::TablePlan& plan) const {
  const std::unique_ptr<bridge::CopyEncoder> encoder = take(bridge::CopyEncoder::open(*source_, table, plan, tenant_));
  bridge::Chunk chunk;
  while (take(encoder->next(chunk, kLimits))) pg_call([] { CHECK_FOR_INTERRUPTS(); });
  return encoder->digest();
}

}  // namespace rowhouse
