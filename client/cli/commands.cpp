#include "commands.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <map>
#include <thread>

#include "after_migrate.hpp"
#include "html_report.hpp"
#include "progress.hpp"
#include "report.hpp"
#include "rowhouse/migration.hpp"

namespace rowhouse::cli {
namespace {

std::atomic<bool> interrupted{false};

// The first Ctrl-C ends the work where it can be resumed; a second one ends the program at once.
void on_interrupt(int signal) {
  interrupted = true;
  std::signal(signal, SIG_DFL);
}

void watch_interrupts() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
}

MigrationOptions migration_options(const Options& options, Progress& progress) {
  MigrationOptions migration;
  migration.schema = options.schema;
  migration.tenant_column = options.tenant_column;
  migration.scratch_directory = options.scratch_directory;
  migration.jobs = options.jobs > 0 ? options.jobs : std::clamp(std::thread::hardware_concurrency(), 1u, 4u);
  migration.on_conflict = options.on_conflict == "source" ? OnConflict::kSource
                          : options.on_conflict == "fail" ? OnConflict::kFail
                                                          : OnConflict::kKeep;
  migration.max_rejects = options.max_rejects;
  migration.check_integrity = !options.skip_integrity_check;
  if (!options.types.empty()) migration.types = read_type_choices(options.types);
  migration.exclude_tables = options.exclude_tables;
  migration.on_nul = options.on_nul;
  migration.on_invalid_utf8 = options.on_invalid_utf8;
  migration.progress = [&progress](const MigrationProgress& at) { progress.show(at); };
  migration.interrupted = [] { return interrupted.load(); };
  return migration;
}

Url database(const Options& options, const std::string& option) {
  const std::string what = option == "--to" ? "target" : "source";
  if (options.to.empty())
    throw ConfigurationError("no " + what + " database is named",
                             "Name it with " + option + " postgresql://user@host/database or in DATABASE_URL.");
  Url url = Url::parse(options.to);
  if (!url.is_postgresql())
    throw ConfigurationError("the " + what + " is no PostgreSQL URL: " + url.masked(),
                             "It looks like postgresql://user@host/database.");
  return url;
}

Url target(const Options& options) { return database(options, "--to"); }

void print(const nlohmann::json& document) {
  std::cout << document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
}

template <class Report>
void print(const Options& options, const Report& report) {
  if (!options.report.empty()) write_report(options.report, to_json(report));
  if (options.json) return print(to_json(report));
  std::cout << to_text(report) << std::flush;
}

void print_notes(const Options& options, const std::vector<std::string>& notes) {
  if (options.quiet || options.json) return;
  for (const std::string& note : notes) std::cerr << "note: " << note << "\n";
}

void print_failure(const FileFailure& failure) {
  std::cerr << "refused: " << failure.message;
  if (failure.message.find(failure.path) == std::string::npos) std::cerr << " (\"" << failure.path << "\")";
  std::cerr << " [" << failure.sqlstate << "]\n";
  if (!failure.detail.empty()) std::cerr << "  detail: " << failure.detail << "\n";
  if (!failure.hint.empty()) std::cerr << "  hint: " << failure.hint << "\n";
}

// The status of the gravest kind is that of the first file: one number has to do.
ExitStatus report_failures(const std::vector<FileFailure>& failures, ExitStatus otherwise) {
  for (const FileFailure& failure : failures) print_failure(failure);
  return failures.empty() ? otherwise : exit_status_of(failures.front());
}

// The files can't be found: no fault of PostgreSQL, whatever the SQLSTATE.
struct SourcesRefused : Error {
  explicit SourcesRefused(const Error& error) : Error(error) {}
};

std::vector<MigrationSource> sources(const Options& options) {
  try {
    return find_sources(options.sources, options.patterns, options.tenant);
  } catch (const Error& error) {
    throw SourcesRefused(error);
  }
}

}  // namespace

ExitStatus exit_status_of(const Error& error) {
  if (error.sqlstate() == "57014") return interrupted ? kInterrupted : kLocked;
  if (error.sqlstate() == "RH002") return kTooManyRejects;
  if (error.sqlstate() == "RH003" || error.sqlstate() == "55000" || error.sqlstate() == "2BP01") return kState;
  if (error.sqlstate() == "22023" || error.sqlstate() == "42710") return kConfiguration;
  if (dynamic_cast<const SourcesRefused*>(&error) || dynamic_cast<const FileError*>(&error)) return kSource;
  switch (error.kind()) {
    case ErrorKind::kConfiguration:
      return kConfiguration;
    case ErrorKind::kBusy:
      return kLocked;
    case ErrorKind::kInternal:
      return kInternal;
    default:
      return kTarget;
  }
}

