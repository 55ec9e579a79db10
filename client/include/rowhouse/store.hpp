#pragma once

#include <string_view>

#include "rowhouse/database_manager.hpp"
#include "rowhouse/export.hpp"
#include "rowhouse/integrated_object.hpp"

namespace rowhouse {

/// What the integrated object of a ticket or article tells about itself in short: flags and counts of conversations,
/// attachments and inline images, each of them with its main properties, subject, status, priority and times, and
/// integration_timestamp (the object's own, else now). Empty values are left out.
ROWHOUSE_EXPORT Json create_metadata(const Json& object);

/// The row that an integrated object becomes. The original id is the object's `original_id`, else its `id`; the content
/// is its `integrated_text`. Throws 22023 when there is neither id, or `object` is no JSON object.
ROWHOUSE_EXPORT IntegratedObjectData to_integrated_object(const Json& object, std::string_view company_id,
                                                          std::string_view platform = kDefaultPlatform);

/// Stores an object collected from a helpdesk for the company: creates it, or replaces what was stored before under the
/// same platform, type and original id. Throws Error when it is not stored.
ROWHOUSE_EXPORT IntegratedObject store_integrated_object(DatabaseManager manager, const Json& object,
                                                         std::string_view company_id,
                                                         std::string_view platform = kDefaultPlatform);
/// The same, to the database that the process's environment names for the company; connects each time.
ROWHOUSE_EXPORT IntegratedObject store_integrated_object(const Json& object, std::string_view company_id,
                                                         std::string_view platform = kDefaultPlatform);

}  // namespace rowhouse
