#include "bridge/row_key.hpp"

#include <nlohmann/json.hpp>

#include "bridge/cell.hpp"

namespace rowhouse::bridge {
namespace {

std::string key_value(const Cell& cell) {
  switch (cell.storage_class) {
    case StorageClass::integer:
      return std::to_string(cell.integer);
    case StorageClass::real:
      return nlohmann::json(cell.real).dump();
    case StorageClass::null:
      return "null";
    default: {
      // Bytes that are no text are shown with a replacement character each: a key is for people and for matching.
      const std::string bytes(cell.bytes);
      return nlohmann::json(bytes).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
  }
}

}  // namespace

std::vector<std::string> row_key_columns(const Table& table) {
  return table.rowid_name.empty() ? table.primary_key() : std::vector<std::string>{table.rowid_name};
}

std::string row_key(sqlite3_stmt* statement, int first, int count, bool by_rowid) {
  if (by_rowid) return std::to_string(sqlite3_column_int64(statement, first));
  Cell cell;
  std::string key = "[";
  for (int i = 0; i < count; ++i) {
    if (i > 0) key += ", ";
    key += read_cell(statement, first + i, cell) ? key_value(cell) : "null";
  }
  return key + "]";
}

}  // namespace rowhouse::bridge
