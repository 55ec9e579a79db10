#include "async/lease.hpp"

#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

std::size_t no_rows() { return 0; }
std::size_t rows_of(const Result& result) { return result.empty() ? result.affected_rows() : result.size(); }

template <class R>
asio::awaitable<R> watch_over(const DatabaseOptions& options, const ObservedDatabase& database, std::string_view sql,
                              std::string_view name, asio::awaitable<R> work) {
  const StatementWatch watch(options, database, sql, name);
  try {
    if constexpr (std::is_void_v<R>) {
      co_await std::move(work);
      watch.finished(no_rows());
    } else {
      R result = co_await std::move(work);
      watch.finished(rows_of(result));
      co_return result;
    }
  } catch (const Error& error) {
    watch.failed(error);
    throw;
  }
}

// watched() for coroutines.
template <class R>
asio::awaitable<R> watched(const DatabaseOptions& options, const ObservedDatabase& database, std::string_view sql,
                           std::string_view name, asio::awaitable<R> work) {
  if (!options.observer) return work;
  return watch_over(options, database, sql, name, std::move(work));
}

}  // namespace

AsyncLease::~AsyncLease() {
  const bool clean = abandoned_ == kNothing && state_.open_transaction() == 0 && !state_.touched;
  pool_->give_back(std::move(connection_), clean, state_.touched);
}

void AsyncLease::abandon(int depth) noexcept {
  const int before = abandoned_;
  if (before == kNothing || depth < before) abandoned_ = depth;
}

void AsyncLease::cancel() noexcept {
  const std::lock_guard lock(mutex_);
  in_progress_.request_stop();
}

asio::awaitable<void> AsyncLease::begin(const TransactionOptions& asked) {
  const LeaseState::Begin wanted = state_.prepare(asked);
  connection_->set_limits({wanted.limits.timeout, stop_});
  asio::awaitable<void> running = connection_->begin(wanted.options, wanted.identity);
  auto begun = watched(options(), pool_->observed(), "BEGIN", std::string_view(), std::move(running));
  co_await std::move(begun);
  state_.begun(wanted);
}

asio::awaitable<void> AsyncLease::commit() {
  connection_->set_limits(limits({}));
  state_.ended();  // whatever comes of it, the transaction is over
  std::exception_ptr error;
  try {
    asio::awaitable<void> running = connection_->commit();
    auto committed = watched(options(), pool_->observed(), "COMMIT", std::string_view(), std::move(running));
    co_await std::move(committed);
  } catch (...) {
    error = std::current_exception();
  }
  note_write();
  if (!error) co_return;
  co_await connection_->rollback();
  std::rethrow_exception(error);
}

asio::awaitable<void> AsyncLease::rollback() {
  connection_->set_limits({.timeout = state_.transaction_limits().timeout});  // whoever wants to stop wants this
  state_.ended();
  asio::awaitable<void> running = connection_->rollback();
  auto undone = watched(options(), pool_->observed(), "ROLLBACK", std::string_view(), std::move(running));
  co_await std::move(undone);
}

asio::awaitable<Result> AsyncLease::start(const Call& call) {
  if (state_.runs_alone()) return connection_->execute_alone(state_.identity(), call);
  return connection_->execute(call);
}

asio::awaitable<Result> AsyncLease::execute(const Question& question) {
  Call call;
  call.sql = question.sql;
  call.parameters = question.parameters;
  call.statement_timeout = question.options.statement_timeout;
  if (question.sink) call.sink = &question.sink;
  call.ours = question.ours;
  connection_->set_limits(limits(question.options));
  asio::awaitable<Result> running = start(call);
  auto answered = watched(options(), pool_->observed(), question.sql, question.name, std::move(running));
  // An error may leave open whether a statement alone has written.
  const std::unique_ptr<AsyncLease, void (*)(AsyncLease*)> at_end(this, [](AsyncLease* lease) {
    if (lease->open_transaction() == 0) lease->note_write();
  });
  co_return co_await std::move(answered);
}

asio::awaitable<void> AsyncLease::ask(Asked& asked, const Statement& statement) {
  connection_->set_limits(limits({}));
  asked.watch.start(options(), pool_->observed(), statement.sql);
  const Call call{.sql = statement.sql, .parameters = statement.parameters};
  asio::awaitable<std::shared_ptr<AskedRows>> asking = connection_->ask(call);
  asked.rows = co_await std::move(asking);
}

asio::awaitable<Result> AsyncLease::answer(Asked& asked) {
  connection_->set_limits(limits({}));
  try {
    asio::awaitable<Result> running = connection_->answer(*asked.rows);
    Result rows = co_await std::move(running);
    asked.watch.took(rows.size());
    co_return rows;
  } catch (const Error& error) {
    asked.watch.failed(error);
    throw;
  }
}

asio::awaitable<std::size_t> AsyncLease::for_each(const Question& asked) {
  std::size_t rows = 0;
  Question question = asked;
  question.sink = [&](const Row& row) {
    ++rows;
    asked.sink(row);
  };
  co_await execute(question);
  co_return rows;
}

asio::awaitable<std::size_t> AsyncLease::copy_in(const std::string& sql, const AsyncConnection::Fill& fill) {
  connection_->set_limits(limits({}));
  return connection_->copy_in(sql, fill);
}

asio::awaitable<std::size_t> AsyncLease::copy_out(const std::string& sql, const AsyncConnection::Take& take) {
  connection_->set_limits(limits({}));
  return connection_->copy_out(sql, take);
}

asio::awaitable<void> AsyncLease::savepoint(int depth) {
  connection_->set_limits(limits({}));
  co_await connection_->savepoint(savepoint_name(depth));
}

asio::awaitable<void> AsyncLease::end_savepoint(int depth, bool keep) {
  const std::string name = savepoint_name(depth);
  connection_->set_limits(limits({}));
  if (!keep) co_await connection_->rollback_to(name);
  co_await connection_->release(name);
}

}  // namespace rowhouse::detail
