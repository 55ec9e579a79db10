#include "bridge/hazards.hpp"

#include <algorithm>
#include <map>

#include "bridge/cell.hpp"
#include "bridge/names.hpp"

namespace rowhouse::bridge {
namespace {

constexpr std::size_t kNameShown = 126;

std::string set_aside(const char* sqlstate) {
  return std::string("the row is set aside in rowhouse.import_reject (") + sqlstate + ")";
}

struct Seen {
  Sight sight;
  std::int64_t count;
};

// All but the most frequent, which is the rule that the others are exceptions from.
std::vector<Seen> exceptions(std::vector<Seen> seen) {
  const auto rarer = [](const Seen& a, const Seen& b) { return a.count < b.count; };
  seen.erase(std::remove_if(seen.begin(), seen.end(), [](const Seen& one) { return one.count == 0; }), seen.end());
  if (!seen.empty()) seen.erase(std::max_element(seen.begin(), seen.end(), rarer));
  std::stable_sort(seen.begin(), seen.end(), rarer);
  return seen;
}

std::int64_t sum(const std::vector<Seen>& seen) {
  std::int64_t count = 0;
  for (const Seen& one : seen) count += one.count;
  return count;
}

class HazardFinder {
 public:
  HazardFinder(const TablePlan& plan, const Versions& versions, std::size_t files)
      : plan_(plan), versions_(versions), files_(files) {}

  std::vector<Hazard> find() {
    find_drift_of_table();
    find_foreign_rows();
    find_nulls_in_key();
    for (const ColumnPlan& column : plan_.columns) {
      if (!column.source_name.empty()) find_in(column);
    }
    find_orphans();
    return std::move(hazards_);
  }

 private:
  void add(const char* kind, const std::string& column, std::int64_t count, std::string sample, std::string becomes) {
    if (count > 0)
      hazards_.push_back({kind, plan_.source_name, column, count, std::move(sample), std::move(becomes)});
  }

  // Where it was first seen is looked for in the files only if it was.
  void add(const char* kind, const std::string& column, std::int64_t count, Sight sight, std::string becomes) {
    if (count > 0) add(kind, column, count, first(column, sight), std::move(becomes));
  }

  // "key 7", and of which file where there are several.
  std::string at_row(const TableProfile& version, const std::string& key) const {
    if (key.empty()) return in_file(version);
    return "key " + key + (files_ > 1 ? " of " + in_file(version) : "");
  }
  static std::string in_file(const TableProfile& version) { return printable(version.file_name, kNameShown); }

  // Which of the version's columns it is, -1 for none. `near`: which it was in the version before, where to begin.
  static int place(const TableProfile& version, const std::string& column, std::size_t& near) {
    const std::vector<Column>& columns = version.table->columns;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::size_t at = (near + i) % columns.size();
      if (same_name(columns[at].name, column)) return static_cast<int>(near = at);
    }
    return -1;
  }

  std::string first(const std::string& column, Sight sight) const {
    std::size_t near = 0;
    for (const TableProfile* version : versions_) {
      const int at = version->sightings.empty() ? -1 : place(*version, column, near);
      if (at < 0) continue;
      if (const std::string* key = version->sightings[static_cast<std::size_t>(at)].find(sight))
        return at_row(*version, *key);
    }
    return "";
  }

  DeclaredKind kind_of(const ColumnPlan& column) const {
    for (const TableProfile* version : versions_) {
      if (const Column* source = version->table->find(column.source_name)) return declared_kind(source->declared_type);
    }
    return DeclaredKind::none;
  }

  bool in_key(const ColumnPlan& column) const {
    return std::find(plan_.primary_key.begin(), plan_.primary_key.end(), column.name) != plan_.primary_key.end();
  }

  void find_in(const ColumnPlan& column) {
    const ColumnProfile& profile = column.profile;
    const std::string& name = column.source_name;
    const DeclaredKind kind = kind_of(column);
    find_bad_text(column);
    add("beyond_bigint", name, profile.beyond_bigint, kSeesBeyondBigint,
        std::string(sql_name(column.type)) + ": SQLite stores it as a real, its last digits were gone before");
    if (profile.reals > 0 && column.type == PgType::numeric)
      add("beyond_double", name, profile.integers_over_2_53, kSeesBeyondDouble,
          "numeric, as no double precision holds each of the column's numbers");
    add("infinity", name, profile.infinities, kSeesInfinity, infinity(column.type));
    find_mixed_classes(column, kind);
    if (kind == DeclaredKind::date || kind == DeclaredKind::time) find_mixed_times(column);
    add("not_as_declared", name, profile.not_boolean + profile.not_json + profile.not_time, kSeesMisfit,
        misfit_becomes(column));
    find_drift_of(column);
  }

