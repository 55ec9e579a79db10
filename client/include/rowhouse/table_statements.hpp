#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rowhouse/export.hpp"
#include "rowhouse/row.hpp"
#include "rowhouse/table.hpp"

namespace rowhouse {

/// Where a page ended. `text()` may be handed to a client and taken back: it can only ever point into the tenant's own
/// rows.
class ROWHOUSE_EXPORT PageKey {
 public:
  /// From the values of the order's columns.
  explicit PageKey(Json values) : values_(std::move(values)) {}
  /// What text() gave. Throws 22023 for anything else.
  static PageKey parse(std::string_view text);
  /// For URLs' parameters, to be escaped there; it shows the values.
  std::string text() const { return values_.dump(); }
  /// The values, an array.
  const Json& values() const noexcept { return values_; }
  bool operator==(const PageKey&) const = default;  ///< the same place

 private:
  Json values_;
};

namespace detail {

struct TableTexts;

struct Statement {
  std::string sql;
  std::vector<Value> parameters;
};

// In which order rows come: kNewest by created_at (latest first) where the table has one, and then as kKey: by id, else
// by key.
enum class RowOrder { kNewest, kKey };

// What an upsert does with the times of the row: kNow sets them, kGiven keeps those of the row.
enum class RowTimes { kNow, kGiven };

// The statements of one table for one tenant, which every one of them names. They differ between the databases in a few
// words alone. Rows are given as a value for each column of the shape. Pure: nothing here talks to a database.
class ROWHOUSE_EXPORT TableStatements {
 public:
  // `shape` must live as long. The schema counts on PostgreSQL alone.
  TableStatements(Database database, const std::string& schema, const TableShape& shape, std::string tenant);

  Statement select(const std::vector<Condition>& conditions, RowOrder order, std::optional<std::size_t> limit,
                   const std::optional<PageKey>& after) const;
  Statement count(const std::vector<Condition>& conditions) const;
  // The three return the row as it is stored. 42501 when the row names another tenant.
  Statement insert(std::vector<Value> row) const;
  Statement upsert(std::vector<Value> row, RowTimes times) const;
  // Everything but tenant, id and time of creation, by id where the table has one, else by key.
  Statement update(std::vector<Value> row) const;
  Statement change(const std::vector<Condition>& conditions, const std::vector<Assignment>& assignments) const;
  Statement remove(const std::vector<Condition>& conditions) const;

  // A batch on PostgreSQL: make_stage, COPY of rows of stage_columns() into it, merge_stage, drop_stage.
  std::string make_stage() const;
  std::string copy_stage() const;
  Statement merge_stage() const;
  std::string drop_stage() const;
  // All columns but tenant and id.
  std::vector<std::size_t> stage_columns() const;
  // The row as a batch sends it: checked, written at `time`, JSON as text.
  std::vector<Value> batch_row(std::vector<Value> row, Timestamp time) const;
  // A batch on SQLite, row by row: the same without the row coming back.
  Statement upsert_quietly(std::vector<Value> row) const;

  // Of the last row of a page.
  PageKey page_key(const Row& row, RowOrder order) const;
  // The conditions that find a row by its key columns.
  std::vector<Condition> by_key(std::vector<Value> key) const;
  // The row's own name for messages, without values that a tenant stored: the id alone.
  std::string describe(const Row& row) const;

  const TableShape& shape() const noexcept { return *shape_; }
  const std::string& tenant() const noexcept { return tenant_; }

 private:
  class Sql;
  bool postgres() const noexcept { return database_ == Database::kPostgresql; }
  const ColumnShape& column(std::size_t place) const { return shape_->columns[place]; }
  std::shared_ptr<const TableTexts> make_texts(const std::string& schema);
  const std::string& quoted(std::size_t place) const;  // its name
  std::string qualified(std::size_t place) const;
  std::string sortable(std::size_t place) const;
  std::vector<std::size_t> order_columns(RowOrder order) const;
  std::string order_by(RowOrder order) const;
  std::string insert_text() const;
  std::vector<Value> insert_parameters(std::vector<Value> row) const;
  std::string on_conflict(RowTimes times) const;
  void check(const std::vector<Value>& row) const;
  void check_value(std::size_t place, const Value& value) const;
  void set_times(std::vector<Value>& row, RowTimes times, Timestamp time) const;
  void add_conditions(Sql& sql, const std::vector<Condition>& conditions) const;
  void add_condition(Sql& sql, const Condition& condition) const;
  void add_page(Sql& sql, RowOrder order, const PageKey& after) const;
  Value page_value(std::size_t place, const Json& value) const;

  Database database_;
  const TableShape* shape_;
  std::string tenant_;
  std::size_t tenant_column_;
  std::shared_ptr<const TableTexts> texts_;
};

}  // namespace detail
}  // namespace rowhouse
