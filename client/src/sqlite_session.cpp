#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "bridge/status.hpp"
#include "connection.hpp"
#include "rowhouse/error.hpp"
#include "sqlite_statements.hpp"
#include "sqlite_time.hpp"

namespace rowhouse::detail {
namespace {

using Clock = std::chrono::steady_clock;

struct CloseDatabase {
  void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
};
using DatabasePtr = std::unique_ptr<sqlite3, CloseDatabase>;

constexpr int kProgressSteps = 1000;  // virtual machine steps between two looks at the clock

// Texts one behind the other, which stay where they are.
class Texts {
 public:
  std::string_view keep(const char* bytes, std::size_t size) {
    if (size > left_) {
      left_ = std::max(size, next_);
      next_ = std::min(4 * next_, kLargest);
      at_ = blocks_.emplace_back(new char[left_]).get();
    }
    std::memcpy(at_, bytes, size);
    left_ -= size;
    return {std::exchange(at_, at_ + size), size};
  }
  void clear() { blocks_.clear(), left_ = 0, next_ = 1024; }

 private:
  static constexpr std::size_t kLargest = 64 * 1024;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* at_ = nullptr;
  std::size_t left_ = 0, next_ = 1024;
};

// Rows copied out of SQLite, whose own live only until the next step.
class SqliteData final : public ResultData {
 public:
  std::vector<std::string> names;
  std::vector<Cell> cells;  // row by row
  Texts texts;              // what the cells' bytes point to
  std::size_t affected = 0;

  std::size_t rows() const noexcept override { return names.empty() ? 0 : cells.size() / names.size(); }
  std::size_t columns() const noexcept override { return names.size(); }
  std::string_view column_name(std::size_t column) const override { return names[column]; }
  Cell cell(std::size_t row, std::size_t column) const override { return cells[row * names.size() + column]; }
  std::size_t affected_rows() const noexcept override { return affected; }
};

// All rows of a statement, in one piece.
class ReadRows final : public AskedRows {
 public:
  explicit ReadRows(Result rows) : rows_(std::move(rows)) {}
  Result take() override { return std::exchange(rows_, Result(std::make_shared<SqliteData>())); }

 private:
  Result rows_;
};

class SqliteSession final : public Connection {
 public:
  SqliteSession(DatabasePtr connection, std::string name, const DatabaseOptions& options)
      : connection_(std::move(connection)),
        statements_(connection_.get(), std::move(name), options.statement_cache),
        busy_timeout_(options.busy_timeout),
        session_timeout_(options.statement_timeout) {
    const auto wait = [](void* self, int tries) {
      return static_cast<const SqliteSession*>(self)->wait_for_lock(tries);
    };
    sqlite3_busy_handler(connection_.get(), wait, this);
  }

  Database database() const noexcept override { return Database::kSqlite; }

  Result execute(const Call& call) override {
    if (failed_) throw_failed();
    try {
      return run(call);
    } catch (const Error& error) {
      failed_ = open_ && !(caller_waits_ && error.sqlstate() == kLockIsTaken);
      throw;
    } catch (...) {
      failed_ = open_;
      throw;
    }
  }

  std::shared_ptr<AskedRows> ask(const Call& call) override { return std::make_shared<ReadRows>(execute(call)); }
  Result answer(AskedRows& asked) override { return asked.take(); }

  Result execute_alone(const Identity& identity, const Call& call) override {
    if (identity.tenant) check_tenant(*identity.tenant);
    set_read_only(identity.read_only);
    try {
      Result result = execute(call);
      set_read_only(false);
      return result;
    } catch (...) {
      limits_ = {};
      set_read_only(false);
      throw;
    }
  }

  std::size_t copy_in(std::string_view, const std::function<std::size_t(std::span<char>)>&) override {
    throw_error("0A000", "SQLite has no COPY");
  }
  std::size_t copy_out(std::string_view, const std::function<void(std::string_view)>&) override {
    throw_error("0A000", "SQLite has no COPY");
  }