  std::string infinity(PgType type) const {
    if (type == PgType::text || type == PgType::bytea) return std::string(sql_name(type)) + ", as Inf";
    return std::string(sql_name(type)) + ", as Infinity";
  }

  void find_bad_text(const ColumnPlan& column) {
    const std::string& name = column.source_name;
    const TextPolicy& policy = plan_.text_policy;
    const bool repaired = plan_.repairs(column);
    const char* const why = policy.changes_values() && !repaired ? ": no policy changes a key" : "";
    const bool bytes = column.type == PgType::bytea;
    add("nul_in_text", name, column.profile.nul_texts, kSeesNul,
        bytes                                                ? "bytea, NUL included"
        : repaired && policy.on_nul == OnNul::strip          ? "the NUL is left out"
        : repaired && policy.on_nul == OnNul::replace        ? "the NUL becomes U+2400"
        : policy.on_nul != OnNul::reject                     ? set_aside("22021") + why
                                                             : set_aside("22021"));
    add("invalid_utf8", name, column.profile.invalid_texts, kSeesInvalidUtf8,
        bytes                                                                 ? "bytea, byte by byte"
        : repaired && policy.on_invalid_utf8 == OnInvalidUtf8::replace        ? "each wrong byte becomes U+FFFD"
        : policy.on_invalid_utf8 == OnInvalidUtf8::replace                    ? set_aside("22021") + why
                                                                              : set_aside("22021"));
  }

  void find_mixed_classes(const ColumnPlan& column, DeclaredKind kind) {
    const ColumnProfile& profile = column.profile;
    const bool numbers = profile.texts + profile.blobs == 0;
    // SQLite itself turns whole numbers of such a column into integers.
    if (numbers && (kind == DeclaredKind::numeric || kind == DeclaredKind::real)) return;
    const std::vector<Seen> rest = exceptions({{kSeesInteger, profile.integers},
                                               {kSeesReal, profile.reals},
                                               {kSeesText, profile.texts},
                                               {kSeesBlob, profile.blobs}});
    if (rest.empty()) return;
    std::string becomes = sql_name(column.type);
    if (column.type == PgType::text) becomes += ", numbers in their shortest exact form";
    if (column.type == PgType::bytea) becomes += ", text and numbers as the bytes that they are written with";
    if (numbers) becomes += ", which holds each of them exactly";
    add("mixed_classes", column.source_name, sum(rest), rest.front().sight, becomes);
  }

  // Counted for texts alone: other classes in the column are a mix of classes.
  void find_mixed_times(const ColumnPlan& column) {
    const ColumnProfile& profile = column.profile;
    const std::int64_t dates = profile.texts - profile.not_date;
    const std::vector<Seen> rest =
        exceptions({{kSeesDate, dates},
                    {kSeesTime, profile.texts - dates - profile.with_zone - profile.not_time},
                    {kSeesZone, profile.with_zone}});
    if (rest.empty()) return;
    std::string becomes = sql_name(column.type);
    if (column.type == PgType::text) becomes += ", each as it is written";
    if (column.type == PgType::timestamptz) becomes += ", a time without a zone as UTC";
    if (dates > 0 && (column.type == PgType::timestamp || column.type == PgType::timestamptz))
      becomes += ", a date as its midnight";
    add("mixed_times", column.source_name, sum(rest), rest.front().sight, becomes);
  }

  std::string misfit_becomes(const ColumnPlan& column) const {
    if (column.type == PgType::jsonb) return set_aside("22P02");
    if (column.type == PgType::timestamptz) return set_aside("22007");
    return std::string("all of the column is ") + sql_name(column.type);
  }

  void find_nulls_in_key() {
    if (!plan_.keyed_by_rowid) return;
    for (const std::string& name : versions_.front()->table->primary_key()) {
      const ColumnPlan* column = plan_.find_source(name);
      if (column)
        add("null_in_key", name, column->profile.nulls, kSeesNull,
            "rows are keyed by SQLite's rowid, in \"" + plan_.primary_key.front() + "\"");
    }
  }

