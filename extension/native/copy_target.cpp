#include "pg_compat.hpp"

#include "copy_target.hpp"

#include <algorithm>

#include "boundary.hpp"
#include "bridge/chunk_loader.hpp"
#include "bridge/ddl.hpp"
#include "failure.hpp"
#include "sql.hpp"
#include "subtransaction.hpp"

namespace rowhouse {
namespace {

// COPY's callback has no argument of the caller's: this is it, for the time of one COPY.
bridge::CopyStream* active_stream = nullptr;

int read_stream(void* buffer, int, int size) {
  return entry("copy_source", [&] {
    return static_cast<int>(active_stream->read({static_cast<char*>(buffer), static_cast<std::size_t>(size)}));
  });
}

// Plain frames from here to the class: the server reports through them.

void copy_rows(Oid relation, List* columns, bridge::CopyStream* stream, CopyPlace* place) {
  const Relation target = table_open(relation, RowExclusiveLock);
  ParseState* const state = make_parsestate(nullptr);
  addRangeTableEntryForRelation(state, target, RowExclusiveLock, nullptr, false, false);
  List* const options = list_make1(makeDefElem(pstrdup("format"), (Node*)makeString(pstrdup("binary")), -1));
  bridge::CopyStream* const outer_stream = active_stream;
  const int encoding = pg_get_client_encoding();
  CopyFromState volatile copy = nullptr;
  PushActiveSnapshot(GetTransactionSnapshot());
  PG_TRY();
  {
    active_stream = stream;
    // Text of a binary COPY is taken to be in the client's encoding, which the session may have set to anything.
    PrepareClientEncoding(PG_UTF8);
    SetClientEncoding(PG_UTF8);
    copy = BeginCopyFrom(state, target, nullptr, nullptr, false, read_stream, columns, options);
    CopyFrom(copy);
    EndCopyFrom(copy);
  }
  PG_CATCH();
  {
    active_stream = outer_stream;
    SetClientEncoding(encoding);
    if (copy) {
      place->line = static_cast<std::int64_t>(copy->cur_lineno);
      strlcpy(place->column, copy->cur_attname ? copy->cur_attname : "", sizeof place->column);
    }
    PG_RE_THROW();
  }
  PG_END_TRY();
  active_stream = outer_stream;
  SetClientEncoding(encoding);
  PopActiveSnapshot();
  free_parsestate(state);
  table_close(target, NoLock);
  CommandCounterIncrement();
}

// The right to insert into the whole table, or into each of the columns.
void check_insert_right(Oid relation, List* columns) {
  if (pg_class_aclcheck(relation, GetUserId(), ACL_INSERT) == ACLCHECK_OK) return;
  ListCell* cell;
  foreach (cell, columns) {
    const AttrNumber column = get_attnum(relation, strVal(lfirst(cell)));
    if (pg_attribute_aclcheck(relation, column, GetUserId(), ACL_INSERT) != ACLCHECK_OK)
      aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relation));
  }
}

List* column_list(const char* const* names, std::size_t count) {
  List* list = NIL;
  for (std::size_t i = 0; i < count; ++i) list = lappend(list, makeString(pstrdup(names[i])));
  return list;
}

}  // namespace

bool is_copying() { return active_stream != nullptr; }

struct CopyTarget::Applied {
  std::int64_t inserted = 0;
  std::vector<std::size_t> conflicts, collisions;
  std::string xid;  ///< empty when no row was written
};

namespace {

List* list_of(const std::vector<std::string>& names) {
  std::vector<const char*> texts;
  for (const std::string& name : names) texts.push_back(name.c_str());
  return pg_call([&] { return column_list(texts.data(), texts.size()); });
}

std::vector<std::string> names_of(const std::vector<bridge::CopyColumn>& columns) {
  std::vector<std::string> names;
  for (const bridge::CopyColumn& column : columns) names.push_back(column.name);
  return names;
}

// Names as an array in SQL.
std::string array_of(const std::vector<std::string>& names) {
  std::string sql;
  for (const std::string& name : names) sql += (sql.empty() ? "ARRAY[" : ", ") + bridge::quote_literal(name);
  return sql + "]::pg_catalog.name[]";
}

// {1,2,3} as numbers.
std::vector<std::size_t> numbers_of(const std::string& array) {
  std::vector<std::size_t> numbers;
  for (std::size_t at = 1; at + 1 < array.size(); at = array.find_first_of(",}", at) + 1)
    numbers.push_back(std::stoull(array.substr(at)));
  return numbers;
}

}  // namespace

CopyTarget::CopyTarget(const TargetTable& target, const bridge::TablePlan& plan, std::string tenant,
                       const std::vector<bridge::CopyColumn>& columns, bool is_known)
    : target_(target), plan_(plan), tenant_(std::move(tenant)), columns_(columns), key_(take(bridge::key_columns(plan, columns))) {
  List* const list = list_of(names_of(columns_));
  pg_call([&] { check_insert_right(target_.relation, list); });
  goes_by_stage_ = must_merge(is_known);
}

