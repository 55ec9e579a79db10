#include "migration/key_copy.hpp"

#include "bridge/big_endian.hpp"
#include "send_buffer.hpp"

namespace rowhouse::detail {

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
  SendBuffer stream{std::string(bridge::kCopyHeader)};
  for (std::size_t place = 0; place < marks.size(); ++place) {
    bridge::put_big_endian(stream.bytes, columns + 1, 2);
    bridge::put_big_endian(stream.bytes, 4, 4);
    bridge::put_big_endian(stream.bytes, place, 4);
    stream.bytes += marks[place].key;
  }
  stream.bytes += bridge::kCopyTrailer;
  connection.copy_in("COPY " + table + " FROM STDIN (FORMAT binary)",
                     [&](std::span<char> buffer) { return stream.move_to(buffer); });
}

}  // namespace rowhouse::detail
