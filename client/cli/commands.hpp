#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exit_status.hpp"

namespace rowhouse::cli {

/// Everything that the command line and the environment say.
struct Options {
  std::string command;  ///< as the documents name it
  std::vector<std::string> sources;
  std::vector<std::string> patterns = {"{tenant}_freshdesk_data.db"};
  std::optional<std::string> tenant;
  std::string to;
  std::string schema = "public";
  std::string tenant_column = "company_id";
  std::string scratch_directory;
  std::size_t jobs = 0;  ///< 0: as many as there are processors, up to four
  std::string on_conflict = "keep";
  std::optional<std::uint64_t> max_rejects;
  bool skip_integrity_check = false;
  std::string types;  ///< the file of types that are chosen
  std::vector<std::string> exclude_tables;
  OnNul on_nul = OnNul::reject;
  OnInvalidUtf8 on_invalid_utf8 = OnInvalidUtf8::reject;
  bool json = false;
  bool quiet = false;
  bool ddl = false;
  std::string tenant_id;
  std::string new_tenant_id;
  bool purge = false;
  std::optional<double> follow_seconds;
  std::optional<std::string> cut_over;  ///< the tenant
  bool skip_verify = false, skip_audit = false;  ///< after migrate
  std::optional<std::string> table;
  std::string report;  ///< the HTML page to write
  std::string file;
  std::optional<std::string> source;
  bool overwrite = false;
  bool imported_only = false;
};

ExitStatus run_plan(const Options& options);
ExitStatus run_migrate(const Options& options);
ExitStatus run_retry(const Options& options);
ExitStatus run_verify(const Options& options);
ExitStatus run_export(const Options& options);
ExitStatus run_status(const Options& options);
ExitStatus run_audit(const Options& options);
ExitStatus run_prove(const Options& options);
ExitStatus run_tenant_list(const Options& options);
ExitStatus run_tenant_create(const Options& options);
ExitStatus run_tenant_suspend(const Options& options);
ExitStatus run_tenant_resume(const Options& options);
ExitStatus run_tenant_reopen(const Options& options);
ExitStatus run_tenant_rename(const Options& options);
ExitStatus run_tenant_drop(const Options& options);

/// Says an error on stderr: what, why, what to do next, and its SQLSTATE; with --json as a document on stdout.
void print_error(const Options& options, const Error& error);

}  // namespace rowhouse::cli
