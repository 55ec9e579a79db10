// An attempt that may fail for the data's sake and then leaves no trace.
#pragma once

#include "pg_compat.hpp"

#include <functional>
#include <optional>

#include "bridge/chunk_loader.hpp"

namespace rowhouse {

/// Runs `body` in a subtransaction and a memory context of its own. Nothing when it is done and kept. A refusal,
/// returned by `body` or made from a report of the server that is about data, means that it is undone. Anything else
/// thrown is passed on, after it is undone as well.
std::optional<bridge::CopyRefusal> try_subtransaction(const std::function<std::optional<bridge::CopyRefusal>()>& body);

}  // namespace rowhouse
