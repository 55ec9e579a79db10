#include "html_report.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <vector>

#include "rowhouse/tenant_export.hpp"

namespace rowhouse::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kBars = 12;

constexpr const char* kHead = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --fg: #1c2330; --bg: #fbfcfe; --card: #fff; --line: #dde3ec; --dim: #5d6878; --bar: #2f6fde;
  --bad: #c0362c; --good: #1f7a4d; }
@media (prefers-color-scheme: dark) { :root { --fg: #e4e9f1; --bg: #12161d; --card: #1a2029; --line: #2d3643; --dim: #97a3b4;
  --bar: #6ea0ff; --bad: #ff7a6e; --good: #5fd39a; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg); margin: 0 auto; max-width: 72rem; padding: 2rem 1.25rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; } .dim { color: var(--dim); }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.25rem; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem 1rem; min-width: 7rem; }
.tile b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; } .bad { color: var(--bad); } .good { color: var(--good); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); gap: 1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; overflow-x: auto; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; } svg text { fill: var(--fg); } svg rect { fill: var(--bar); }
.scroll { max-height: 34rem; overflow: auto; border: 1px solid var(--line); border-radius: .5rem; background: var(--card); }
table { border-collapse: collapse; width: 100%; } th, td { padding: .3rem .75rem; text-align: left; border-bottom: 1px solid var(--line);
  max-width: 28rem; overflow-wrap: break-word; vertical-align: top; }
th { position: sticky; top: 0; background: var(--card); cursor: pointer; white-space: nowrap; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
input { font: inherit; padding: .35rem .6rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--card); color: inherit; width: 20rem; max-width: 100%; margin-bottom: .6rem; }
</style>
)";

// Sorts by the column whose head is clicked, and hides the rows that lack what is looked for.
constexpr const char* kScript = R"(<script>
for (const box of document.querySelectorAll('section')) {
  const table = box.querySelector('table'), find = box.querySelector('input');
  if (!table) continue;
  const body = table.tBodies[0];
  table.querySelectorAll('th').forEach((head, at) => head.onclick = () => {
    const down = head.dataset.down = head.dataset.down === '1' ? '' : '1', number = head.className === 'n';
    const key = row => number ? Number(row.cells[at].dataset.v) : row.cells[at].textContent;
    const rows = [...body.rows].sort((a, b) => { const x = key(a), y = key(b);
      return (x < y ? -1 : x > y ? 1 : 0) * (number === !!down ? -1 : 1); });
    body.append(...rows);
  });
  if (find) find.oninput = () => { const what = find.value.toLowerCase();
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(what); };
}
</script>
)";

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? '?' : c;
    }
  }
  return out;
}

// 1234567 as people read it.
std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3 + (number < 0 ? 1u : 0u); at -= 3) text.insert(at - 3, "\xE2\x80\xAF");
  return text;
}

