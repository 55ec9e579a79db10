#include "lease.hpp"

#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

constexpr auto kNoRows = [](auto) { return std::size_t{0}; };

}  // namespace

void Lease::begin(const TransactionOptions& asked) {
  const LeaseState::Begin wanted = state_.prepare(asked);
  connection_->set_limits(wanted.limits);
  watched(
      options(), pool_->observed(), "BEGIN", {}, [&] { return connection_->begin(wanted.options, wanted.identity), 0; },
      kNoRows);
  state_.begun(wanted);
}

void Lease::commit() {
  state_.ended();  // whatever comes of it, the transaction is over
  connection_->set_limits(state_.transaction_limits());
  try {
    watched(
        options(), pool_->observed(), "COMMIT", {}, [&] { return connection_->commit(), 0; }, kNoRows);
  } catch (...) {
    note_write();
    connection_->rollback();
    throw;
  }
  note_write();
}

void Lease::rollback() {
  state_.ended();
  watched(
      options(), pool_->observed(), "ROLLBACK", {}, [&] { return connection_->rollback(), 0; }, kNoRows);
}

Result Lease::run(Call call, const CallOptions& options) {
  call.statement_timeout = options.statement_timeout;
  connection_->set_limits(state_.limits(options));
  // An error may leave open whether a statement alone has written.
  const std::unique_ptr<Lease, void (*)(Lease*)> at_end(this, [](Lease* lease) {
    if (lease->open_transaction() == 0) lease->note_write();
  });
  return watched(
      this->options(), pool_->observed(), call.sql, options.name,
      [&] {
        return state_.runs_alone() ? connection_->execute_alone(state_.identity(), call) : connection_->execute(call);
      },
      [](const Result& result) { return result.empty() ? result.affected_rows() : result.size(); });
}

void Lease::ask(Asked& asked, const Statement& statement) {
  connection_->set_limits(state_.limits({}));
  asked.watch.start(options(), pool_->observed(), statement.sql);
  asked.rows = connection_->ask({statement.sql, statement.parameters});
}

Result Lease::answer(Asked& asked) {
  connection_->set_limits(state_.limits({}));
  try {
    Result rows = connection_->answer(*asked.rows);
    asked.watch.took(rows.size());
    return rows;
  } catch (const Error& error) {
    asked.watch.failed(error);
    throw;
  }
}

std::size_t Lease::for_each(std::string_view sql, std::span<const Value> parameters, const RowSink& take,
                            const CallOptions& options) {
  std::size_t rows = 0;
  const RowSink counting = [&](const Row& row) {
    ++rows;
    take(row);
  };
  run({.sql = sql, .parameters = parameters, .sink = &counting}, options);
  return rows;
}

}  // namespace rowhouse::detail
