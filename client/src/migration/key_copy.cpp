#include "migration/key_copy.hpp"

#include <algorithm>

namespace rowhouse::detail {
namespace {

void put_number(std::string& out, std::size_t number, int bytes) {
  while (bytes-- > 0) out += static_cast<char>(number >> (8 * bytes));
}

}  // namespace

void read_keys(PostgresConnection& connection, const std::string& query,
               const std::function<void(std::string_view key)>& take) {
  connection.copy_out("COPY (" + query + ") TO STDOUT (FORMAT binary)", [&](std::string_view row) {
    if (row.starts_with(bridge::kCopyHeader)) row.remove_prefix(bridge::kCopyHeader.size());
    // The count of fields, which is all that the trailer has, then the fields.
    if (row.size() > 2) take(row.substr(2));
  });
}

void send_keys(PostgresConnection& connection, const std::string& table, std::size_t columns,
               const std::vector<bridge::RowMark>& marks) {
  std::string stream(bridge::kCopyHeader);
  for (std::size_t place = 0; place < marks.size(); ++place) {
    put_number(stream, columns + 1, 2);
    put_number(stream, 4, 4);
    put_number(stream, place, 4);
    stream += marks[place].key;
  }
  stream += bridge::kCopyTrailer;
  std::size_t sent = 0;
  connection.copy_in("COPY " + table + " FROM STDIN (FORMAT binary)", [&](std::span<char> buffer) {
    const std::size_t size = stream.copy(buffer.data(), buffer.size(), sent);
    sent += size;
    return size;
  });
}

}  // namespace rowhouse::detail
