#include "bridge/changes.hpp"

namespace rowhouse::bridge {
namespace {

void put_number(std::string& out, std::uint32_t number, int bytes) {
  while (bytes-- > 0) out += static_cast<char>(number >> (8 * bytes));
}

void put_stage_columns(std::string& out, std::size_t number, Change change) {
  put_number(out, 4, 4);
  put_number(out, static_cast<std::uint32_t>(number), 4);
  put_number(out, 1, 4);
  out += static_cast<char>(change);
}

}  // namespace

std::string encode_changes(const Chunk& chunk, std::size_t first, std::size_t last,
                           const std::vector<Change>& changes) {
  std::string out(kCopyHeader);
  const std::string_view bytes(chunk.bytes);
  for (std::size_t row = first; row < last; ++row) {
    if (chunk.refused[row] || changes[row] == Change::none) continue;
    put_number(out, static_cast<std::uint32_t>(chunk.columns.size() + 2), 2);
    const std::size_t begin = chunk.row_begin(row) + 2;
    out += bytes.substr(begin, chunk.row_ends[row] - begin);
    put_stage_columns(out, row, changes[row]);
  }
  return out += kCopyTrailer;
}

std::string encode_removals(std::string_view tenant, const std::vector<std::string>& keys, std::size_t key_columns) {
  std::string out(kCopyHeader);
  for (std::size_t row = 0; row < keys.size(); ++row) {
    put_number(out, static_cast<std::uint32_t>(1 + key_columns + 2), 2);
    put_number(out, static_cast<std::uint32_t>(tenant.size()), 4);
    out += tenant;
    out += keys[row];
    put_stage_columns(out, row, Change::remove);
  }
  return out += kCopyTrailer;
}

}  // namespace rowhouse::bridge
