#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/row_marks.hpp"
#include "postgres_connection.hpp"

namespace rowhouse::detail {

// Keys as the ledger's marks have them, by COPY in binary. `query` selects the columns of a key.
void read_keys(PostgresConnection& connection, const std::string& query,
               const std::function<void(std::string_view key)>& take);
// Into a table with an integer, the mark's place, before the `columns` of a key.
void send_keys(PostgresConnection& connection, const std::string& table, std::size_t columns,
               const std::vector<bridge::RowMark>& marks);

}  // namespace rowhouse::detail
