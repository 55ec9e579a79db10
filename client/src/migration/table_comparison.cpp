#include "migration/table_comparison.hpp"

#include <algorithm>

#include "bridge/helpdesk.hpp"
#include "migration/cell_compare.hpp"
#include "migration/source_files.hpp"

namespace rowhouse::detail {
namespace {

constexpr std::size_t kExamples = 5;

void example(std::vector<std::string>& examples, const std::string& key, const std::string& what) {
  if (examples.size() < kExamples) examples.push_back(key + " " + what);
}

bool is_changed(const TableComparison::Fields& target) { return target.back() != "t"; }

}  // namespace

TableComparison::TableComparison(const bridge::Source& file, const bridge::Table& table, const bridge::TablePlan& plan,
                                 KeysSetAside set_aside, VerifiedTable& result)
    : plan_(plan), set_aside_(std::move(set_aside)), result_(result) {
  std::vector<std::string> read;
  std::vector<bridge::OrderColumn> order;
  for (const std::string& name : plan.primary_key) {
    const bridge::ColumnPlan* column = plan.find(name);
    key_.push_back(static_cast<std::size_t>(column - plan.columns.data()));
    order.push_back({column->source_name, column->type});
  }
  for (const bridge::ColumnPlan& column : plan.columns) {
    const bool there = column.source_name.empty() || table.find(column.source_name);
    cell_of_.push_back(there ? static_cast<int>(read.size()) : -1);
    repairs_.push_back(plan.repairs(column));
    if (there) read.push_back(column.source_name);
  }
  bridge::Result<std::unique_ptr<bridge::RowReader>> reader = bridge::RowReader::open(file, table, read, order);
  if (!reader.ok()) throw_status(reader.status());
  reader_ = std::move(reader.value());
  advance();
}

void TableComparison::take(const Fields& target) {
  while (more_ && order_against(target) < 0) {
    miss();
    advance();
  }
  if (!more_ || order_against(target) != 0) {
    ++result_.unexpected;
    result_.changed += is_changed(target);
    example(unexpected_, "key " + printed_key(target), "is not in the file");
    return;
  }
  compare(target);
  advance();
}

void TableComparison::drain() {
  for (; more_; advance()) miss();
}

void TableComparison::settle(std::int64_t elsewhere, std::int64_t deleted) {
  result_.elsewhere = std::min(elsewhere, result_.unexpected);
  result_.unexpected -= result_.elsewhere;
  result_.deleted = std::min(deleted, result_.missing - conflicts_missing_);
  result_.changed = std::min(result_.changed + result_.deleted, result_.differences());
  if (result_.unexpected == 0) return;
  for (const std::string& one : unexpected_) {
    if (result_.examples.size() < kExamples) result_.examples.push_back(one);
  }
}

// To the next source row that should be in PostgreSQL.
void TableComparison::advance() {
  for (;;) {
    bridge::Result<bool> next = reader_->next();
    if (!next.ok()) throw_status(next.status());
    more_ = next.value();
    if (!more_ || set_aside_.rejected.erase(reader_->key()) == 0) return;
    ++result_.rejected;
  }
}

const bridge::Cell& TableComparison::cell(std::size_t column) const {
  static const bridge::Cell kNull;
  return cell_of_[column] < 0 ? kNull : reader_->cells()[static_cast<std::size_t>(cell_of_[column])];
}

int TableComparison::order_against(const Fields& target) const {
  for (std::size_t column : key_) {
    const int order = compare_key(cell(column), target[column].value_or(""), plan_.columns[column].type);
    if (order != 0) return order;
  }
  return 0;
}

// The cell as the text policy keeps it.
bridge::Cell TableComparison::kept_cell(std::size_t column) {
  bridge::Cell kept = cell(column);
  if (repairs_[column] && kept.storage_class == bridge::StorageClass::text &&
      bridge::repair_text(kept.bytes, plan_.columns[column].type, plan_.text_policy, kept_))
    kept.bytes = kept_;
  return kept;
}

void TableComparison::compare(const Fields& target) {
  bool equal = true;
  for (std::size_t i = 0; i < plan_.columns.size(); ++i) {
    const bridge::ColumnPlan& column = plan_.columns[i];
    if (cell_of_[i] < 0 || same_value(kept_cell(i), target[i], column.type)) continue;
    if (plan_.integrated_objects && column.name == "platform" && cell(i).storage_class == bridge::StorageClass::null &&
        target[i] == bridge::kDefaultPlatform)
      continue;
    equal = false;
    example(result_.examples, "key " + reader_->key(), "differs in column \"" + column.name + "\"");
  }
  ++(equal ? result_.rows : result_.different);
  if (!equal) result_.changed += is_changed(target);
}

void TableComparison::miss() {
  ++result_.missing;
  const bool is_conflict = set_aside_.conflicts.count(reader_->key()) > 0;  // deleted there, and told so
  conflicts_missing_ += is_conflict;
  result_.changed += is_conflict;
  example(result_.examples, "key " + reader_->key(), "is not in PostgreSQL");
}

std::string TableComparison::printed_key(const Fields& target) const {
  std::string text;
  for (std::size_t column : key_) text += (text.empty() ? "" : ", ") + target[column].value_or("NULL");
  return text;
}

}  // namespace rowhouse::detail
