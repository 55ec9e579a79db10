// Gets a chunk into a table although some of its rows are refused: send all, and search only when the server objects.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "bridge/copy_encoder.hpp"

namespace rowhouse::bridge {

/// Whether an error is the fault of the rows: a data exception (class 22), a broken constraint (23), or a limit (54)
/// such as a value too long for an index or JSON too deep.
bool is_data_refusal(std::string_view sqlstate);

/// Why the server refused a COPY for the sake of its data.
struct CopyRefusal {
  std::string sqlstate;
  std::string message;
  std::string column;     ///< empty when the server named none
  std::int64_t line = 0;  ///< the row of the stream that it names, from 1; 0 when it named none
};

/// Tries to copy rows [first, last) in a savepoint of its own: nothing when they are in, else the refusal and nothing
/// of them is in. Errors that are not the data's fault leave by exception.
using TryCopy = std::function<std::optional<CopyRefusal>(std::size_t first, std::size_t last)>;

/// Sets aside the rows whose text or JSON the server is sure to refuse.
void screen_chunk(Chunk& chunk);

/// Loads what can be loaded of the rows that are not refused yet; each refused row goes to chunk.rejects. Returns the number of rows that are in.
std::size_t load_chunk(Chunk& chunk, const TryCopy& try_copy);

}  // namespace rowhouse::bridge
