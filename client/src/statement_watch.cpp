#include "statement_watch.hpp"

#include "sql_text.hpp"

namespace rowhouse::detail {

StatementWatch::StatementWatch(const DatabaseOptions& options, const ObservedDatabase& database, std::string_view sql,
                               std::string_view name)
    : options_(options), database_(database), sql_(sql), name_(name), operation_(first_keyword(sql)) {
  options_.observer->statement_started(event({}, 0, nullptr));
  start_ = std::chrono::steady_clock::now();
}

StatementEvent StatementWatch::event(std::chrono::nanoseconds duration, std::size_t rows,
                                     const Error* error) const noexcept {
  return {database_,
          operation_,
          name_.empty() ? operation_ : name_,
          options_.observe_text ? sql_ : std::string_view(),
          duration,
          rows,
          error};
}

void StatementWatch::finish(std::size_t rows, const Error* error) const noexcept {
  const auto duration = std::chrono::steady_clock::now() - start_;
  const StatementEvent seen = event(duration, rows, error);
  options_.observer->statement_finished(seen);
  if (options_.slow_statement.count() > 0 && duration >= options_.slow_statement)
    options_.observer->slow_statement(seen);
}

void StreamWatch::start(const DatabaseOptions& options, const ObservedDatabase& database, std::string_view sql) {
  finish();
  if (!options.observer) return;
  sql_ = sql;
  rows_ = 0;
  watch_.emplace(options, database, sql_, std::string_view());
}

void StreamWatch::took(std::size_t rows) noexcept {
  rows_ += rows;
  if (rows == 0) finish();
}

void StreamWatch::failed(const Error& error) noexcept {
  if (watch_) watch_->failed(error);
  watch_.reset();
}

void StreamWatch::finish() noexcept {
  if (watch_) watch_->finished(rows_);
  watch_.reset();
}

}  // namespace rowhouse::detail