  void find_foreign_rows() {
    std::int64_t foreign = 0, superseded = 0;
    for (const TableProfile* version : versions_) {
      foreign += version->tenant_mismatches;
      superseded += version->superseded;
    }
    const bool kept = !plan_.integrated_objects;
    const bool named = std::any_of(versions_.begin(), versions_.end(), [&](const TableProfile* version) {
      return version->table->find(plan_.tenant_column) != nullptr;
    });
    if (kept && !named) foreign = 0;  // another column that happens to be called like a tenant's
    add("other_tenant", plan_.tenant_column, foreign, "",
        kept ? "the column is kept beside the tenant's, as \"source_" + plan_.tenant_column + "\"" : set_aside("42501"));
    add("superseded", "", superseded, "", set_aside("23505") + ": a later update of the same object is kept");
  }

  void find_orphans() {
    std::map<std::string, Hazard> found;  // by the columns: files may have their keys in another order
    for (const TableProfile* version : versions_) {
      for (const Orphans& orphans : version->orphans) {
        const ForeignKey& key = version->table->foreign_keys[orphans.foreign_key];
        std::string columns;
        for (const std::string& column : key.columns) columns += (columns.empty() ? "" : ", ") + column;
        Hazard& hazard = found[columns + "\n" + key.referenced_table];
        if (hazard.count == 0) {
          hazard = {"orphan", plan_.source_name, columns, 0, at_row(*version, orphans.key), ""};
          hazard.becomes = keeps(key) ? "kept; the foreign key to \"" + printable(key.referenced_table, kNameShown) +
                                            "\" is NOT VALID: it binds new rows"
                                      : "kept; the foreign key is not carried over";
        }
        hazard.count += orphans.rows;
      }
    }
    for (auto& one : found) hazards_.push_back(std::move(one.second));
  }

  bool keeps(const ForeignKey& source) const {
    std::vector<std::string> columns;
    for (const std::string& name : source.columns) {
      if (const ColumnPlan* column = plan_.find_source(name)) columns.push_back(column->name);
    }
    return std::any_of(plan_.foreign_keys.begin(), plan_.foreign_keys.end(),
                       [&](const ForeignKeyPlan& key) { return key.columns == columns; });
  }

  // --- between the files: counted in files ---

  void find_drift_of_table() {
    add("drift_table", "", static_cast<std::int64_t>(files_ - versions_.size()), "",
        "the table is made; files that lack it bring no rows of it");
    std::int64_t others = 0;
    const TableProfile* other = nullptr;
    const std::vector<std::string> key = versions_.front()->table->primary_key();
    for (const TableProfile* version : versions_) {
      const std::vector<std::string> own = version->table->primary_key();
      if (std::equal(own.begin(), own.end(), key.begin(), key.end(),
                     [](const std::string& a, const std::string& b) { return same_name(a, b); }))
        continue;
      ++others;
      if (!other) other = version;
    }
    if (other) add("drift_key", "", others, in_file(*other), "rows are keyed by SQLite's rowid where they have one");
  }

  void find_drift_of(const ColumnPlan& column) {
    std::int64_t lacking = 0, narrower = 0;
    const TableProfile* first_lacking = nullptr;
    std::string first_narrower;
    std::size_t near = 0;
    const bool bytes = plan_.text_policy.on_invalid_utf8 == OnInvalidUtf8::bytea;
    for (const TableProfile* version : versions_) {
      const int at = place(*version, column.source_name, near);
      if (at < 0) {
        ++lacking;
        if (!first_lacking) first_lacking = version;
        continue;
      }
      const auto i = static_cast<std::size_t>(at);
      if (version->columns[i].values() == 0) continue;
      const PgType alone =
          decide_type(version->table->columns[i].declared_type, version->columns[i], in_key(column), bytes).type;
      if (alone == column.type || column.chosen) continue;
      ++narrower;
      if (first_narrower.empty()) first_narrower = in_file(*version) + ": " + sql_name(alone);
    }
    if (lacking > 0)
      add("drift_column", column.source_name, lacking, in_file(*first_lacking),
          column.default_sql.empty() ? "NULL in the rows of files that lack it"
                                     : "its default in the rows of files that lack it");
    if (!plan_.integrated_objects)
      add("drift_type", column.source_name, narrower, first_narrower,
          std::string(sql_name(column.type)) + " for all files");
  }

  const TablePlan& plan_;
  const Versions& versions_;
  const std::size_t files_;
  std::vector<Hazard> hazards_;
};

}  // namespace

const std::string* Sightings::find(Sight sight) const {
  for (const First& one : first) {
    if (one.sight == sight) return &one.key;
  }
  return nullptr;
}

std::vector<Hazard> find_hazards(const TablePlan& plan, const Versions& versions, std::size_t files) {
  return HazardFinder(plan, versions, files).find();
}

}  // namespace rowhouse::bridge
