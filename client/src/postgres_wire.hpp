#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "postgres_cancel.hpp"
#include "postgres_result.hpp"
#include "rowhouse/url.hpp"
#include "statement_cache.hpp"

struct pg_conn;
struct pg_result;

namespace rowhouse::detail {

struct PostgresOptions {
  std::chrono::milliseconds connect_timeout{10'000};  // all hosts of the URL together; 0: no limit
  std::string application_name = "rowhouse";          // a URL's own wins
  std::size_t statement_cache = 0;                    // prepared statements kept; 0: none is prepared
  std::chrono::milliseconds statement_timeout{0};     // the server's, for the session; 0: the server's own
  std::stop_token stop{};                             // ends connecting with 57014
};

struct PostgresNotice {
  std::string_view severity;  // not localized: NOTICE, WARNING, ...
  std::string_view sqlstate;
  std::string_view message;
};

// What a step needs before the next one.
enum class Wait { kNothing, kRead, kWrite, kBoth };

// What makes the state of a session as after connecting: DISCARD ALL, but for the statements that StatementCache knows.
// The last one asks whether there are others.
inline constexpr std::array<std::string_view, 8> kResetStatements{
    "CLOSE ALL",
    "SET SESSION AUTHORIZATION DEFAULT",
    "RESET ALL",
    "UNLISTEN *",
    "SELECT pg_catalog.pg_advisory_unlock_all()",
    "DISCARD SEQUENCES",
    "DISCARD TEMP",
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql)"};

// One connection of libpq that never blocks: everything is done in steps, and between two of them the caller waits for
// the socket, in poll() or in an event loop. Failures are rowhouse::Errors. Not thread-safe but for cancel().
//
//   connect:  start(), then step_connect() until kNothing; the socket may be another one after each step
//   exchange: send(), then step() until kNothing, then take()
class PostgresWire {
 public:
  using NoticeHandler = std::function<void(const PostgresNotice&)>;
  using Results = std::vector<PostgresResult>;

  static std::unique_ptr<PostgresWire> start(const Url& url, const PostgresOptions& options);
  ~PostgresWire();
  PostgresWire(const PostgresWire&) = delete;
  PostgresWire& operator=(const PostgresWire&) = delete;

  Wait step_connect();
  [[noreturn]] void fail_to_connect_in_time() const;

  // Statements in one round trip, in one transaction unless they end it themselves. Copies what it sends.
  // `may_commit`: a loss of the connection before the answer leaves open what has happened.
  void send(std::span<const PostgresStatement> statements, bool may_commit);
  Wait step();
  // Of each statement its result; of one with a sink the last, which has no rows. Throws the first error; the
  // statements after it did not run.
  Results take();
  // True when the server did not know a prepared statement any more, or not in this form, and nothing of the exchange
  // counts: roll back and send it again.
  bool is_stale();
  // True once after a sink has thrown: the caller cancels, and goes on with the steps.
  bool wants_cancel() noexcept { return std::exchange(cancel_wanted_, false); }
  // The statement is being cancelled: nothing more need be sent to it.
  void stop_sending() noexcept {}
  // No answer is waited for any more: closes the connection and throws what take() throws for a lost one.
  [[noreturn]] void give_up() { give_up(may_commit_); }
  [[noreturn]] void give_up(bool may_commit);

  // Thread-safe and blocking: asks the server to stop the statement in progress. Nothing happens when there is none,
  // and none begins or ends until the server has taken the request: it never hits another statement. A server that is
  // about to read the statement, or the next message of it, forgets the request: ask again while there is no answer.
  void cancel() noexcept { canceller_->cancel(canceller_->use()); }
  // The same for any thread and any time, whether or not the connection or the statement is still there.
  std::function<void()> canceller() const;
  // Thread-safe: the statement in progress has been asked to stop.
  bool asked_to_cancel() const noexcept { return canceller_->asked(); }
  PostgresLine line();

  pg_conn* connection() const noexcept { return connection_; }
  int socket() const noexcept;
  // Bytes that came may be in the TLS library, where waiting for the socket misses them: step at times all the same.
  bool encrypted() const noexcept;
  bool idle() const noexcept;            // no transaction is open
  bool in_transaction() const noexcept;  // one is, failed or not
  bool alive() const noexcept;           // as far as is known
  bool usable() noexcept;                // looks at the socket, sends nothing
  void on_notice(NoticeHandler handler) { on_notice_ = std::move(handler); }

 private:
  friend class PostgresUse;
  void set_in_use(bool now);
  struct Slot {  // of what was sent, in order
    enum class Kind { kStatement, kPrepare, kOwn } kind;
    const PostgresSink* sink = nullptr;
    std::string_view sql{};  // of a statement that is prepared or uses what was prepared
    std::string name{};      // of a prepared statement
  };

  PostgresWire(Url url, const PostgresOptions& options);
  static void receive_notice(void* self, const pg_result* result) noexcept;
  bool send_one(const PostgresStatement& statement, const std::string& sql, const char* const* values);
  void enter_slot() noexcept;
  bool take_result(pg_result* result);
  void give_rows(const Slot& slot, PostgresResult rows) noexcept;
  void finish() noexcept;

  const Url url_;
  const PostgresOptions options_;
  pg_conn* connection_ = nullptr;
  StatementCache statements_;
  std::vector<std::string> deallocated_;  // names that the server may forget
  NoticeHandler on_notice_;
  std::shared_ptr<PostgresCanceller> canceller_ = std::make_shared<PostgresCanceller>();
  std::optional<PostgresLine> line_;

  // The exchange.
  std::vector<std::string> sqls_;
  std::vector<Slot> slots_;
  std::size_t position_ = 0;  // the slot whose results come
  std::size_t expected_ = 0;
  Results results_;
  std::shared_ptr<pg_result> error_;
  std::size_t error_slot_ = 0;
  std::exception_ptr sink_error_;
  bool cancel_wanted_ = false;
  bool may_commit_ = false;
  bool was_idle_ = false;
  bool unsent_ = false;
  bool finished_ = true;
  bool rows_given_ = false;
};

// Holds while statements run that do not go through send(), so that they can be cancelled.
class PostgresUse {
 public:
  explicit PostgresUse(PostgresWire& wire) : wire_(wire) { wire_.set_in_use(true); }
  ~PostgresUse() { wire_.set_in_use(false); }
  PostgresUse(const PostgresUse&) = delete;
  PostgresUse& operator=(const PostgresUse&) = delete;

 private:
  PostgresWire& wire_;
};

}  // namespace rowhouse::detail
