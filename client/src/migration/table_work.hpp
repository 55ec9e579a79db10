#pragma once

#include <atomic>
#include <memory>
#include <unordered_set>

#include "bridge/row_marks.hpp"
#include "migration/file_look.hpp"

namespace rowhouse::detail {

// A table of one file on its way into PostgreSQL.
struct TableWork {
  TableWork(const MigrationSource& source, const bridge::Source& file, const bridge::TableProfile& profile,
            const bridge::TablePlan& plan, TableLook look, const std::string& schema);
  TableWork(const TableWork&) = delete;

  const bridge::Table& table;
  const std::int64_t sequence;          // the highest id that AUTOINCREMENT has used up
  const bridge::TablePlan& plan;
  const TableLook look;
  const std::string target;             // qualified and quoted
  bool is_bound = false;                // row security binds this role: the server refuses COPY into the table
  std::atomic<bool> has_bad_text{false};  // found by the server: from then on it is looked for before rows are sent
  bridge::KeyColumns key;
  std::vector<bridge::CopyColumn> columns;
  TableOutcome outcome;                 // under the lock of the file's copy
};

// Reads the chunks of a table that its look calls for, one by one.
class WorkReader {
 public:
  WorkReader(const bridge::Source& file, const TableWork& work, const std::string& tenant)
      : file_(file), work_(work), tenant_(tenant) {}

  // False behind the last.
  bool next(bridge::Chunk& chunk);

 private:
  std::unique_ptr<bridge::CopyEncoder> open(const std::optional<bridge::RowidRange>& range) const;
  bool reads_ranges() const;
  bool next_range();

  const bridge::Source& file_;
  const TableWork& work_;
  const std::string tenant_;
  std::unique_ptr<bridge::CopyEncoder> encoder_;
  std::size_t range_ = 0;
  std::unordered_set<std::string> wanted_;
};

// One transaction's worth of chunks.
struct Batch {
  struct Part {
    TableWork* work;
    bridge::Chunk chunk;
    MarksText marks;  // of all encoded rows
  };
  std::vector<Part> parts;
  std::size_t bytes = 0;
  bool registers_tenant = false;    // the file's first: it makes the tenant
  bool is_last = false;             // of the file
  std::vector<TableWork*> to_note;  // tables of which rowhouse.import_table is to know
};

}  // namespace rowhouse::detail