std::string cut(const std::string& text, std::size_t characters) {
  std::size_t at = 0;
  for (; at < text.size() && (characters > 0 || (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80); ++at)
    characters -= (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
  return at < text.size() ? text.substr(0, at) + "\xE2\x80\xA6" : text;
}

std::string tile(const std::string& name, const std::string& value, const char* kind = "") {
  return "<div class=\"tile\"><b class=\"" + std::string(kind) + "\">" + value + "</b>" + escaped(name) + "</div>\n";
}

using Sums = std::map<std::string, std::int64_t>;

Sums sums_by(const json& list, const char* name, const char* value) {
  Sums sums;
  for (const json& row : list) sums[row.value(name, "")] += value ? row.value(value, std::int64_t{0}) : 1;
  return sums;
}

// The longest bars first; what is left has a bar of its own.
std::string chart(const std::string& title, const Sums& sums) {
  std::vector<std::pair<std::string, std::int64_t>> bars(sums.begin(), sums.end());
  std::erase_if(bars, [](const auto& bar) { return bar.second <= 0; });
  if (bars.empty()) return "";
  std::stable_sort(bars.begin(), bars.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  if (bars.size() > kBars) {
    std::int64_t rest = 0;
    for (std::size_t i = kBars - 1; i < bars.size(); ++i) rest += bars[i].second;
    const std::string name = grouped(static_cast<std::int64_t>(bars.size() - kBars + 1)) + " more";
    bars.resize(kBars - 1);
    bars.emplace_back(name, rest);
  }
  std::int64_t highest = 1;
  for (const auto& bar : bars) highest = std::max(highest, bar.second);
  std::string out = "<div class=\"card\"><b>" + escaped(title) + "</b><svg viewBox=\"0 0 520 " +
                    std::to_string(bars.size() * 24 + 8) + "\" role=\"img\" aria-label=\"" + escaped(title) + "\">\n";
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const std::string y = std::to_string(i * 24 + 8), text_y = std::to_string(i * 24 + 21);
    const auto width = static_cast<std::int64_t>(250.0 * static_cast<double>(bars[i].second) / static_cast<double>(highest));
    out += "<text x=\"160\" y=\"" + text_y + "\" text-anchor=\"end\"><title>" + escaped(bars[i].first) + "</title>" +
           escaped(cut(bars[i].first, 24)) + "</text><rect x=\"168\" y=\"" + y + "\" width=\"" +
           std::to_string(std::max<std::int64_t>(width, 1)) + "\" height=\"17\" rx=\"2\"/><text x=\"" +
           std::to_string(174 + width) + "\" y=\"" + text_y + "\">" + grouped(bars[i].second) + "</text>\n";
  }
  return out + "</svg></div>\n";
}

std::string cell(const json& value) {
  if (value.is_number_integer())
    return "<td class=\"n\" data-v=\"" + std::to_string(value.get<std::int64_t>()) + "\">" + grouped(value.get<std::int64_t>()) + "</td>";
  if (value.is_boolean()) return value.get<bool>() ? "<td>yes</td>" : "<td></td>";
  if (!value.is_array()) return "<td>" + escaped(value.is_string() ? value.get<std::string>() : "") + "</td>";
  std::string text;
  for (const json& one : value) text += (text.empty() ? "" : "<br>") + escaped(one.is_string() ? one.get<std::string>() : one.dump());
  return "<td>" + text + "</td>";
}

std::string table(const std::string& title, const json& rows, const std::vector<std::string>& columns) {
  if (rows.empty()) return "";
  std::string out = "<section><h2>" + escaped(title) + " <span class=\"dim\">" + grouped(static_cast<std::int64_t>(rows.size())) +
                    "</span></h2>\n<input type=\"search\" placeholder=\"Search\" aria-label=\"Search\">\n<div class=\"scroll\"><table><thead><tr>";
  std::vector<std::string> shown;
  for (const std::string& column : columns) {
    if (!rows.front().contains(column)) continue;
    shown.push_back(column);
    std::string name = column;
    std::replace(name.begin(), name.end(), '_', ' ');
    out += std::string("<th") + (rows.front()[column].is_number_integer() ? " class=\"n\">" : ">") + escaped(name) + "</th>";
  }
  out += "</tr></thead><tbody>\n";
  for (const json& row : rows) {
    out += "<tr>";
    for (const std::string& column : shown) out += cell(row.contains(column) ? row[column] : json());
    out += "</tr>\n";
  }
  return out + "</tbody></table></div></section>\n";
}

std::int64_t sum(const json& rows, const char* name) {
  std::int64_t total = 0;
  for (const json& row : rows) total += row.value(name, std::int64_t{0});
  return total;
}

std::string tiles(const json& document, const json& tables) {
  std::set<std::string> tenants, names;
  for (const json& row : tables) {
    if (row.contains("tenant")) tenants.insert(row["tenant"].get<std::string>());
    names.insert(row.value("table", row.value("name", "")));
  }
  std::string out;
  if (document.contains("equal"))
    out += document["equal"].get<bool>() ? tile("every cell compared", "equal", "good") : tile("the sides differ", "different", "bad");
  if (!tenants.empty()) out += tile("tenants", grouped(static_cast<std::int64_t>(tenants.size())));
  out += tile("tables", grouped(static_cast<std::int64_t>(names.size())));
  out += tile("rows", grouped(sum(tables, "rows")));
  for (const char* name : {"present", "different", "missing", "unexpected", "elsewhere", "rejected", "repaired"}) {
    const std::int64_t count = sum(tables, name);
    const bool is_bad = std::string_view(name) != "present" && std::string_view(name) != "elsewhere";
    if (count > 0) out += tile(name, grouped(count), is_bad ? "bad" : "");
  }
  if (!document.value("failures", json::array()).empty())
    out += tile("files refused", grouped(static_cast<std::int64_t>(document["failures"].size())), "bad");
  if (const double seconds = document.value("seconds", 0.0); seconds > 0) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f s", seconds);
    out += tile("time", text);
    if (seconds > 0.1) out += tile("rows a second", grouped(static_cast<std::int64_t>(static_cast<double>(sum(tables, "rows")) / seconds)));
  }
  return "<div class=\"tiles\">\n" + out + "</div>\n";
}

[[noreturn]] void refuse(const std::string& path) {
  const int error = errno;
  throw FileError("58030", "could not write the report \"" + path + "\": " + std::strerror(error));
}

}  // namespace

