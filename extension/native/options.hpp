// The options of the foreign data wrapper: which there are, what they may hold, what they come to.
#pragma once

#include "pg_compat.hpp"

#include "bridge/types.hpp"

namespace rowhouse {

/// A foreign server, checked for use: its file, in the current memory context.
struct ServerFile {
  const char* name;  ///< the server's
  const char* path;
};

/// What a foreign table stands for. Plain memory of the current context.
struct ForeignTableSpec {
  const char* name;  ///< in PostgreSQL
  const char* path;
  const char* source_table;
  int columns;
  const char** source_columns;  ///< by attribute number - 1; null for a dropped column
  Oid* types;
  int32* modifiers;
};

/// Reads a server's options and makes sure that its owner may read server files. Reports errors.
ServerFile describe_server(Oid server);

/// Reads a foreign table's options and its server's. Reports errors.
ForeignTableSpec* describe_foreign_table(Oid relation);

/// Refuses databases in which text is not UTF-8: the bridge speaks nothing else. Reports 0A000.
void require_utf8(void);

/// The bridge's type for a column of the server's; false where the bridge has none.
bool bridge_type(Oid type, int32 modifier, bridge::PgType& found);

}  // namespace rowhouse
