#include "bridge/chunk_loader.hpp"

#include <algorithm>
#include <vector>

namespace rowhouse::bridge {
namespace {

struct Range {
  std::size_t first, last;
};

const char* storage_class_of(PgType type) {
  switch (type) {
    case PgType::text:
    case PgType::jsonb:
      return "text";
    case PgType::bytea:
      return "blob";
    default:
      return "";
  }
}

void set_aside(Chunk& chunk, std::size_t row, std::size_t column, std::string sqlstate, std::string reason) {
  Reject reject{chunk.keys[row], "", "", "", std::move(sqlstate), std::move(reason)};
  if (column < chunk.columns.size()) {
    const CopyColumn& at = chunk.columns[column];
    std::string_view bytes = chunk.field(row, column);
    if (at.type == PgType::jsonb && !bytes.empty()) bytes.remove_prefix(1);
    reject.column = at.source_name;
    reject.storage_class = storage_class_of(at.type);
    if (*storage_class_of(at.type)) reject.value = bytes.substr(0, kRejectValueMax);
  }
  chunk.rejects.push_back(std::move(reject));
  chunk.refused[row] = true;
}

std::size_t column_index(const Chunk& chunk, const std::string& name) {
  const auto at = std::find_if(chunk.columns.begin(), chunk.columns.end(),
                               [&](const CopyColumn& column) { return column.name == name; });
  return static_cast<std::size_t>(at - chunk.columns.begin());
}

// What the server is sure to refuse in a value: the encoder leaves text and JSON to it.
Refusal check_field(const Chunk& chunk, std::size_t row, std::size_t column) {
  const PgType type = chunk.columns[column].type;
  if (type != PgType::text && type != PgType::jsonb) return {};
  const std::string_view field = chunk.field(row, column);
  if (field.data() == nullptr) return {};
  return type == PgType::jsonb ? check_json(field.substr(1)) : check_text(field);
}

// The runs of rows in a range that are not refused, last first.
std::vector<Range> runs_of(const Chunk& chunk, Range range) {
  std::vector<Range> runs;
  std::size_t start = range.first;
  for (std::size_t row = range.first; row < range.last; ++row) {
    if (!chunk.refused[row]) continue;
    if (start < row) runs.push_back({start, row});
    start = row + 1;
  }
  if (start < range.last) runs.push_back({start, range.last});
  std::reverse(runs.begin(), runs.end());
  return runs;
}

void screen_rows(Chunk& chunk, Range range) {
  for (std::size_t row = range.first; row < range.last; ++row) {
    for (std::size_t column = 0; column < chunk.columns.size() && !chunk.refused[row]; ++column) {
      if (const Refusal refusal = check_field(chunk, row, column))
        set_aside(chunk, row, column, refusal.sqlstate, refusal.reason);
    }
  }
}

}  // namespace

bool is_data_refusal(std::string_view sqlstate) {
  const std::string_view state_class = sqlstate.substr(0, 2);
  return state_class == "22" || state_class == "23" || state_class == "54";
}

void screen_chunk(Chunk& chunk) { screen_rows(chunk, {0, chunk.rows()}); }

std::size_t load_chunk(Chunk& chunk, const TryCopy& try_copy) {
  chunk.refused.resize(chunk.rows());
  std::size_t loaded = 0;
  bool screened = false;
  bool misled = false;                 // a row that the server named was none: its lines are believed no more
  std::optional<std::size_t> suspect;  // the last row that it named
  // A stack: the next rows are at its end.
  std::vector<Range> todo = runs_of(chunk, {0, chunk.rows()});
  while (!todo.empty()) {
    const Range range = todo.back();
    todo.pop_back();
    const std::optional<CopyRefusal> refusal = try_copy(range.first, range.last);
    if (!refusal) {
      loaded += range.last - range.first;
      misled |= suspect && *suspect == range.first && range.last - range.first == 1;
      continue;
    }
    if (!screened) {
      screened = true;
      screen_rows(chunk, range);
      const std::vector<Range> runs = runs_of(chunk, range);
      if (runs.size() != 1 || runs[0].last - runs[0].first != range.last - range.first) {
        todo.insert(todo.end(), runs.begin(), runs.end());
        continue;
      }
    }
    const std::size_t rows = range.last - range.first;
    if (rows == 1) {
      set_aside(chunk, range.first, column_index(chunk, refusal->column), refusal->sqlstate, refusal->message);
      continue;
    }
    // The row that the server named is tried alone; where it named none, halves are.
    const bool named = !misled && refusal->line >= 1 && static_cast<std::size_t>(refusal->line) <= rows;
    const std::size_t from = named ? range.first + static_cast<std::size_t>(refusal->line) - 1 : range.first + rows / 2;
    const std::size_t to = named ? from + 1 : from;
    if (to < range.last) todo.push_back({to, range.last});
    if (from < to) todo.push_back({from, to});
    if (named) suspect = from;
    if (range.first < from) todo.push_back({range.first, from});
  }
  return loaded;
}

}  // namespace rowhouse::bridge
