#include "migration/source_files.hpp"

#include <sqlite3.h>
#include <sys/stat.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <system_error>

#include "bridge/tenant_id.hpp"
#include "migration/choices.hpp"
#include "migration/integrity_check.hpp"
#include "migration/shared_tables.hpp"

namespace rowhouse {
namespace {

namespace fs = std::filesystem;


[[noreturn]] void refuse(std::string_view sqlstate, const std::string& message, const std::string& hint) {
  Diagnostics diagnostics;
  diagnostics.message = message;
  diagnostics.hint = hint;
  throw_error(sqlstate, message, std::move(diagnostics));
}

using Patterns = std::vector<std::string>;

std::optional<std::string> tenant_from(const std::string& file_name, const Patterns& patterns) {
  for (const std::string& pattern : patterns) {
    if (std::optional<std::string> tenant = bridge::tenant_from_file_name(file_name, pattern)) return tenant;
  }
  return std::nullopt;
}

std::string listed(const Patterns& patterns) {
  std::string list;
  for (const std::string& pattern : patterns) list += (list.empty() ? "" : " or ") + pattern;
  return list;
}

std::vector<std::string> files_of_folder(const std::string& folder, const Patterns& patterns) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (tenant_from(name, patterns)) files.push_back(entry->path().string());
  }
  if (error)
    refuse(error == std::errc::permission_denied ? "42501" : "58030",
           "could not read the folder \"" + folder + "\": " + error.message(),
           "Let this user read the folder, or name another one.");
  if (files.empty())
    refuse("58P01", "no file in \"" + folder + "\" fits the pattern " + listed(patterns),
           "Name another pattern with --pattern; it holds {tenant} where the file name has the tenant.");
  return files;
}

std::string tenant_of(const std::string& path, const Patterns& patterns, const std::optional<std::string>& tenant) {
  if (tenant) return *tenant;
  const std::string name = fs::path(path).filename().string();
  const std::optional<std::string> found = tenant_from(name, patterns);
  if (!found)
    refuse("22023", "the name of \"" + path + "\" does not fit the pattern " + listed(patterns),
           "Name the tenant with --tenant, or another pattern with --pattern.");
  return *found;
}

// Ids that differ only by case or by how their letters are put together would be one tenant to people and two to the
// database: é is one code point or two, and É the same letter.
std::string folded(const std::string& id) {
  utf8proc_uint8_t* mapped = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_CASEFOLD | UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(id.data()),
                                             static_cast<utf8proc_ssize_t>(id.size()), &mapped, options);
  const std::string folded =
      size < 0 ? id : std::string(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size));
  std::free(mapped);
  return folded;
}

bridge::PlanOptions plan_options(const MigrationOptions& options) {
  bridge::PlanOptions how;
  how.tenant_column = options.tenant_column;
  how.text_policy = detail::text_policy(options);
  how.types = detail::chosen_types(options);
  if (!options.exclude_tables.empty())
    how.wants_table = [&options](const std::string& table) { return !detail::is_excluded(options, table); };
  return how;
}

}  // namespace

std::vector<MigrationSource> find_sources(const std::vector<std::string>& paths,
                                          const std::vector<std::string>& patterns,
                                          const std::optional<std::string>& tenant) {
  for (const std::string& pattern : patterns) {
    if (pattern.find("{tenant}") != std::string::npos) continue;
    refuse("22023", "the pattern \"" + pattern + "\" lacks {tenant}",
           "For example: --pattern '{tenant}_freshdesk_data.db'");
  }
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    const fs::file_status found = fs::symlink_status(path, error);
    if (found.type() == fs::file_type::not_found)
      refuse("58P01", "there is no file or folder \"" + path + "\"", "Check the path's spelling.");
    if (fs::is_directory(found)) {
      const std::vector<std::string> fitting = files_of_folder(path, patterns);
      files.insert(files.end(), fitting.begin(), fitting.end());
    } else {
      files.push_back(path);
    }
  }
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());

  std::vector<MigrationSource> sources;
  std::map<std::string, std::string> taken;
  for (const std::string& file : files) {
    MigrationSource source{file, tenant_of(file, patterns, tenant)};
    if (const bridge::Status status = bridge::check_tenant_id(source.tenant); !status.ok())
      refuse(status.sqlstate, "\"" + file + "\": " + status.message, status.hint);
    // The ledger knows a file by its tenant and its name: two that share both would be one file that changed.
    const auto [at, is_new] = taken.emplace(tenant ? fs::path(file).filename().string() : folded(source.tenant), file);
    if (!is_new)
      refuse("42710", "\"" + at->second + "\" and \"" + file + "\" name the same tenant" + (tenant ? " and file" : ""),
             tenant ? "Rename one of them." : "Leave one of them out, or migrate each with --tenant.");
    sources.push_back(std::move(source));
  }
  return sources;
}

