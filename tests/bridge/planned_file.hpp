// Files with their plan, for tests.
#pragma once

#include "bridge/copy_encoder.hpp"
#include "bridge/plan.hpp"
#include "tests/bridge/sqlite_file.hpp"

namespace rowhouse::test {

inline bridge::FileProfile profile_of(const bridge::Source& source, const std::string& tenant = "acme") {
  bridge::PlanOptions options;
  options.examine_text = true;
  auto profile = bridge::profile_file(source, tenant, options);
  if (!profile.ok()) throw std::runtime_error(profile.status().message);
  return std::move(profile.value());
}

/// One file for each script, tenant "acme" throughout, and the plan for all of them.
struct PlannedFiles {
  Folder folder;
  std::vector<std::unique_ptr<bridge::Source>> sources;
  std::vector<bridge::FileProfile> profiles;
  bridge::Plan plan;

  explicit PlannedFiles(const std::vector<std::string>& scripts) {
    for (const std::string& sql : scripts) {
      const std::string name = "file" + std::to_string(sources.size()) + ".db";
      make_database(folder.path(name), sql);
      sources.push_back(open_source(folder, name));
      profiles.push_back(profile_of(*sources.back()));
    }
    plan = bridge::make_plan(profiles, {});
  }

  const bridge::TablePlan& table(const std::string& name) const {
    const bridge::TablePlan* found = plan.find_source(name);
    if (!found) throw std::runtime_error("no plan for " + name);
    return *found;
  }
  std::unique_ptr<bridge::CopyEncoder> encoder(const std::string& name, std::size_t file = 0,
                                               const bridge::EncoderLimits& limits = {}) const {
    for (const bridge::TableProfile& profile : profiles[file].tables) {
      if (profile.table->name != name) continue;
      auto encoder = bridge::CopyEncoder::open(*sources[file], *profile.table, table(name), "acme", limits);
      if (!encoder.ok()) throw std::runtime_error(encoder.status().message);
      return std::move(encoder.value());
    }
    throw std::runtime_error("no table " + name);
  }
  /// The whole table as one chunk.
  bridge::Chunk encode(const std::string& name, std::size_t file = 0) const {
    bridge::Chunk chunk;
    const auto more = encoder(name, file)->next(chunk);
    if (!more.ok()) throw std::runtime_error(more.status().message);
    return chunk;
  }
};

inline bool has_note(const std::vector<std::string>& notes, const std::string& part) {
  for (const std::string& note : notes) {
    if (note.find(part) != std::string::npos) return true;
  }
  return false;
}

/// "name type[ NOT NULL]" of each column.
inline std::vector<std::string> columns_of(const bridge::TablePlan& table) {
  std::vector<std::string> columns;
  for (const bridge::ColumnPlan& column : table.columns)
    columns.push_back(column.name + " " + bridge::sql_name(column.type) + (column.not_null ? " NOT NULL" : ""));
  return columns;
}

}  // namespace rowhouse::test
