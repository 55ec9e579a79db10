#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "rowhouse/database_manager.hpp"
#include "rowhouse/observer.hpp"

namespace rowhouse::detail {

// Tells an observer, if there is one, of a statement from its start to its end.
class StatementWatch {
 public:
  StatementWatch(const DatabaseOptions& options, const ObservedDatabase& database, std::string_view sql,
                 std::string_view name);
  void finished(std::size_t rows) const noexcept { finish(rows, nullptr); }
  void failed(const Error& error) const noexcept { finish(0, &error); }

 private:
  void finish(std::size_t rows, const Error* error) const noexcept;
  StatementEvent event(std::chrono::nanoseconds duration, std::size_t rows, const Error* error) const noexcept;

  const DatabaseOptions& options_;
  const ObservedDatabase& database_;
  std::string_view sql_;
  std::string_view name_;
  std::string operation_;
  std::chrono::steady_clock::time_point start_;
};

// Such a watch over a statement whose rows are taken by and by; over nothing where there is no observer.
class StreamWatch {
 public:
  ~StreamWatch() { finish(); }
  void start(const DatabaseOptions& options, const ObservedDatabase& database, std::string_view sql);
  void took(std::size_t rows) noexcept;  // none: the end
  void failed(const Error& error) noexcept;
  void finish() noexcept;  // if it has not been told yet

 private:
  std::string sql_;
  std::size_t rows_ = 0;
  std::optional<StatementWatch> watch_;
};

// Runs the statement, which returns something with a number of rows, under such a watch.
template <class Run, class Rows>
auto watched(const DatabaseOptions& options, const ObservedDatabase& database, std::string_view sql,
             std::string_view name, const Run& run, const Rows& rows) {
  if (!options.observer) return run();
  const StatementWatch watch(options, database, sql, name);
  try {
    auto result = run();
    watch.finished(rows(result));
    return result;
  } catch (const Error& error) {
    watch.failed(error);
    throw;
  }
}

}  // namespace rowhouse::detail