std::string to_html(const json& document) {
  const std::string command = document.value("command", "");
  const json tables = document.value("tables", json::array());
  std::string out = kHead;
  out += "<title>rowhouse " + escaped(command) + "</title></head><body>\n<h1>rowhouse " + escaped(command) +
         "</h1>\n<div class=\"dim\">version " + escaped(document.value("rowhouse", "")) + "</div>\n" + tiles(document, tables);
  const char* const name = command == "plan" ? "name" : "table";
  std::string charts = chart("Rows by table", sums_by(tables, name, "rows"));
  if (command != "plan") charts += chart("Rows by tenant", sums_by(tables, "tenant", "rows"));
  json types = json::array();
  for (const json& one : tables) {
    for (json column : one.value("columns", json::array())) {
      column["table"] = one.value("name", "");
      types.push_back(std::move(column));
    }
  }
  charts += chart("Columns by type", sums_by(types, "type", nullptr));
  charts += chart("Rejected by table", sums_by(tables, name, "rejected"));
  charts += chart("Rejects by reason", sums_by(document.value("rejects", json::array()), "reason", nullptr));
  charts += chart("Hazards", sums_by(document.value("hazards", json::array()), "kind", "count"));
  if (!charts.empty()) out += "<h2>At a glance</h2>\n<div class=\"charts\">\n" + charts + "</div>\n";
  out += table("Files refused", document.value("failures", json::array()), {"path", "tenant", "sqlstate", "message", "detail", "hint"});
  out += table("Hazards", document.value("hazards", json::array()), {"kind", "table", "column", "count", "sample", "becomes"});
  out += table("Tables", tables, {"tenant", "source", "source_table", "source_name", "table", "name", "rows", "present", "updated",
                                  "deleted", "conflicts", "kept_deleted", "repaired", "rejected", "different", "missing", "unexpected",
                                  "elsewhere", "unchanged", "imported_at", "primary_key", "exists", "added", "widened", "examples", "notes"});
  out += table("Columns", types, {"table", "name", "source_name", "type", "evidence"});
  out += table("Rejects", document.value("rejects", json::array()), {"tenant", "source", "source_table", "key", "column", "sqlstate", "reason"});
  json notes = json::array();
  for (const json& note : document.value("notes", json::array())) notes.push_back({{"note", note}});
  return out + table("Notes", notes, {"note"}) + kScript + "</body></html>\n";
}

void check_report_path(const std::string& path) {
  if (!path.empty() && !std::ofstream(path, std::ios::app)) refuse(path);
}

void write_report(const std::string& path, const json& document) {
  // Through the document's own text, in which every string is valid UTF-8.
  const json clean = json::parse(document.dump(-1, ' ', false, json::error_handler_t::replace));
  std::ofstream file(path, std::ios::trunc);
  if (!(file << to_html(clean)).flush()) refuse(path);
}

}  // namespace rowhouse::cli
