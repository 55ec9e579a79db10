#include "copy_rows.hpp"

#include <algorithm>

#include "bridge/copy_encoder.hpp"
#include "postgres_call.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse::detail {
namespace {

constexpr auto kEpochOfPostgres = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);

std::string in_quotes(std::string_view name) {
  if (name.empty() || name.find('\0') != std::string_view::npos) throw_error("42602", "a name is empty or holds NUL");
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

std::string table_of(const CopyTarget& target) {
  return target.schema.empty() ? in_quotes(target.table) : in_quotes(target.schema) + '.' + in_quotes(target.table);
}

std::string list(const std::vector<std::string>& columns) {
  std::string out;
  for (const std::string& column : columns) out += (out.empty() ? "" : ", ") + in_quotes(column);
  return out;
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else
      out += c;
  }
}

bool is_null(const Value& value) { return std::holds_alternative<std::monostate>(value.held()); }

}  // namespace

Statement CopyRows::types_of(const CopyTarget& target) {
  if (target.columns.empty()) throw_error("22023", "COPY wants at least one column");
  return {
      "SELECT a.attname, a.atttypid::bigint FROM pg_catalog.pg_attribute AS a"
      " WHERE a.attrelid = $1::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped",
      {table_of(target)}};
}

CopyRows::CopyRows(const CopyTarget& target, const Result& known) : names_(target.columns) {
  const std::string table = table_of(target);
  bool all = true;
  for (const std::string& name : names_) {
    std::uint32_t oid = 0;
    for (const Row& row : known) {
      if (row.get<std::string>(0) == name) oid = row.get<std::uint32_t>(1);
    }
    if (oid == 0) throw_error("42703", table + " has no column " + in_quotes(name));
    static constexpr bridge::PgType kTypes[] = {
        bridge::PgType::boolean, bridge::PgType::bigint, bridge::PgType::double_precision,
        bridge::PgType::text,    bridge::PgType::bytea,  bridge::PgType::timestamptz,
        bridge::PgType::jsonb};
    const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                    [&](bridge::PgType candidate) { return bridge::type_oid(candidate) == oid; });
    if (type == std::end(kTypes))
      all = false;
    else
      types_.push_back(*type);
  }
  if (!all) types_.clear();
  sql_ = "COPY " + table + " (" + list(names_) + ") FROM STDIN" + (all ? " (FORMAT binary)" : "");
}

void CopyRows::append_header(std::string& out) const {
  if (!types_.empty()) out += bridge::kCopyHeader;
}

void CopyRows::append_end(std::string& out) const {
  if (!types_.empty()) out += bridge::kCopyTrailer;
}

void CopyRows::append(std::string& out, std::span<const Value> row) const {
  if (row.size() != names_.size()) {
    throw_error("22023", "a row for COPY has " + std::to_string(row.size()) + " values for " +
                             std::to_string(names_.size()) + " columns");
  }
  if (!types_.empty()) {
    out += static_cast<char>(row.size() >> 8);
    out += static_cast<char>(row.size() & 255);
    for (std::size_t i = 0; i < row.size(); ++i) append_binary(out, i, row[i]);
    return;
  }
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) out += '\t';
    if (is_null(row[i]))
      out += "\\N";
    else
      append_escaped(out, value_text(row[i]));
  }
  out += '\n';
}

void CopyRows::append_binary(std::string& out, std::size_t column, const Value& value) const {
  using bridge::PgType;
  bridge::Value plain;
  std::string text;  // what plain.bytes may point to
  const auto& held = value.held();
  const auto fits = [&]() {
    switch (types_[column]) {
      case PgType::boolean:
        if (const auto* flag = std::get_if<bool>(&held)) return plain.integer = *flag ? 1 : 0, true;
        return false;
      case PgType::bigint:
        if (const auto* number = std::get_if<std::int64_t>(&held)) return plain.integer = *number, true;
        return false;
      case PgType::double_precision:
        if (const auto* number = std::get_if<double>(&held)) return plain.real = *number, true;
        if (const auto* whole = std::get_if<std::int64_t>(&held)) return plain.real = static_cast<double>(*whole), true;
        return false;
      case PgType::bytea:
        if (const auto* bytes = std::get_if<Bytes>(&held))
          return plain.bytes = {reinterpret_cast<const char*>(bytes->data()), bytes->size()}, true;
        return false;
      case PgType::timestamptz:
        if (const auto* time = std::get_if<Timestamp>(&held))
          return plain.integer = (*time - kEpochOfPostgres).count(), true;
        return false;
      case PgType::jsonb:
        if (!std::holds_alternative<Json>(held) && !std::holds_alternative<std::string>(held)) return false;
        [[fallthrough]];
      default:
        text = value_text(value);
        plain.bytes = text;
        return true;
    }
  };
  if (is_null(value))
    plain.null = true;
  else if (!fits())
    throw_error("42804", "a value for COPY does not fit the column " + in_quotes(names_[column]));
  bridge::append_binary(out, types_[column], plain);
}

std::size_t CopySource::fill(std::span<char> buffer) {
  while (!ended_ && !pending_.holds(buffer.size())) {
    row_.clear();
    if (next_(row_)) {
      rows_.append(pending_.bytes, row_);
    } else {
      rows_.append_end(pending_.bytes);
      ended_ = true;
    }
  }
  return pending_.move_to(buffer);
}

std::string insert_statement(const CopyTarget& target) {
  std::string sql = "INSERT INTO " + table_of(target) + " (" + list(target.columns) + ") VALUES (";
  for (std::size_t i = 1; i <= target.columns.size(); ++i) sql += (i > 1 ? ", $" : "$") + std::to_string(i);
  return sql + ')';
}

}  // namespace rowhouse::detail
