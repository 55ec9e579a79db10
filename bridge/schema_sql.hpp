// What only the text of a schema says, and no pragma: checks, collations, expressions of indexes and columns.
#pragma once

#include <string>
#include <string_view>

#include "bridge/catalog.hpp"

namespace rowhouse::bridge {

/// Reads CREATE TABLE into table.checks, table.autoincrement, and the columns' collation and generated_sql.
void read_table_sql(std::string_view sql, Table& table);
/// Reads CREATE INDEX into the expressions of index.terms and into index.where_sql.
void read_index_sql(std::string_view sql, Index& index);
/// Whether CREATE VIRTUAL TABLE makes a full-text index that keeps no text: every value reads as NULL.
bool keeps_no_content(std::string_view sql);

}  // namespace rowhouse::bridge
