// The helpdesk's own table, integrated_objects, in both generations of its files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bridge/catalog.hpp"
#include "bridge/types.hpp"

namespace rowhouse::bridge {

inline constexpr const char* kIntegratedObjects = "integrated_objects";
/// What a row without a platform is taken for: the service wrote no other when it left the column out.
inline constexpr const char* kDefaultPlatform = "freshdesk";

struct HelpdeskColumn {
  const char* name;
  PgType type;
};

/// Whether the table is the helpdesk's, judged by its name and columns, not by the file's name. Files of the first
/// generation name the tenant company_id, those of the second tenant_id.
bool is_integrated_objects(const Table& table);

/// The column of rowhouse's integrated_objects that a source column feeds, or null for a column it does not have.
const HelpdeskColumn* helpdesk_column(const std::string& source_name);

/// Whether the column is part of what tells an object from others of its tenant.
bool is_object_key(const std::string& column);

/// Rowids, ascending, of rows that a later update of the same object (platform, object_type, original_id) supersedes.
/// Unique keys do not bite where the platform is NULL, so a file may hold an object more than once.
Result<std::vector<std::int64_t>> superseded_rows(const Source& source, const Table& table);

}  // namespace rowhouse::bridge
