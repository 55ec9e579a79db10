#pragma once

#include <functional>
#include <memory>

#include "bridge/plan.hpp"
#include "bridge/source.hpp"
#include "rowhouse/migration.hpp"

namespace rowhouse::detail {

class IntegrityCheck;

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
// A file whose check goes on.
struct OpenFile {
  OpenFile(std::unique_ptr<bridge::Source> file, std::unique_ptr<IntegrityCheck> check);
  ~OpenFile();
  std::unique_ptr<bridge::Source> file;
  std::unique_ptr<IntegrityCheck> check;
};

// When a file is to be found sound: never, before what was read of it counts, by whoever takes the open file over, or by
// who opens it next, for nothing but names is read of it until then.
enum class WhenSound { kNever, kBefore, kOpen, kNext };
// Of one that is new. `stays_open`: it may be taken over.
WhenSound when_sound(const bridge::Source& file, const MigrationOptions& options, bool stays_open);

// Opens the file for `read`; where a failed read, damage or a change under it ends that, once more from the start: one
// failure is no proof. `read` begins anew by itself. Gives a file that is still being checked.
std::shared_ptr<OpenFile> read_whole(const MigrationSource& source, const MigrationOptions& options,
                                     const std::function<void(const bridge::Source&)>& read,
                                     const std::function<WhenSound(const bridge::Source&)>& when = {});
bridge::FileProfile profile_source(const bridge::Source& file, const MigrationSource& source,
                                   const MigrationOptions& options, bool examine_text);

// A file with what a full read of it found.
struct ProfiledFile {
  MigrationSource source;
  bridge::FileProfile profile;
  bool is_new = false;     // to the ledger
  bool is_checked = true;  // or its copy has to check it, before anything is committed
  std::shared_ptr<OpenFile> open{};  // the copy reads this one, and ends its check; what it has taken is null
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
