#include "rowhouse/row.hpp"

#include <charconv>

#include "bridge/timestamp.hpp"
#include "connection.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse {
namespace {

using detail::Cell;

constexpr auto kEpochOfPostgres = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);

// The whole of the text as a number, or nothing.
template <class T>
std::optional<T> number_in(std::string_view text) {
  T number{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

template <class T>
std::string text_of(T number) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  return std::string(buffer.data(), end);
}

int hex_digit(char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

}  // namespace

std::string_view Field::name() const { return data_->column_name(column_); }
bool Field::is_null() const { return data_->cell(row_, column_).kind == Cell::Kind::kNull; }

void Field::fail(std::string_view type) const {
  if (is_null()) {
    throw_error("22004", "column \"" + std::string(name()) + "\" is NULL", {.hint = "Read it as std::optional."});
  }
  throw_error("42804", "column \"" + std::string(name()) + "\" cannot be read as " + std::string(type));
}

bool Field::to_bool() const {
  const Cell cell = data_->cell(row_, column_);
  if (cell.kind == Cell::Kind::kInteger && (cell.integer == 0 || cell.integer == 1)) return cell.integer == 1;
  if (cell.kind == Cell::Kind::kText && (cell.bytes == "t" || cell.bytes == "true" || cell.bytes == "1")) return true;
  if (cell.kind == Cell::Kind::kText && (cell.bytes == "f" || cell.bytes == "false" || cell.bytes == "0")) return false;
  fail("a boolean");
}

std::int64_t Field::to_integer() const {
  const Cell cell = data_->cell(row_, column_);
  if (cell.kind == Cell::Kind::kInteger) return cell.integer;
  if (cell.kind == Cell::Kind::kText) {
    if (const auto number = number_in<std::int64_t>(cell.bytes)) return *number;
  }
  fail("an integer");
}

double Field::to_double() const {
  const Cell cell = data_->cell(row_, column_);
  if (cell.kind == Cell::Kind::kReal) return cell.real;
  if (cell.kind == Cell::Kind::kInteger) return static_cast<double>(cell.integer);
  if (cell.kind == Cell::Kind::kText) {
    if (const auto number = number_in<double>(cell.bytes)) return *number;
  }
  fail("a number");
}

std::string Field::to_text() const {
  const Cell cell = data_->cell(row_, column_);
  switch (cell.kind) {
    case Cell::Kind::kText:
      return std::string(cell.bytes);
    case Cell::Kind::kInteger:
      return text_of(cell.integer);
    case Cell::Kind::kReal:
      return text_of(cell.real);
    default:
      fail("text");
  }
}

Bytes Field::to_bytes() const {
  const Cell cell = data_->cell(row_, column_);
  const auto* begin = reinterpret_cast<const std::byte*>(cell.bytes.data());
  if (cell.kind == Cell::Kind::kBlob) return Bytes(begin, begin + cell.bytes.size());
  const std::string_view text = cell.bytes;  // PostgreSQL's hex form
  const bool hex = cell.kind == Cell::Kind::kText && text.starts_with("\\x") && text.size() % 2 == 0 &&
                   text.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string_view::npos;
  if (!hex) fail("bytes");
  Bytes bytes;
  bytes.reserve(text.size() / 2 - 1);
  for (std::size_t i = 2; i < text.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(hex_digit(text[i]) * 16 + hex_digit(text[i + 1])));
  }
  return bytes;
}

Json Field::to_json() const {
  const Cell cell = data_->cell(row_, column_);
  if (cell.kind != Cell::Kind::kText) fail("JSON");
  Json json = Json::parse(cell.bytes, nullptr, false);
  if (json.is_discarded()) fail("JSON");
  return json;
}

Timestamp Field::to_timestamp() const {
  const Cell cell = data_->cell(row_, column_);
  bridge::ParsedTime time;
  if (cell.kind != Cell::Kind::kText || !bridge::parse_time(cell.bytes, time)) fail("a timestamp");
  return kEpochOfPostgres + std::chrono::microseconds(time.microseconds);
}

std::size_t Row::size() const noexcept { return data_->columns(); }

Field Row::operator[](std::size_t column) const {
  if (column >= size()) throw_error("42703", "the result has no column number " + std::to_string(column));
  return Field(*data_, row_, column);
}

Field Row::operator[](std::string_view column) const {
  for (std::size_t i = 0; i < size(); ++i) {
    if (data_->column_name(i) == column) return Field(*data_, row_, i);
  }
  throw_error("42703", "the result has no column \"" + std::string(column) + '"');
}

std::size_t Result::size() const noexcept { return data_->rows(); }
std::size_t Result::columns() const noexcept { return data_->columns(); }
std::size_t Result::affected_rows() const noexcept { return data_->affected_rows(); }

std::string_view Result::column_name(std::size_t column) const {
  if (column >= columns()) throw_error("42703", "the result has no column number " + std::to_string(column));
  return data_->column_name(column);
}

Row Result::operator[](std::size_t row) const {
  if (row >= size()) throw_error("P0002", "the result has no row number " + std::to_string(row));
  return Row(*data_, row);
}

Row Result::one() const {
  if (empty()) throw_error("P0002", "the statement returned no row, expected one");
  if (size() > 1) throw_error("P0003", "the statement returned " + std::to_string(size()) + " rows, expected one");
  return Row(*data_, 0);
}

}  // namespace rowhouse