  void begin(const TransactionOptions& options, const Identity& identity) override {
    if (identity.login) throw_error("0A000", "SQLite cannot check a login token");
    // A reader that turns writer may find the file changed meanwhile and fail: writers take the lock at once.
    run({options.read_only ? "BEGIN DEFERRED" : "BEGIN IMMEDIATE", {}});
    open_ = true;
    set_read_only(options.read_only);
    if (options.statement_timeout.count() > 0) transaction_timeout_ = options.statement_timeout;
  }

  void commit() override {
    if (failed_ || !in_transaction()) {
      rollback();
      throw_error("25P02", "the transaction was rolled back, because a statement in it had failed",
                  {.hint = "Let the statement's own error end the transaction, or use a savepoint."});
    }
    run({"COMMIT", {}});
    end_transaction();
  }

  void rollback() override {
    limits_ = {};  // a caller who wants to stop still wants this
    if (in_transaction()) run({"ROLLBACK", {}});
    end_transaction();
  }

  void savepoint(const std::string& name) override {
    if (failed_) throw_failed();
    run({"SAVEPOINT " + name, {}});
  }
  void rollback_to(const std::string& name) override {
    limits_ = {};
    run({"ROLLBACK TO " + name, {}});
    failed_ = false;
  }
  void release(const std::string& name) override {
    if (failed_) throw_failed();
    run({"RELEASE " + name, {}});
  }

  void set_limits(const CallLimits& limits) override { limits_ = limits; }
  bool usable() noexcept override { return true; }
  void ping() override {}
  void reset() override {}
  void cancel() noexcept override { sqlite3_interrupt(connection_.get()); }
  void caller_waits(bool waits) noexcept override { caller_waits_ = waits; }

  Result run(const Call& call);

 private:
  bool in_transaction() const noexcept { return sqlite3_get_autocommit(connection_.get()) == 0; }

  void end_transaction() {
    open_ = false;
    failed_ = false;
    transaction_timeout_ = std::chrono::milliseconds(0);
    set_read_only(false);
  }

  void set_read_only(bool read_only) {
    if (std::exchange(read_only_, read_only) != read_only)
      run({read_only ? "PRAGMA query_only=1" : "PRAGMA query_only=0", {}});
  }

  [[noreturn]] static void throw_failed() {
    throw_error("25P02", "a statement of the transaction has failed; commands are ignored until it is rolled back");
  }

  void read_row(sqlite3_stmt* statement, SqliteData& data) const;
  void watch_clock(std::chrono::milliseconds call_timeout);
  bool is_to_stop() const { return (deadline_ && Clock::now() > *deadline_) || limits_.stop.stop_requested(); }
  int wait_for_lock(int tries) const;

  DatabasePtr connection_;
  SqliteStatements statements_;
  bool open_ = false;    // between begin and its end; SQLite itself may have rolled back meanwhile
  bool failed_ = false;  // a statement of the open transaction has failed
  bool read_only_ = false;
  bool caller_waits_ = false;  // for locks
  const std::chrono::milliseconds busy_timeout_;
  const std::chrono::milliseconds session_timeout_;
  std::chrono::milliseconds transaction_timeout_{0};
  CallLimits limits_;
  std::optional<Clock::time_point> deadline_;  // of the statement that runs
};

void SqliteSession::read_row(sqlite3_stmt* statement, SqliteData& data) const {
  for (int column = 0; column < sqlite3_column_count(statement); ++column) {
    Cell cell;
    switch (sqlite3_column_type(statement, column)) {
      case SQLITE_INTEGER:
        cell.kind = Cell::Kind::kInteger;
        cell.integer = sqlite3_column_int64(statement, column);
        break;
      case SQLITE_FLOAT:
        cell.kind = Cell::Kind::kReal;
        cell.real = sqlite3_column_double(statement, column);
        break;
      case SQLITE_NULL:
        break;
      default: {
        const bool blob = sqlite3_column_type(statement, column) == SQLITE_BLOB;
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, column));
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
        cell.kind = blob ? Cell::Kind::kBlob : Cell::Kind::kText;
        cell.bytes = size == 0 ? std::string_view("") : data.texts.keep(bytes, size);
      }
    }
    data.cells.push_back(cell);
  }
}

