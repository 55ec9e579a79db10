// What the user says of single tables and columns, and whether the files have them.
#include "migration/choices.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "rowhouse/tenant_export.hpp"

namespace rowhouse {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(std::string_view sqlstate, const std::string& message, const std::string& hint) {
  Diagnostics diagnostics;
  diagnostics.message = message;
  diagnostics.hint = hint;
  throw_error(sqlstate, message, std::move(diagnostics));
}

constexpr const char* kForm = "It looks like {\"table\": {\"column\": \"type\"}}.";

std::string did_you_mean(const std::string& name, const std::vector<std::string>& known) {
  const std::string nearest = bridge::nearest_name(name, known);
  return nearest.empty() ? "Names are those of the SQLite files." : "Did you mean \"" + nearest + "\"?";
}

bool fits(const std::string& pattern, const std::string& table) {
  return ::fnmatch(pattern.c_str(), table.c_str(), FNM_CASEFOLD | FNM_NOESCAPE) == 0;
}

}  // namespace

std::vector<TypeChoice> read_type_choices(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw FileError("58030", "could not read the types \"" + path + "\"");
  const json document = json::parse(file, nullptr, false, true);
  if (document.is_discarded()) refuse("22023", "the types \"" + path + "\" are no JSON", kForm);
  if (!document.is_object()) refuse("22023", "the types \"" + path + "\" are no JSON object", kForm);
  std::vector<TypeChoice> choices;
  for (const auto& [table, columns] : document.items()) {
    if (!columns.is_object()) refuse("22023", "the types of table \"" + table + "\" are no JSON object", kForm);
    for (const auto& [column, type] : columns.items()) {
      if (!type.is_string())
        refuse("22023", "the type of column \"" + column + "\" of table \"" + table + "\" is no string", kForm);
      choices.push_back({table, column, type.get<std::string>()});
    }
  }
  return choices;
}

namespace detail {

std::vector<bridge::TypeChoice> chosen_types(const MigrationOptions& options) {
  std::vector<bridge::TypeChoice> choices;
  for (const TypeChoice& choice : options.types) {
    const std::string shown = "column \"" + choice.column + "\" of table \"" + choice.table + "\"";
    const std::optional<bridge::PgType> type = bridge::chosen_type(choice.type);
    if (!type)
      refuse("22023", "there is no type \"" + choice.type + "\" for " + shown,
             "Choose one of " + bridge::chosen_type_names() + ".");
    if (bridge::find_choice(choices, choice.table, choice.column))
      refuse("22023", "two types are chosen for " + shown, "SQLite's names are the same in any case: keep one.");
    choices.push_back({choice.table, choice.column, *type});
  }
  return choices;
}

bool is_excluded(const MigrationOptions& options, const std::string& table) {
  return std::any_of(options.exclude_tables.begin(), options.exclude_tables.end(),
                     [&](const std::string& pattern) { return fits(pattern, table); });
}

void require_used(const std::vector<ProfiledFile>& files, const MigrationOptions& options) {
  std::vector<std::string> tables;
  for (const ProfiledFile& file : files) {
    for (const bridge::TableProfile& table : file.profile.tables) tables.push_back(table.table->name);
  }
  for (const TypeChoice& choice : options.types) {
    bool has_table = false, has_column = false;
    std::vector<std::string> columns;
    for (const ProfiledFile& file : files) {
      for (const bridge::TableProfile& profile : file.profile.tables) {
        if (!bridge::same_name(profile.table->name, choice.table)) continue;
        has_table = true;
        has_column = has_column || profile.table->find(choice.column);
        for (const bridge::Column& column : profile.table->columns) columns.push_back(column.name);
      }
    }
    const std::string table = "table \"" + choice.table + "\"";
    if (!has_table)
      refuse("22023", "a type is chosen for " + table + ", which no file has", did_you_mean(choice.table, tables));
    if (!has_column)
      refuse("22023", "a type is chosen for column \"" + choice.column + "\" of " + table + ", which has no such column",
             did_you_mean(choice.column, columns));
  }
  for (const std::string& pattern : options.exclude_tables) {
    std::vector<std::string> excluded;
    for (const ProfiledFile& file : files) {
      for (const bridge::PassedOver& object : file.profile.passed_over) excluded.push_back(object.name);
    }
    if (std::none_of(excluded.begin(), excluded.end(), [&](const std::string& table) { return fits(pattern, table); }))
      refuse("22023", "no file has a table that --exclude-table \"" + pattern + "\" fits", did_you_mean(pattern, tables));
  }
}

}  // namespace detail
}  // namespace rowhouse
