#pragma once

#include <asio/awaitable.hpp>
#include <string_view>

#include "rowhouse/async/database_manager.hpp"
#include "rowhouse/export.hpp"
#include "rowhouse/store.hpp"

namespace rowhouse::async {

using rowhouse::create_metadata;
using rowhouse::to_integrated_object;

/// As rowhouse::store_integrated_object(). Throws at once what is wrong with the object.
ROWHOUSE_EXPORT asio::awaitable<IntegratedObject> store_integrated_object(DatabaseManager manager, const Json& object,
                                                                          std::string_view company_id,
                                                                          std::string_view platform = kDefaultPlatform);
/// The same, to the database that the process's environment names for the company; connects each time, where the
/// coroutine runs.
ROWHOUSE_EXPORT asio::awaitable<IntegratedObject> store_integrated_object(const Json& object,
                                                                          std::string_view company_id,
                                                                          std::string_view platform = kDefaultPlatform);

}  // namespace rowhouse::async
