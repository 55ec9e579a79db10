// The last pass over a tenant's files, while nobody can write to them.
#include "bridge/writer_hold.hpp"
#include "migration/core_installer.hpp"
#include "migration/interrupt_watch.hpp"
#include "migration/source_files.hpp"

namespace rowhouse {
namespace {

constexpr auto kPatience = std::chrono::seconds(5);  // with a writer at work

std::vector<MigrationSource> files_of(const std::vector<MigrationSource>& sources, const std::string& tenant) {
  std::vector<MigrationSource> own;
  for (const MigrationSource& source : sources) {
    if (source.tenant == tenant) own.push_back(source);
  }
  if (!own.empty()) return own;
  const std::string message = "none of the files is tenant \"" + tenant + "\"'s";
  throw_error("22023", message,
              Diagnostics{.message = message, .hint = "Name the tenant as its files do, and all of its files."});
}

std::unique_ptr<bridge::WriterHold> hold_writers(const MigrationSource& source, const MigrationOptions& options) {
  const auto interrupted = [](void* argument) { return (*static_cast<const std::function<bool()>*>(argument))(); };
  bridge::Result<std::unique_ptr<bridge::WriterHold>> hold =
      options.interrupted ? bridge::WriterHold::take(source.path, kPatience, interrupted,
                                                     const_cast<std::function<bool()>*>(&options.interrupted))
                          : bridge::WriterHold::take(source.path, kPatience);
  if (!hold.ok()) detail::throw_status(hold.status());
  return std::move(hold.value());
}

}  // namespace

CutOverReport cut_over(const std::vector<MigrationSource>& sources, const std::string& tenant, const Url& target,
                       const MigrationOptions& options) {
  const std::vector<MigrationSource> own = files_of(sources, tenant);
  CutOverReport report;
  std::vector<std::unique_ptr<bridge::WriterHold>> holds;
  for (const MigrationSource& source : own) {
    try {
      holds.push_back(hold_writers(source, options));
    } catch (const detail::SourceError& error) {
      report.migrated.failures.push_back(detail::failure_of(source, error));
      return report;
    }
  }
  report.migrated = migrate(own, target, options);
  if (!report.migrated.failures.empty()) return report;
  report.verified = verify(own, target, options);
  if (!report.verified.is_copied(report.migrated)) return report;
  detail::InterruptWatch watch(options.interrupted);
  detail::PostgresConnection connection = watch.connect(target);
  const detail::PostgresResult marked = connection.execute(
      "SELECT pg_catalog.to_char(rowhouse.cut_over_tenant($1) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
      {tenant});
  report.since = marked.value(0, 0).value_or("");
  return report;
}

}  // namespace rowhouse
