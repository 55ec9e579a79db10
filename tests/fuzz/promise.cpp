#include "tests/fuzz/promise.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace rowhouse::fuzz {

using bridge::PgType;

void promise(bool kept, const char* what) {
  if (kept) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

void check_field(PgType type, std::string_view field) {
  switch (type) {
    case PgType::boolean:
      return promise(field.size() == 1 && static_cast<unsigned char>(field[0]) <= 1, "a boolean of one byte");
    case PgType::date:
      return promise(field.size() == 4, "a date of four bytes");
    case PgType::numeric:
      return promise(field.size() >= 8 && field.size() % 2 == 0, "whole digits of a numeric");
    case PgType::jsonb:
      return promise(!field.empty() && field[0] == 1, "jsonb of version 1");
    case PgType::text:  // whether it is UTF-8 the server judges
    case PgType::bytea:
      return;
    default:
      return promise(field.size() == 8, "a value of eight bytes");
  }
}

std::uint8_t Bytes::byte() {
  if (rest_.empty()) return 0;
  const char first = rest_.front();
  rest_.remove_prefix(1);
  return static_cast<std::uint8_t>(first);
}

std::uint64_t Bytes::number() {
  std::uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | byte();
  return number;
}

std::string_view Bytes::string(std::size_t bytes_max) {
  const std::size_t length = std::min({static_cast<std::size_t>(byte()), bytes_max, rest_.size()});
  const std::string_view string = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return string;
}

bridge::Cell read_cell(Bytes& input) {
  using bridge::StorageClass;
  bridge::Cell cell;
  cell.storage_class = static_cast<StorageClass>(input.byte() % 5);
  if (cell.storage_class == StorageClass::integer) cell.integer = static_cast<std::int64_t>(input.number());
  if (cell.storage_class == StorageClass::real) {
    const std::uint64_t bits = input.number();
    std::memcpy(&cell.real, &bits, sizeof bits);
    if (std::isnan(cell.real)) cell = {};  // as SQLite stores it
  }
  if (cell.storage_class == StorageClass::text || cell.storage_class == StorageClass::blob)
    cell.bytes = input.string(255);
  return cell;
}

}  // namespace rowhouse::fuzz