std::string source_state(const std::string& path) {
  std::string state;
  for (const std::string& name : {path, path + "-wal"}) {
    struct stat found {};
    if (::lstat(name.c_str(), &found) != 0) continue;
    const long long numbers[] = {static_cast<long long>(found.st_dev),
                                 static_cast<long long>(found.st_ino),
                                 found.st_size,
                                 found.st_mtim.tv_sec,
                                 found.st_mtim.tv_nsec,
                                 found.st_ctim.tv_sec,
                                 found.st_ctim.tv_nsec};
    for (long long number : numbers) state += std::to_string(number) + ' ';
  }
  return state;
}

namespace detail {

void throw_status(const bridge::Status& status) {
  Diagnostics diagnostics;
  diagnostics.message = status.message;
  diagnostics.detail = status.detail;
  diagnostics.hint = status.hint;
  SourceError error(status.sqlstate, status.message, std::move(diagnostics));
  error.may_pass = bridge::may_pass(status);
  throw error;
}

FileFailure failure_of(const MigrationSource& source, const Error& error) {
  const bool in_target = dynamic_cast<const SourceError*>(&error) == nullptr;
  return {source.path, source.tenant, error.sqlstate(), error.what(), error.detail(), error.hint(), in_target};
}

bool ends_the_run(const Error& error) {
  const std::string_view state = error.sqlstate();
  return error.kind() == ErrorKind::kConnection || error.in_doubt() || state == "57014" || state == "57P01" ||
         state == "57P02" || state == "57P03";
}

std::unique_ptr<bridge::Source> open_source(const MigrationSource& source, const MigrationOptions& options) {
  bridge::SourceOptions how;
  how.scratch_directory = options.scratch_directory;
  if (options.interrupted) {
    how.interrupted = [](void* argument) { return (*static_cast<const std::function<bool()>*>(argument))(); };
    how.interrupted_argument = const_cast<std::function<bool()>*>(&options.interrupted);
  }
  bridge::Result<std::unique_ptr<bridge::Source>> file = bridge::Source::open(source.path, how);
  if (!file.ok()) throw_status(file.status());
  return std::move(file.value());
}

void require_unchanged(const bridge::Source& file) {
  if (const bridge::Status status = file.check_unchanged(); !status.ok()) throw_status(status);
}

OpenFile::OpenFile(std::unique_ptr<bridge::Source> opened, std::unique_ptr<IntegrityCheck> begun)
    : file(std::move(opened)), check(std::move(begun)) {}
OpenFile::~OpenFile() = default;

namespace {

// What a damaged file gave counts for nothing, errors included.
void read_checked(const bridge::Source& file, IntegrityCheck& check, WhenSound when,
                  const std::function<void(const bridge::Source&)>& read) {
  std::exception_ptr failure;
  try {
    read(file);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure || when == WhenSound::kBefore) check.require_sound();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

std::shared_ptr<OpenFile> read_whole(const MigrationSource& source, const MigrationOptions& options,
                                     const std::function<void(const bridge::Source&)>& read,
                                     const std::function<WhenSound(const bridge::Source&)>& when) {
  for (bool again = true;; again = false) {
    std::unique_ptr<bridge::Source> file = open_source(source, options);
    const WhenSound wanted = when ? when(*file) : WhenSound::kNever;
    try {
      if (wanted == WhenSound::kNever || wanted == WhenSound::kNext) return read(*file), nullptr;
      auto check = std::make_unique<IntegrityCheck>(*file);
      read_checked(*file, *check, wanted, read);
      if (wanted == WhenSound::kBefore) return nullptr;
      return std::make_shared<OpenFile>(std::move(file), std::move(check));
    } catch (const SourceError& error) {
      if (!again || !error.may_pass) throw;
    }
  }
}

WhenSound when_sound(const bridge::Source& file, const MigrationOptions& options, bool stays_open) {
  if (!options.check_integrity) return WhenSound::kNever;
  if (!IntegrityCheck::goes_on_beside(file)) return WhenSound::kBefore;
  bridge::Result<bool> known = bridge::is_known_by_names(file, plan_options(options));
  if (known.ok() && known.value()) return WhenSound::kNext;
  return stays_open ? WhenSound::kOpen : WhenSound::kBefore;
}

bridge::FileProfile profile_source(const bridge::Source& file, const MigrationSource& source,
                                   const MigrationOptions& options, bool examine_text) {
  bridge::PlanOptions how = plan_options(options);
  how.examine_text = examine_text;
  how.in_halves = file.size() >= kReadInParts;
  bridge::Result<bridge::FileProfile> profile = bridge::profile_file(file, source.tenant, how);
  if (!profile.ok()) throw_status(profile.status());
  return std::move(profile.value());
}

std::vector<ProfiledFile> profile_sources(const std::vector<MigrationSource>& sources, const MigrationOptions& options,
                                          bool examine_text, std::vector<FileFailure>& failures) {
  std::vector<ProfiledFile> files;
  SharedTables tables;
  MigrationProgress progress{"plan", "", "", 0, 0, 0, sources.size()};
  for (const MigrationSource& source : sources) {
    check_interrupted(options);
    progress.tenant = source.tenant;
    report_progress(options, progress);
    try {
      bridge::FileProfile profile;
      const auto read = [&](const bridge::Source& file) {
        profile = profile_source(file, source, options, examine_text);
        require_unchanged(file);
      };
      read_whole(source, options, read, [&](const bridge::Source&) {
        return options.check_integrity ? WhenSound::kBefore : WhenSound::kNever;
      });
      tables.share(profile);
      files.push_back({source, std::move(profile)});
    } catch (const Error& error) {
      if (ends_the_run(error)) throw;
      failures.push_back(failure_of(source, error));
    }
    ++progress.files;
  }
  report_progress(options, progress);
  return files;
}

bridge::Plan plan_files(const std::vector<ProfiledFile>& files, const MigrationOptions& options,
                        const bridge::TargetNames& target) {
  bridge::PlanOptions how = plan_options(options);
  how.target = target;
  std::vector<const bridge::FileProfile*> profiles;
  for (const ProfiledFile& file : files) profiles.push_back(&file.profile);
  return bridge::make_plan(profiles, how);
}

const bridge::TableProfile* find_table(const bridge::FileProfile& profile, const bridge::TablePlan& plan) {
  for (const bridge::TableProfile& table : profile.tables) {
    if (sqlite3_stricmp(table.table->name.c_str(), plan.source_name.c_str()) == 0) return &table;
  }
  return nullptr;
}

bridge::TextPolicy text_policy(const MigrationOptions& options) {
  return {static_cast<bridge::OnNul>(options.on_nul), static_cast<bridge::OnInvalidUtf8>(options.on_invalid_utf8)};
}

void report_progress(const MigrationOptions& options, const MigrationProgress& progress) {
  if (options.progress) options.progress(progress);
}

void check_interrupted(const MigrationOptions& options) {
  if (options.interrupted && options.interrupted()) throw_error("57014", "interrupted");
}

}  // namespace detail
}  // namespace rowhouse