void SqliteSession::watch_clock(std::chrono::milliseconds call_timeout) {
  const auto own = transaction_timeout_.count() > 0 ? transaction_timeout_ : session_timeout_;
  std::chrono::milliseconds least(0);
  for (const auto timeout : {call_timeout.count() > 0 ? call_timeout : own, limits_.timeout}) {
    if (timeout.count() > 0 && (least.count() == 0 || timeout < least)) least = timeout;
  }
  deadline_.reset();
  if (least.count() > 0) deadline_ = Clock::now() + least;
  if (!deadline_ && !limits_.stop.stop_possible()) {
    sqlite3_progress_handler(connection_.get(), 0, nullptr, nullptr);
    return;
  }
  const auto stop = [](void* self) { return static_cast<const SqliteSession*>(self)->is_to_stop() ? 1 : 0; };
  sqlite3_progress_handler(connection_.get(), kProgressSteps, stop, this);
}

// As sqlite3_busy_timeout() does, but it ends as well when the statement is to stop. 0: do not wait longer.
int SqliteSession::wait_for_lock(int tries) const {
  static constexpr std::array kDelays{1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100};
  const auto at = static_cast<std::size_t>(tries);
  const std::chrono::milliseconds delay(kDelays[std::min(at, kDelays.size() - 1)]);
  std::chrono::milliseconds waited(0);
  for (std::size_t i = 0; i < at && waited < busy_timeout_; ++i)
    waited += std::chrono::milliseconds(kDelays[std::min(i, kDelays.size() - 1)]);
  if (caller_waits_ || waited >= busy_timeout_ || is_to_stop()) return 0;
  std::this_thread::sleep_for(std::min(delay, busy_timeout_ - waited));
  return 1;
}

Result SqliteSession::run(const Call& call) {
  if (limits_.stop.stop_requested()) throw_error("57014", "the caller has asked to stop");
  StatementPtr statement = statements_.take(call.sql);
  auto data = std::make_shared<SqliteData>();
  if (!statement) return Result(data);  // a comment or nothing
  statements_.bind(statement.get(), call.parameters);
  watch_clock(call.statement_timeout);
  int code = sqlite3_step(statement.get());
  // The first step may have prepared the statement again, for other columns.
  for (int column = 0; column < sqlite3_column_count(statement.get()); ++column)
    data->names.emplace_back(sqlite3_column_name(statement.get(), column));
  for (; code == SQLITE_ROW; code = sqlite3_step(statement.get())) {
    read_row(statement.get(), *data);
    if (call.sink == nullptr) continue;
    (*call.sink)(Row(*data, 0));
    data->cells.clear();
    data->texts.clear();
  }
  // The wait for a lock was cut short.
  if ((code & 0xff) == SQLITE_BUSY && is_to_stop()) code = SQLITE_INTERRUPT;
  if (code != SQLITE_DONE) statements_.fail(code);
  if (sqlite3_stmt_readonly(statement.get()) == 0) {
    data->affected = static_cast<std::size_t>(sqlite3_changes64(connection_.get()));
  }
  statements_.keep(call.sql, std::move(statement));
  return Result(data);
}

void check_file(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw_error("58P01", path.string() + " is not a regular file");
  }
  const auto folder = path.parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder, ignored)) {
    throw_error("58P01", "the folder of " + path.string() + " does not exist",
                {.hint = "Create it, or correct the URL."});
  }
}

}  // namespace

std::unique_ptr<Connection> connect_sqlite(const Url& url, const DatabaseOptions& options) {
  const bool memory = url.database().empty();
  if (!memory) check_file(url.database());
  const std::string& path = memory ? ":memory:" : url.database();
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  DatabasePtr connection(raw);
  if (!connection) throw std::bad_alloc();
  if (code != SQLITE_OK) {
    const std::string said = sqlite3_errmsg(raw);
    throw_error(bridge::sqlstate_of(code), "cannot open " + path + ": " + said,
                {.message = said, .hint = sqlite_hint(code)});
  }
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  auto session = std::make_unique<SqliteSession>(std::move(connection), path, options);
  session->run({"PRAGMA foreign_keys=1", {}});
  register_time_function(raw);
  return session;
}

}  // namespace rowhouse::detail
