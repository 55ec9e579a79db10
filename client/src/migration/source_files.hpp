#pragma once

#include <functional>
#include <memory>

#include "bridge/plan.hpp"
#include "bridge/source.hpp"
#include "rowhouse/migration.hpp"

namespace rowhouse::detail {

// An error of the SQLite file, not of PostgreSQL.
class SourceError : public Error {
 public:
  using Error::Error;
  bool may_pass = false;  // the same may go well when the whole file is read again
};

// Throws the Status as a SourceError.
[[noreturn]] void throw_status(const bridge::Status& status);
FileFailure failure_of(const MigrationSource& source, const Error& error);

// True for errors that end the whole run: the server is gone, or the caller wants to stop. Others concern one file.
bool ends_the_run(const Error& error);

std::unique_ptr<bridge::Source> open_source(const MigrationSource& source, const MigrationOptions& options);
// Throws when the file was changed since it was opened by someone who takes no locks. To be called when the last row is
// read, before anything of it is kept.
void require_unchanged(const bridge::Source& file);
// Opens the file for `read`; where a failed read, damage or a change under it ends that, once more from the start: one
// failure is no proof. `read` begins anew by itself. Where a check of the file is wanted, what it got counts only when
// this returns.
void read_whole(const MigrationSource& source, const MigrationOptions& options,
                const std::function<void(const bridge::Source&)>& read,
                const std::function<bool(const bridge::Source&)>& wants_check = {});
// Whether the copy may check a file that is new: nothing but names was read of it until then.
bool may_be_checked_later(const bridge::Source& file, const MigrationOptions& options);
bridge::FileProfile profile_source(const bridge::Source& file, const MigrationSource& source,
                                   const MigrationOptions& options, bool examine_text);

// A file with what a full read of it found.
struct ProfiledFile {
  MigrationSource source;
  bridge::FileProfile profile;
  bool is_new = false;     // to the ledger
  bool is_checked = true;  // or its copy has to check it, before anything is committed
};

// Profiles every file; those that fail go to `failures`.
std::vector<ProfiledFile> profile_sources(const std::vector<MigrationSource>& sources, const MigrationOptions& options,
                                          bool examine_text, std::vector<FileFailure>& failures);
// `target` is what is in the database already; empty where none is looked at.
bridge::Plan plan_files(const std::vector<ProfiledFile>& files, const MigrationOptions& options,
                        const bridge::TargetNames& target = {});

// The table of the file's profile that feeds `plan`, or null when this file has none.
const bridge::TableProfile* find_table(const bridge::FileProfile& profile, const bridge::TablePlan& plan);

bridge::TextPolicy text_policy(const MigrationOptions& options);

void report_progress(const MigrationOptions& options, const MigrationProgress& progress);
void check_interrupted(const MigrationOptions& options);

}  // namespace rowhouse::detail
