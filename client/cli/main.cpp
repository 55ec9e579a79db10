// The command rowhouse: its words, their help, and nothing else.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <iostream>

#include "commands.hpp"
#include "rowhouse/version.hpp"

namespace {

using rowhouse::cli::ExitStatus;
using rowhouse::cli::Options;

std::string footer() {
  std::string text = "Exit status:\n";
  for (const auto& row : rowhouse::cli::kExitStatuses)
    text += "  " + std::to_string(row.status) +
            (row.status < 10    ? "    "
             : row.status < 100 ? "   "
                                : "  ") +
            std::string(row.meaning) + "\n";
  return text;
}

void add_sources(CLI::App* command, Options& options) {
  command->add_option("source", options.sources, "SQLite files, or folders of them")->required()->type_name("SOURCE");
  command
      ->add_option("--pattern", options.patterns,
                   "File names in a folder, and which part is the tenant; may be repeated")
      ->envname("ROWHOUSE_PATTERN")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--tenant", options.tenant, "The tenant of every file named, whatever its name")
      ->envname("ROWHOUSE_TENANT");
  command->add_option("--schema", options.schema, "Where the tables are, or are made")
      ->envname("ROWHOUSE_SCHEMA")
      ->capture_default_str();
  command->add_option("--tenant-column", options.tenant_column, "The column that holds the tenant in PostgreSQL")
      ->envname("ROWHOUSE_TENANT_COLUMN")
      ->capture_default_str();
  command->add_option("--scratch", options.scratch_directory, "Folder for private copies of files in WAL mode")
      ->envname("ROWHOUSE_SCRATCH");
  command
      ->add_flag("--skip-integrity-check", options.skip_integrity_check,
                 "Do not run SQLite's integrity check on each file first")
      ->envname("ROWHOUSE_SKIP_INTEGRITY_CHECK");
}

void add_values(CLI::App* command, Options& options) {
  using rowhouse::OnInvalidUtf8;
  using rowhouse::OnNul;
  // Described here: CLI11 would show the numbers, too.
  command->add_option("--on-nul", options.on_nul, "A NUL in text: reject the row, strip it, or replace it with U+2400")
      ->envname("ROWHOUSE_ON_NUL")
      ->transform(CLI::CheckedTransformer(std::map<std::string, OnNul>{
          {"reject", OnNul::reject}, {"strip", OnNul::strip}, {"replace", OnNul::replace}}))
      ->option_text("reject|strip|replace (Env:ROWHOUSE_ON_NUL)");
  command
      ->add_option("--on-invalid-utf8", options.on_invalid_utf8,
                   "Text that is not UTF-8: reject the row, replace the bytes with U+FFFD, or make the column bytea")
      ->envname("ROWHOUSE_ON_INVALID_UTF8")
      ->transform(CLI::CheckedTransformer(std::map<std::string, OnInvalidUtf8>{{"reject", OnInvalidUtf8::reject},
                                                                               {"replace", OnInvalidUtf8::replace},
                                                                               {"bytea", OnInvalidUtf8::bytea}}))
      ->option_text("reject|replace|bytea (Env:ROWHOUSE_ON_INVALID_UTF8)");
  command->add_option("--types", options.types, "Types of columns, chosen in a JSON file: {\"table\": {\"column\": \"type\"}}")
      ->envname("ROWHOUSE_TYPES")
      ->type_name("FILE");
  command
      ->add_option("--exclude-table", options.exclude_tables,
                   "A table to pass over; * and ? stand for letters; may be repeated")
      ->envname("ROWHOUSE_EXCLUDE_TABLE")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->type_name("NAME");
}

void add_report(CLI::App* command, Options& options) {
  command->add_option("--report", options.report, "Write the result as an HTML page, too")
      ->envname("ROWHOUSE_REPORT")
      ->type_name("FILE");
}

void add_target(CLI::App* command, Options& options) {
  // The environment is read later: help must not show what may hold a password.
  command->add_option("--to", options.to, "The PostgreSQL database")->type_name("URL (Env:DATABASE_URL)");
}

void add_copying(CLI::App* command, Options& options) {
  command
      ->add_option("--on-conflict", options.on_conflict,
                   "A row that was changed in PostgreSQL since its import, and in the file: keep it, take the source's, or "
                   "fail")
      ->envname("ROWHOUSE_ON_CONFLICT")
      ->check(CLI::IsMember({"keep", "source", "fail"}))
      ->capture_default_str();
  command->add_option("--max-rejects", options.max_rejects, "End when more rows than these have to be set aside")
      ->envname("ROWHOUSE_MAX_REJECTS");
}

void add_after_migrate(CLI::App* command, Options& options) {
  command
      ->add_option("--cutover", options.cut_over,
                   "The last pass over this tenant's files, under SQLite's write lock: later runs refuse them")
      ->envname("ROWHOUSE_CUTOVER")
      ->type_name("TENANT");
  command->add_flag("--no-verify", options.skip_verify, "Do not compare what was copied cell by cell afterwards")
      ->envname("ROWHOUSE_NO_VERIFY");
  command->add_flag("--no-audit", options.skip_audit, "Do not audit the tables that were filled afterwards")
      ->envname("ROWHOUSE_NO_AUDIT");
}

void add_output(CLI::App* command, Options& options) {
  command->add_flag("--json", options.json, "Print a JSON document on standard output")->envname("ROWHOUSE_JSON");
  command->add_flag("--quiet", options.quiet, "No progress, no notes")->envname("ROWHOUSE_QUIET");
}

// The arguments, last first, as CLI11 wants them. It would take the next argument for the value of `--option=`; given
// as two, the option has an empty value.
std::vector<std::string> arguments(int argc, char** argv) {
  std::vector<std::string> list;
  bool options_over = false;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    options_over |= argument == "--";
    const bool is_empty = !options_over && argument.size() > 3 && argument.substr(0, 2) == "--" &&
                          argument.find('=') == argument.size() - 1;
    if (is_empty) argument.pop_back();
    list.push_back(std::move(argument));
    if (is_empty) list.emplace_back();
  }
  std::reverse(list.begin(), list.end());
  return list;
}

