#include "row_stream.hpp"

#include <array>
#include <memory>
#include <utility>

namespace rowhouse::detail {
namespace {

// Results of one statement, one behind the other: all but the last have the same number of rows.
class Portion final : public ResultData {
 public:
  explicit Portion(std::vector<PostgresResult> parts) : parts_(std::move(parts)) {
    if (parts_.empty()) return;
    each_ = parts_.front().rows();
    rows_ = each_ * (parts_.size() - 1) + parts_.back().rows();
  }
  std::size_t rows() const noexcept override { return rows_; }
  std::size_t columns() const noexcept override { return parts_.empty() ? 0 : parts_.front().columns(); }
  std::string_view column_name(std::size_t column) const override { return parts_.front().column_name(column); }
  std::size_t affected_rows() const noexcept override { return 0; }
  Cell cell(std::size_t row, std::size_t column) const override {
    const auto value = parts_[row / each_].value(row % each_, column);
    if (!value) return {};
    return Cell{.kind = Cell::Kind::kText, .bytes = *value};
  }

 private:
  const std::vector<PostgresResult> parts_;
  std::size_t each_ = 1;
  std::size_t rows_ = 0;
};

}  // namespace

RowStream::RowStream(PostgresWire& wire, const Call& call) : wire_(wire) {
  PostgresCall outgoing;
  outgoing.statement(call, true);
  const PostgresStatement& asked = outgoing.statements()[outgoing.wanted()];
  const std::array statements{PostgresStatement{asked.sql, asked.parameters, &keep_}};
  wire_.send(statements, false);
}

Result RowStream::take() {
  if (rows_.empty() && error_) std::rethrow_exception(std::exchange(error_, nullptr));
  return Result(std::make_shared<Portion>(std::exchange(rows_, {})));
}

void RowStream::fail(std::exception_ptr error) noexcept {
  in_flight_ = false;
  error_ = std::move(error);
}

Wait RowStream::step() {
  const Wait wait = wire_.step();
  if (wait != Wait::kNothing) return all_ || rows_.empty() ? wait : Wait::kNothing;
  in_flight_ = false;
  wire_.is_stale();  // within a transaction nothing can be sent again, but the next one shall not meet the same
  try {
    wire_.take();
  } catch (...) {
    error_ = std::current_exception();
  }
  return wait;
}

}  // namespace rowhouse::detail
