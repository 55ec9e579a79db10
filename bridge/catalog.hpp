// What a SQLite file says it holds: tables with columns, keys and indexes, and what is passed over.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bridge/source.hpp"

namespace rowhouse::bridge {

struct Column {
  std::string name;
  std::string declared_type;  ///< as written in the schema; may be empty
  std::string default_sql;    ///< the DEFAULT expression as written; empty when there is none
  bool not_null = false;
  bool generated = false;        ///< its value is computed by SQLite and read like any other
  std::string generated_sql;     ///< the expression, as written
  std::string collation;         ///< as declared; empty for BINARY
  int primary_key_position = 0;  ///< 1 for the first column of the primary key, 0 outside it

  bool operator==(const Column&) const = default;
};

struct IndexTerm {
  std::string column;      ///< empty for an expression
  std::string expression;  ///< as written
  std::string collation;   ///< empty for BINARY
  bool descending = false;

  bool operator==(const IndexTerm&) const = default;
};

struct Index {
  std::string name;
  std::vector<IndexTerm> terms;
  std::vector<std::string> columns;  ///< the terms' columns; empty where one is an expression
  std::string where_sql;             ///< of a partial index, as written
  std::string sql;                   ///< CREATE INDEX as written; empty for the index of a key
  bool unique = false;
  bool partial = false;
  bool primary_key = false;

  bool operator==(const Index&) const = default;
};

struct ForeignKey {
  std::vector<std::string> columns;
  std::string referenced_table;
  std::vector<std::string> referenced_columns;  ///< empty: the primary key of the referenced table
  std::string on_delete;
  std::string on_update;

  bool operator==(const ForeignKey&) const = default;
};

struct Table {
  std::string name;
  std::string sql;  ///< CREATE TABLE as written
  std::vector<Column> columns;
  std::vector<Index> indexes;
  std::vector<ForeignKey> foreign_keys;
  std::vector<std::string> checks;  ///< CHECK expressions of columns and table, as written
  bool autoincrement = false;
  bool without_rowid = false;
  bool is_virtual = false;    ///< rows come from a module of SQLite, such as a full-text index
  std::string rowid_name;     ///< in rows_sql(), a name that reaches the rowid; empty where there is none
  bool rowid_hidden = false;  ///< columns bear all its names: rows are numbered in its order instead
  std::string rowid_alias;    ///< the INTEGER PRIMARY KEY column, if any

  /// Names of the primary key's columns in key order.
  std::vector<std::string> primary_key() const;
  /// What to select rows FROM: the table's own b-tree, never an index, which may lack rows.
  std::string rows_sql() const;
  /// By name, as SQLite compares names: without regard to the case of ASCII letters.
  const Column* find(const std::string& column_name) const;

  bool operator==(const Table&) const = default;
};

/// An object that holds no rows of its own, or whose rows can't be read, and why.
struct PassedOver {
  std::string name;
  std::string kind;  ///< view, trigger, virtual table, shadow table, table
  std::string reason;
};

struct View {
  std::string name;
  std::string sql;  ///< CREATE VIEW as written
};

struct Catalog {
  std::vector<Table> tables;  ///< ordinary tables in name order; virtual tables that can be read count as tables
  /// By table, the highest id that AUTOINCREMENT has used up.
  std::map<std::string, std::int64_t> sequences;
  std::vector<View> views;    ///< never run
  std::vector<PassedOver> passed_over;
  bool utf8 = true;  ///< the encoding of text in the file; UTF-16 files are read through SQLite's conversion
};

Result<Catalog> read_catalog(const Source& source);

/// `name` as a SQL identifier of SQLite: in double quotes, quotes doubled.
std::string quote_sqlite(const std::string& name);
/// `text` as a string literal of SQLite.
std::string quote_sqlite_literal(const std::string& text);

}  // namespace rowhouse::bridge