// Files come and go by the thousand, each with threads and batches of its own: memory that one gives back is kept for
// the next.
void prepare_memory() {
  constexpr int kKept = 16 * 1024 * 1024;
  mallopt(M_TRIM_THRESHOLD, kKept);
  mallopt(M_MMAP_THRESHOLD, kKept);
}

}  // namespace

int main(int argc, char** argv) {
  prepare_memory();
  CLI::App app{"Moves SQLite files, one a customer, into one PostgreSQL that keeps every tenant to its own rows."};
  app.name("rowhouse");
  app.set_version_flag("--version", std::string("rowhouse ") + rowhouse::kVersion);
  app.require_subcommand(1);
  app.footer(footer());

  Options options;
  std::function<ExitStatus(const Options&)> run;
  const auto command = [&](CLI::App& parent, const char* name, const char* help,
                           ExitStatus (*function)(const Options&)) {
    CLI::App* added = parent.add_subcommand(name, help);
    const std::string full_name = (parent.get_parent() ? parent.get_name() + " " : "") + name;
    // Of this kind, so that the environment is read for the command that is run and for no other: they share options.
    added->parse_complete_callback([&options, &run, function, full_name] {
      options.command = full_name;
      run = function;
    });
    add_output(added, options);
    return added;
  };

  CLI::App* plan = command(app, "plan", "Say what would be made of the files, and why", rowhouse::cli::run_plan);
  add_sources(plan, options);
  add_values(plan, options);
  add_report(plan, options);
  plan->add_option("--to", options.to, "A PostgreSQL database to compare with")->type_name("URL");
  plan->add_flag("--ddl", options.ddl, "Print the SQL instead")->envname("ROWHOUSE_DDL");
  for (auto [name, help, function] :
       {std::tuple("migrate", "Copy files into PostgreSQL; run it again: only what changed", &rowhouse::cli::run_migrate),
        std::tuple("retry", "Try rows again that were set aside", &rowhouse::cli::run_retry),
        std::tuple("verify", "Compare every cell of the files with PostgreSQL", &rowhouse::cli::run_verify)}) {
    CLI::App* added = command(app, name, help, function);
    add_sources(added, options);
    add_values(added, options);
    add_target(added, options);
    if (function != &rowhouse::cli::run_verify) add_copying(added, options);
    if (function == &rowhouse::cli::run_migrate)
      added->add_option("--follow", options.follow_seconds, "Look every so many seconds for files that were written to, until Ctrl-C")
          ->envname("ROWHOUSE_FOLLOW")
          ->type_name("SECONDS")
          ->check(CLI::Range(0.05, 86400.0));
    if (function == &rowhouse::cli::run_migrate) add_after_migrate(added, options);
    if (function != &rowhouse::cli::run_retry) add_report(added, options);
    added->add_option("--jobs", options.jobs, "Connections at work; without it one a processor, up to four")
        ->envname("ROWHOUSE_JOBS")
        ->check(CLI::Range(1, 64));
  }
  CLI::App* out = command(app, "export", "Write one tenant's rows into a new SQLite file", rowhouse::cli::run_export);
  out->add_option("file", options.file, "The file to write")->required()->type_name("OUT.db");
  out->add_option("--from", options.to, "The PostgreSQL database")->type_name("URL (Env:DATABASE_URL)");
  out->add_option("--tenant", options.tenant, "Whose rows")->required()->envname("ROWHOUSE_TENANT");
  out->add_option("--schema", options.schema, "Where the tables are")->envname("ROWHOUSE_SCHEMA")->capture_default_str();
  out->add_option("--source", options.source, "Of several files that the rows came from, the one to make again")
      ->envname("ROWHOUSE_SOURCE");
  out->add_flag("--overwrite", options.overwrite, "Replace a file that is there")->envname("ROWHOUSE_OVERWRITE");
  out->add_flag("--imported-only", options.imported_only, "Leave out tables that came from no file")
      ->envname("ROWHOUSE_IMPORTED_ONLY");
  CLI::App* status = command(app, "status", "Show what is imported and what was set aside", rowhouse::cli::run_status);
  add_target(status, options);
  add_report(status, options);

  add_target(command(app, "audit", "Name every way in which tenants can reach each other's rows", rowhouse::cli::run_audit),
             options);
  CLI::App* prove = command(app, "prove", "Try to break in as two throw-away tenants; all is undone", rowhouse::cli::run_prove);
  add_target(prove, options);
  prove->add_option("--table", options.table, "One table instead of every protected one")->envname("ROWHOUSE_TABLE");

  CLI::App* tenant = app.add_subcommand("tenant", "The registry of tenants");
  tenant->require_subcommand(1);
  add_target(command(*tenant, "list", "List the tenants", rowhouse::cli::run_tenant_list), options);
  CLI::App* create = command(*tenant, "create", "Register a tenant", rowhouse::cli::run_tenant_create);
  create->add_option("id", options.tenant_id, "The tenant's id")->required()->type_name("ID");
  add_target(create, options);
  for (auto [name, help, function] :
       {std::tuple("suspend", "Close a tenant's rows to its sessions", &rowhouse::cli::run_tenant_suspend),
        std::tuple("resume", "End a suspension", &rowhouse::cli::run_tenant_resume),
        std::tuple("reopen", "Take a cut-over back", &rowhouse::cli::run_tenant_reopen),
        std::tuple("rename", "Give a tenant and all its rows another id", &rowhouse::cli::run_tenant_rename),
        std::tuple("drop", "Take a tenant out of the registry", &rowhouse::cli::run_tenant_drop)}) {
    CLI::App* added = command(*tenant, name, help, function);
    added->add_option("id", options.tenant_id, "The tenant's id")->required()->type_name("ID");
    if (function == &rowhouse::cli::run_tenant_rename)
      added->add_option("new_id", options.new_tenant_id, "Its new id")->required()->type_name("NEW_ID");
    if (function == &rowhouse::cli::run_tenant_drop)
      added->add_flag("--purge", options.purge, "Delete its rows too")->envname("ROWHOUSE_PURGE");
    add_target(added, options);
  }

  try {
    app.parse(arguments(argc, argv));
    // plan looks at a database only where one is named.
    if (options.to.empty() && options.command != "plan") {
      if (const char* url = std::getenv("DATABASE_URL")) options.to = url;
    }
    const ExitStatus status = run(options);
    if (std::cout.flush()) return status;
    std::cerr << "rowhouse: could not write to standard output [58030]\n";
    return rowhouse::cli::kInternal;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? rowhouse::cli::kOk : rowhouse::cli::kUsage;
  } catch (const rowhouse::Error& error) {
    rowhouse::cli::print_error(options, error);
    return rowhouse::cli::exit_status_of(error);
  } catch (const std::exception& error) {
    rowhouse::cli::print_error(options, rowhouse::Error("XX000", error.what()));
    return rowhouse::cli::kInternal;
  }
}
