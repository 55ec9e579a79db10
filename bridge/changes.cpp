#include "bridge/changes.hpp"

#include "bridge/big_endian.hpp"

namespace rowhouse::bridge {
namespace {

void put_stage_columns(std::string& out, std::size_t number, Change change) {
  put_big_endian(out, 4, 4);
  put_big_endian(out, number, 4);
  put_big_endian(out, 1, 4);
  out += static_cast<char>(change);
}

}  // namespace

std::string encode_changes(const Chunk& chunk, std::size_t first, std::size_t last,
                           const std::vector<Change>& changes) {
  std::string out(kCopyHeader);
  const std::string_view bytes(chunk.bytes);
  for (std::size_t row = first; row < last; ++row) {
    if (chunk.refused[row] || changes[row] == Change::none) continue;
    put_big_endian(out, chunk.columns.size() + 2, 2);
    const std::size_t begin = chunk.row_begin(row) + 2;
    out += bytes.substr(begin, chunk.row_ends[row] - begin);
    put_stage_columns(out, row, changes[row]);
  }
  return out += kCopyTrailer;
}

std::string encode_removals(std::string_view tenant, const std::vector<std::string>& keys, std::size_t key_columns) {
  std::string out(kCopyHeader);
  for (std::size_t row = 0; row < keys.size(); ++row) {
    put_big_endian(out, 1 + key_columns + 2, 2);
    put_big_endian(out, tenant.size(), 4);
    out += tenant;
    out += keys[row];
    put_stage_columns(out, row, Change::remove);
  }
  return out += kCopyTrailer;
}

}  // namespace rowhouse::bridge
