#include "bridge/type_choices.hpp"

#include <algorithm>
#include <cctype>

#include "bridge/helpdesk.hpp"
#include "bridge/names.hpp"

namespace rowhouse::bridge {
namespace {

constexpr std::size_t kNameShown = 200;

struct ShortName {
  const char* name;
  PgType type;
};
constexpr ShortName kShortNames[] = {{"bool", PgType::boolean},
                                     {"int8", PgType::bigint},
                                     {"float8", PgType::double_precision},
                                     {"decimal", PgType::numeric},
                                     {"timestamp", PgType::timestamp},
                                     {"timestamptz", PgType::timestamptz}};

std::string shown(const TypeChoice& choice) {
  return "column \"" + printable(choice.column, kNameShown) + "\" of table \"" + printable(choice.table, kNameShown) + "\"";
}

// What stands against the choice, or null.
const char* objection(const Table& table, const std::string& tenant_column, const TypeChoice& choice) {
  const std::vector<std::string> key = table.primary_key();
  const auto is_column = [&](const std::string& name) { return same_name(name, choice.column); };
  if (is_integrated_objects(table) && helpdesk_column(choice.column)) return "the helpdesk's own table has types of its own";
  if (is_column(tenant_column)) return "it names the tenant, as text";
  if ((is_time(choice.type) || choice.type == PgType::jsonb) && std::any_of(key.begin(), key.end(), is_column))
    return "it is part of the primary key, where times and JSON stay text";
  return nullptr;
}

}  // namespace

std::optional<PgType> chosen_type(std::string_view name) {
  std::string lower;
  for (char c : name) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  PgType type;
  if (type_from_name(lower, type)) return type;
  for (const ShortName& one : kShortNames) {
    if (lower == one.name) return one.type;
  }
  return std::nullopt;
}

std::string chosen_type_names() {
  return "boolean, bigint, double precision, numeric, text, bytea, date, timestamp, timestamptz, jsonb";
}

const TypeChoice* find_choice(const std::vector<TypeChoice>& choices, const std::string& table,
                              const std::string& column) {
  for (const TypeChoice& choice : choices) {
    if (same_name(choice.table, table) && same_name(choice.column, column)) return &choice;
  }
  return nullptr;
}

Status check_choices(const Table& table, const std::string& tenant_column, const std::vector<TypeChoice>& choices) {
  for (const TypeChoice& choice : choices) {
    const char* const why = same_name(choice.table, table.name) ? objection(table, tenant_column, choice) : nullptr;
    if (!why) continue;
    return Status{"22023", "the type of " + shown(choice) + " can't be chosen: " + why, "", "Take it out of --types."};
  }
  return {};
}

Refusal check_chosen(const Cell& cell, const TypeChoice& choice) {
  Value value;
  const bool is_json = choice.type == PgType::jsonb;
  const Refusal refusal = decode(cell, choice.type, is_json ? TextCheck::json : TextCheck::none, value);
  const std::string_view state = refusal ? refusal.sqlstate : "";
  return state == "22P05" || state == "22021" ? Refusal{} : refusal;
}

Status refused_value(const Cell& cell, const TypeChoice& choice, Refusal refusal, const std::string& file,
                     const std::string& key) {
  return Status{"42804",
                "\"" + printable(file, kNameShown) + "\": a value of " + shown(choice) + " is no " + sql_name(choice.type),
                std::string("The first is ") + name_of(cell.storage_class) + ", in the row with key " +
                    printable(key, kNameShown) + ": " + refusal.reason + ".",
                "Choose a type that holds all values, or correct the value in the file."};
}

}  // namespace rowhouse::bridge
