// What may name a tenant. The same rule stands in SQL as rowhouse.check_tenant_id; a test compares the two.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bridge/status.hpp"

namespace rowhouse::bridge {

inline constexpr std::size_t kTenantIdMaxBytes = 128;

/// Ok, or 22023 with a sentence that names what is wrong. The id itself is not repeated in the message.
Status check_tenant_id(std::string_view id);

/// The tenant that `file_name` (no folder) names by `pattern`, which holds `{tenant}` once, as in
/// `{tenant}_freshdesk_data.db`; nothing when the name does not fit.
std::optional<std::string> tenant_from_file_name(std::string_view file_name, std::string_view pattern);

}  // namespace rowhouse::bridge