bool CopyTarget::must_merge(bool is_known) const {
  if (pg_call([&] { return check_enable_rls(target_.relation, InvalidOid, false) == RLS_ENABLED; })) return true;
  if (is_known) return true;
  return !target_.is_new && ask_sql("SELECT true WHERE EXISTS (SELECT FROM " + target_.name + " WHERE " +
                                        bridge::quote_identifier(plan_.tenant_column) + " = $1)",
                                    {tenant_})
                                .has_value();
}

CopyTarget::Applied CopyTarget::copy(const bridge::Chunk& chunk, std::size_t first, std::size_t last,
                                     CopyPlace& place) {
  bridge::CopyStream stream(chunk, first, last);
  List* const columns = list_of(names_of(columns_));
  pg_call([&] { copy_rows(target_.relation, columns, &stream, &place); });
  Applied applied;
  applied.inserted =
      static_cast<std::int64_t>(std::count(chunk.refused.begin() + static_cast<std::ptrdiff_t>(first),
                                           chunk.refused.begin() + static_cast<std::ptrdiff_t>(last), false));
  applied.xid = std::to_string(pg_call([] { return GetCurrentTransactionId(); }));
  return applied;
}

// By the session's stage, which the core gives empty.
CopyTarget::Applied CopyTarget::apply(const std::string& stream, bool has_all_columns, const std::string& imported,
                                      bool replace, CopyPlace& place) {
  const std::string stage =
      ask_sql("SELECT rowhouse.import_change_stage($1)", {Parameter::relation(target_.relation)}).value();
  const Oid relation = to_oid(ask_sql("SELECT $1::pg_catalog.regclass::pg_catalog.oid", {stage}));
  std::vector<std::string> staged = names_of(columns_);
  if (!has_all_columns) {
    staged = {plan_.tenant_column};
    staged.insert(staged.end(), key_.names.begin(), key_.names.end());
  }
  staged.insert(staged.end(), {bridge::kNumberColumn, bridge::kChangeColumn});
  List* const columns = list_of(staged);
  bridge::CopyStream bytes{std::string_view(stream)};
  pg_call([&] { copy_rows(relation, columns, &bytes, &place); });
  place = {};
  const std::vector<SqlRow> rows =
      run_sql("SELECT inserted + updated, conflicts, collisions, xid FROM rowhouse.import_apply($1, $2, $3, " +
                  array_of(key_.names) + ", " + array_of(names_of(columns_)) +
                  ", $4::pg_catalog.xid[], false, " + (replace ? "true" : "false") + ")",
              {stage, Parameter::relation(target_.relation), tenant_, imported});
  Applied applied;
  applied.inserted = std::stoll(rows.at(0)[0].value());
  applied.conflicts = numbers_of(rows[0][1].value());
  applied.collisions = numbers_of(rows[0][2].value());
  applied.xid = rows[0][3].value_or("");
  return applied;
}

CopyTarget::Loaded CopyTarget::load(bridge::Chunk& chunk, const std::vector<bridge::Change>& changes,
                                    const std::string& imported) {
  Loaded loaded;
  loaded.xids = imported;
  std::vector<Applied> parts;
  const auto attempt = [&](std::size_t first, std::size_t last, bool replace) {
    CopyPlace place = {};
    std::optional<bridge::CopyRefusal> refusal = try_subtransaction([&]() -> std::optional<bridge::CopyRefusal> {
      parts.push_back(goes_by_stage_ ? apply(bridge::encode_changes(chunk, first, last, changes), true, imported,
                                             replace, place)
                                     : copy(chunk, first, last, place));
      return std::nullopt;
    });
    if (refusal && refusal->line == 0) refusal->line = place.line;
    if (refusal && refusal->column.empty()) refusal->column = place.column;
    return refusal;
  };
  bridge::load_chunk(chunk, [&](std::size_t first, std::size_t last) {
    std::optional<bridge::CopyRefusal> refusal = attempt(first, last, false);
    if (refusal && refusal->sqlstate == "23505" && goes_by_stage_) refusal = attempt(first, last, true);
    return refusal;
  });
  for (const Applied& part : parts) {
    loaded.rows += part.inserted;
    if (!part.xid.empty()) loaded.xids = bridge::merge_xids(loaded.xids, "{" + part.xid + "}");
    for (std::size_t row : part.collisions)
      bridge::set_row_aside(chunk, row, "23505", "a row with the same key is there already");
    for (std::size_t row : part.conflicts) {
      bridge::set_row_aside(chunk, row, bridge::kConflictState, bridge::kConflictReason);
      loaded.kept_back.push_back(row);
    }
  }
  return loaded;
}

void CopyTarget::remove(const std::vector<std::string>& keys, const std::string& imported) {
  CopyPlace place = {};
  apply(bridge::encode_removals(tenant_, keys, key_.names.size()), false, imported, false, place);
}

}  // namespace rowhouse