ExitStatus exit_status_of(const FileFailure& failure) {
  if (failure.sqlstate == "55P03") return kLocked;
  if (!failure.in_target) return failure.sqlstate == "55000" ? kState : kSource;
  return failure.sqlstate == "RH003" || failure.sqlstate == "42P01" || failure.sqlstate == "42704" ? kState : kTarget;
}

void print_error(const Options& options, const Error& error) {
  if (options.json) return print(to_json(options.command, error));
  std::cerr << "rowhouse: " << error.what() << " [" << error.sqlstate() << "]\n";
  if (!error.detail().empty()) std::cerr << "  detail: " << error.detail() << "\n";
  if (!error.hint().empty()) std::cerr << "  hint: " << error.hint() << "\n";
}

ExitStatus run_plan(const Options& options) {
  watch_interrupts();
  check_report_path(options.report);
  Progress progress(options.quiet || options.json);
  const MigrationOptions how = migration_options(options, progress);
  const PlanReport report =
      options.to.empty() ? plan(sources(options), how) : plan(sources(options), target(options), how);
  progress.finish();
  if (options.ddl && !options.json) {
    for (const PlannedTable& table : report.tables) {
      for (const std::string& statement : table.ddl) std::cout << statement << ";\n";
    }
    for (const std::string& statement : report.ddl_after) std::cout << statement << ";\n";
  } else {
    print(options, report);
  }
  return report_failures(report.failures, kOk);
}

