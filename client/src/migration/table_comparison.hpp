#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bridge/plan.hpp"
#include "bridge/row_reader.hpp"
#include "rowhouse/migration.hpp"

namespace rowhouse::detail {

// Keys in the source of rows that an import has set aside.
struct KeysSetAside {
  std::set<std::string> rejected, conflicts;
};

// Compares one table of one file; rows of the target are pushed in, rows of the source are pulled as far as needed.
class TableComparison {
 public:
  using Fields = std::vector<std::optional<std::string>>;

  TableComparison(const bridge::Source& file, const bridge::Table& table, const bridge::TablePlan& plan,
                  KeysSetAside set_aside, VerifiedTable& result);

  // A row of the target, in the order of its key: the plan's columns, then whether an import has written it.
  void take(const Fields& target);
  // Behind the last row of the target.
  void drain();
  // What accounts for rows that only one side has. `elsewhere`: how many rows of the table other files of the tenant
  // have brought; `deleted`: how many of those that this file has brought are not there. Neither is told apart from
  // rows that nobody brought: they account for as many.
  void settle(std::int64_t elsewhere, std::int64_t deleted);

 private:
  void advance();
  const bridge::Cell& cell(std::size_t column) const;
  bridge::Cell kept_cell(std::size_t column);
  int order_against(const Fields& target) const;
  void compare(const Fields& target);
  void miss();
  std::string printed_key(const Fields& target) const;

  const bridge::TablePlan& plan_;
  KeysSetAside set_aside_;
  VerifiedTable& result_;
  std::vector<std::string> unexpected_;
  std::unique_ptr<bridge::RowReader> reader_;
  std::vector<std::size_t> key_;
  std::vector<int> cell_of_;
  std::vector<bool> repairs_;
  std::string kept_;
  std::int64_t conflicts_missing_ = 0;
  bool more_ = false;
};

}  // namespace rowhouse::detail
