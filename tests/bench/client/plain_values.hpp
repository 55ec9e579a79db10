// What everybody who does without the library writes for himself: values from and to text, and the statements.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rowhouse/row.hpp"

namespace bench {

using rowhouse::Json;
using rowhouse::Timestamp;

Timestamp now();
// YYYY-MM-DD HH:MM:SS, with or without a fraction; throws std::runtime_error for anything else.
Timestamp parse_time(std::string_view text);
std::string time_text(Timestamp time);  // the same, in UTC

// PostgreSQL's statements.
namespace sql {

inline const std::string kColumns =
    "id, original_id, company_id, platform, object_type, original_data, integrated_content, summary, metadata, "
    "created_at AT TIME ZONE 'UTC', updated_at AT TIME ZONE 'UTC'";
inline const std::string kWritten =
    "company_id, original_id, platform, object_type, original_data, integrated_content, summary, metadata, created_at, "
    "updated_at";
inline const std::string kSetTenant = "SELECT rowhouse.set_tenant($1)";
inline const std::string kInsert =
    "INSERT INTO integrated_objects AS t (" + kWritten + ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
inline const std::string kCreate = kInsert + " RETURNING " + kColumns;
inline const std::string kGetAll =
    "SELECT " + kColumns + " FROM integrated_objects WHERE company_id = $1 ORDER BY created_at DESC, id";
inline const std::string kUpdateSummary =
    "UPDATE integrated_objects SET summary = $1, updated_at = $2 WHERE company_id = $3 AND id = $4";
inline const std::string kForEach = "SELECT " + kColumns + " FROM integrated_objects WHERE company_id = $1 ORDER BY id";
inline const std::string kOnConflict =
    " ON CONFLICT (company_id, platform, object_type, original_id) DO UPDATE SET original_data = "
    "excluded.original_data, "
    "integrated_content = excluded.integrated_content, summary = coalesce(excluded.summary, t.summary), "
    "metadata = excluded.metadata, updated_at = excluded.updated_at";
inline const std::string kMakeStage =
    "CREATE TEMPORARY TABLE stage (original_id text, platform text, object_type text, original_data jsonb, "
    "integrated_content text, summary text, metadata jsonb, created_at timestamptz, updated_at timestamptz) "
    "ON COMMIT DROP";
inline const std::string kMergeStage =
    "INSERT INTO integrated_objects AS t (" + kWritten + ") SELECT $1::text, s.* FROM stage AS s" + kOnConflict;

}  // namespace sql
}  // namespace bench