namespace {

// One status has to do: what could not be copied, then what is different, then what leaks.
ExitStatus status_of(const Migrated& migrated) {
  const ExitStatus checked = !migrated.equal()                                             ? kDifferent
                             : migrated.audited && migrated.audited->count("error") > 0 ? kLeaks
                                                                                           : kOk;
  return report_failures(migrated.report.failures, checked);
}

std::vector<MigrationSource> sources_of(const Options& options) {
  std::vector<MigrationSource> found = sources(options);
  if (options.cut_over)
    std::erase_if(found, [&](const MigrationSource& source) { return source.tenant != *options.cut_over; });
  return found;
}

ExitStatus run_cut_over(const Options& options, const Url& to, const MigrationOptions& how, Progress& progress) {
  CutOverReport report = cut_over(sources(options), *options.cut_over, to, how);
  Migrated migrated;
  migrated.report = std::move(report.migrated);
  if (migrated.report.failures.empty()) migrated.verified = std::move(report.verified);
  migrated.cut_over = report.since;
  if (!options.skip_audit) audit_after(migrated, to, how);
  progress.finish();
  print(options, migrated);
  print_notes(options, migrated.report.notes);
  return status_of(migrated);
}

// Copies the files that have been written to, again and again, until it is interrupted: that is its ordinary end. With a
// cut-over to come, until a pass takes less time than there is between two.
ExitStatus follow(const Options& options) {
  Progress progress(true);
  const MigrationOptions how = migration_options(options, progress);
  const Url to = target(options);
  std::map<std::string, std::string> seen;
  while (!interrupted) {
    std::vector<MigrationSource> changed;
    std::map<std::string, std::string> states;
    for (const MigrationSource& source : sources_of(options)) {
      const std::string& state = states[source.path] = source_state(source.path);
      if (seen[source.path] != state) changed.push_back(source);
    }
    double took = 0;
    if (!changed.empty()) {
      Migrated migrated;
      try {
        migrated.report = migrate(changed, to, how);
      } catch (const Error& error) {
        if (interrupted && error.sqlstate() == "57014") break;
        throw;
      }
      const MigrationReport& report = migrated.report;
      took = report.seconds;
      for (const FileFailure& failure : report.failures) states.erase(failure.path);
      std::cout << (options.json ? to_json(migrated).dump() + "\n" : summary(report)) << std::flush;
      report_failures(report.failures, kOk);
    }
    if (options.cut_over && took < *options.follow_seconds) return run_cut_over(options, to, how, progress);
    seen = std::move(states);
    const auto next = std::chrono::steady_clock::now() + std::chrono::duration<double>(*options.follow_seconds);
    while (!interrupted && std::chrono::steady_clock::now() < next)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return kOk;
}

}  // namespace

ExitStatus run_migrate(const Options& options) {
  watch_interrupts();
  if (options.follow_seconds) return follow(options);
  check_report_path(options.report);
  Progress progress(options.quiet || options.json);
  const Url to = target(options);
  const MigrationOptions how = migration_options(options, progress);
  if (options.cut_over) return run_cut_over(options, to, how, progress);
  const std::vector<MigrationSource> from = sources(options);
  SourceStates before;
  for (const MigrationSource& source : from) before[source.path] = source_state(source.path);
  Migrated migrated;
  migrated.report = migrate(from, to, how);
  if (!options.skip_verify) verify_after(migrated, from, before, to, how);
  if (!options.skip_audit) audit_after(migrated, to, how);
  progress.finish();
  print(options, migrated);
  print_notes(options, migrated.report.notes);
  return status_of(migrated);
}

ExitStatus run_retry(const Options& options) {
  watch_interrupts();
  Progress progress(options.quiet || options.json);
  const Url to = target(options);
  MigrationOptions how = migration_options(options, progress);
  how.retry_rejects = true;
  Migrated migrated;
  migrated.report = migrate(sources(options), to, how);
  progress.finish();
  print(options, migrated);
  print_notes(options, migrated.report.notes);
  return status_of(migrated);
}

ExitStatus run_verify(const Options& options) {
  watch_interrupts();
  check_report_path(options.report);
  Progress progress(options.quiet || options.json);
  const Url to = target(options);
  const VerifyReport report = verify(sources(options), to, migration_options(options, progress));
  progress.finish();
  print(options, report);
  return report_failures(report.failures, report.equal() ? kOk : kDifferent);
}

ExitStatus run_export(const Options& options) {
  watch_interrupts();
  Progress progress(options.quiet || options.json);
  ExportOptions how;
  how.schema = options.schema;
  how.source = options.source;
  how.overwrite = options.overwrite;
  how.imported_only = options.imported_only;
  how.progress = [&progress](const MigrationProgress& at) { progress.show(at); };
  how.interrupted = [] { return interrupted.load(); };
  const ExportReport report = export_tenant(database(options, "--from"), *options.tenant, options.file, how);
  progress.finish();
  print(options, report);
  print_notes(options, report.notes);
  return kOk;
}

ExitStatus run_status(const Options& options) {
  check_report_path(options.report);
  const StatusReport report = status(target(options));
  print(options, report);
  return report.core.empty() ? kState : kOk;
}

ExitStatus run_audit(const Options& options) {
  AuditReport report = audit(target(options));
  const ExitStatus status = report.count("error") > 0 ? kLeaks : report.count("warning") > 0 ? kWarnings : kOk;
  if (options.quiet) std::erase_if(report.findings, [](const AuditFinding& one) { return one.severity == "info"; });
  print(options, report);
  return status;
}

ExitStatus run_prove(const Options& options) {
  const ProofReport report = prove(target(options), options.table);
  print(options, report);
  if (report.count("leaked") > 0) return kLeaks;
  if (report.count("held") > 0) return kOk;
  std::cerr << "rowhouse: no attack could be tried, so nothing is proven\n";
  return kState;
}

ExitStatus run_tenant_list(const Options& options) {
  print(options, list_tenants(target(options)));
  return kOk;
}

ExitStatus run_tenant_create(const Options& options) {
  create_tenant(target(options), options.tenant_id);
  if (!options.quiet) std::cerr << "tenant \"" << options.tenant_id << "\" is registered\n";
  return kOk;
}

ExitStatus run_tenant_suspend(const Options& options) {
  suspend_tenant(target(options), options.tenant_id);
  if (!options.quiet) std::cerr << "tenant \"" << options.tenant_id << "\" is suspended\n";
  return kOk;
}

ExitStatus run_tenant_resume(const Options& options) {
  resume_tenant(target(options), options.tenant_id);
  if (!options.quiet) std::cerr << "tenant \"" << options.tenant_id << "\" is active\n";
  return kOk;
}

ExitStatus run_tenant_reopen(const Options& options) {
  reopen_tenant(target(options), options.tenant_id);
  if (!options.quiet) std::cerr << "files of tenant \"" << options.tenant_id << "\" may be migrated again\n";
  return kOk;
}

ExitStatus run_tenant_rename(const Options& options) {
  print(options, TenantChange{"tenant rename", rename_tenant(target(options), options.tenant_id, options.new_tenant_id)});
  return kOk;
}

ExitStatus run_tenant_drop(const Options& options) {
  print(options, TenantChange{"tenant drop", drop_tenant(target(options), options.tenant_id, options.purge)});
  return kOk;
}

}  // namespace rowhouse::cli
