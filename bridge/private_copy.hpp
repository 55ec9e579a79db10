// A copy of a SQLite database with its journal or WAL, taken so that it shows one committed moment.
#pragma once

#include <string>

#include "bridge/source.hpp"

namespace rowhouse::bridge {

inline constexpr const char* kCopyName = "/copy.db";

/// Copies the database at `path` with its -wal and -journal into a new folder (mode 0700), named in `folder` even on
/// failure so that the caller removes it. Writers are held off by SQLite's own shared locks for the time of the copy;
/// nothing is written to the source. A lock that does not come within options.busy_timeout is 55P03; a file that is not
/// `pinned`'s, or is written all the time by someone who takes no locks, 55006.
Status copy_database(const std::string& path, PinnedFile& pinned, const SourceOptions& options, std::string& folder);

/// Removes a folder made by copy_database.
void remove_copy(const std::string& folder) noexcept;

}  // namespace rowhouse::bridge
