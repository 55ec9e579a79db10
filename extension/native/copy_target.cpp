#include "pg_compat.hpp"

#include "copy_target.hpp"

#include <algorithm>

#include "boundary.hpp"
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

// Where COPY stood when it failed, from its own state: its message says so too, but in the language of the server.
struct CopyPlace {
  std::int64_t line;
  char column[NAMEDATALEN];
};

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

CopyTarget::CopyTarget(const TargetTable& target, const bridge::TablePlan& plan, std::string tenant,
                       const std::vector<bridge::CopyColumn>& columns, EarlierImport earlier)
    : target_(target), plan_(plan), tenant_(std::move(tenant)), earlier_(std::move(earlier)) {
  std::vector<const char*> names;
  for (const bridge::CopyColumn& column : columns) names.push_back(column.name.c_str());
  columns_ = pg_call([&] { return column_list(names.data(), names.size()); });
  pg_call([&] { check_insert_right(target_.relation, columns_); });
  goes_by_stage_ = must_merge();
}

bool CopyTarget::must_merge() const {
  if (pg_call([&] { return check_enable_rls(target_.relation, InvalidOid, false) == RLS_ENABLED; })) return true;
  if (earlier_.happened) return true;
  return !target_.is_new && ask_sql("SELECT true WHERE EXISTS (SELECT FROM " + target_.name + " WHERE " +
                                        bridge::quote_identifier(plan_.tenant_column) + " = $1)",
                                    {tenant_})
                                .has_value();
}

std::optional<bridge::CopyRefusal> CopyTarget::try_copy(const bridge::Chunk& chunk, std::size_t first,
                                                        std::size_t last) {
  bridge::CopyStream stream(chunk, first, last);
  CopyPlace place = {};
  const Oid into = goes_by_stage_ ? stage() : target_.relation;
  std::int64_t present = 0;
  std::optional<bridge::CopyRefusal> refusal = try_subtransaction([&]() -> std::optional<bridge::CopyRefusal> {
    pg_call([&] { copy_rows(into, columns_, &stream, &place); });
    if (!goes_by_stage_) return std::nullopt;
    place = {};
    if (merge(chunk, first, last, present)) return std::nullopt;
    return bridge::CopyRefusal{"23505", "a row with the same key is there already", "", 0};
  });
  if (!refusal) rows_present_ += present;
  if (refusal && refusal->line == 0) refusal->line = place.line;
  if (refusal && refusal->column.empty()) refusal->column = place.column;
  return refusal;
}

// Asked for before each attempt: the core gives the session's stage, empty.
Oid CopyTarget::stage() {
  stage_ = ask_sql("SELECT rowhouse.import_stage($1)", {Parameter::relation(target_.relation)}).value();
  return to_oid(ask_sql("SELECT $1::pg_catalog.regclass::pg_catalog.oid", {stage_}));
}

// Moves the stage's rows into the table under its policies. False when one of them has the key of another row: it is
// then searched and set aside. What the same source brought before is no such row, whatever became of it, nor is one
// that is there already with the same values.
bool CopyTarget::merge(const bridge::Chunk& chunk, std::size_t first, std::size_t last, std::int64_t& present) {
  const std::int64_t same = earlier_.happened || target_.is_new ? 0 : count_same(chunk);
  present = std::stoll(ask_sql("SELECT present FROM rowhouse.import_merge($1, $2, $3)",
                               {stage_, Parameter::relation(target_.relation), tenant_})
                           .value());
  if (!earlier_.happened) return present <= same;
  const auto collided = [&](const std::string& key) { return earlier_.collided.count(key) > 0; };
  return present == 0 || std::none_of(chunk.keys.begin() + static_cast<std::ptrdiff_t>(first),
                                      chunk.keys.begin() + static_cast<std::ptrdiff_t>(last), collided);
}

// How many rows of the stage are in the table already, the same in every column.
std::int64_t CopyTarget::count_same(const bridge::Chunk& chunk) const {
  std::string staged, kept;
  for (const bridge::CopyColumn& column : chunk.columns) {
    const std::string name = bridge::quote_identifier(column.name);
    staged += (staged.empty() ? "s." : ", s.") + name;
    kept += (kept.empty() ? "t." : ", t.") + name;
  }
  const std::string tenant = bridge::quote_identifier(plan_.tenant_column);
  std::string sql = "SELECT pg_catalog.count(*) FROM " + stage_ + " AS s JOIN " + target_.name + " AS t ON t." +
                    tenant + " = s." + tenant;
  for (const std::string& column : plan_.primary_key) {
    const std::string name = bridge::quote_identifier(column);
    sql += " AND t." + name + " = s." + name;
  }
  return std::stoll(ask_sql(sql + " WHERE ROW(" + staged + ") IS NOT DISTINCT FROM ROW(" + kept + ")").value());
}

}  // namespace rowhouse
