#pragma once

#include "migration/source_files.hpp"

namespace rowhouse::detail {

// The types that the user chooses. To be called before any file is read, too: throws 22023 for a type that there is not, or two for one column.
std::vector<bridge::TypeChoice> chosen_types(const MigrationOptions& options);

// Whether a table of a file is to be passed over.
bool is_excluded(const MigrationOptions& options, const std::string& table);

// Throws 22023 for a choice that names a table or column which is in none of the files, and for an exclusion that fits no
// table. To be called where every file was read.
void require_used(const std::vector<ProfiledFile>& files, const MigrationOptions& options);

}  // namespace rowhouse::detail
