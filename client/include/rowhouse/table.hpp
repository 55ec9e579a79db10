#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "rowhouse/error.hpp"
#include "rowhouse/export.hpp"
#include "rowhouse/row.hpp"
#include "rowhouse/session.hpp"

namespace rowhouse {

/// What a column holds, and so its type: PostgreSQL's / SQLite's.
enum class ColumnType {
  kBoolean,    ///< boolean / BOOLEAN
  kInteger,    ///< bigint / INTEGER
  kReal,       ///< double precision / REAL; NaN is refused, since SQLite has none
  kText,       ///< text / TEXT
  kBytes,      ///< bytea / BLOB
  kJson,       ///< jsonb / TEXT
  kTimestamp,  ///< timestamptz / TEXT, in UTC
};

/// What a column is for.
enum class ColumnRole {
  kPlain,      ///< a value
  kTenant,     ///< whose row it is; each table has exactly one
  kId,         ///< a number that the database gives; no more than one
  kKey,        ///< a part of the natural key, by which upsert() finds a row; each table has at least one
  kKept,       ///< a value that stays when an upsert brings none
  kCreatedAt,  ///< set when the row is created; no more than one
  kUpdatedAt,  ///< set by every write; no more than one
};

/// How a column deals with NULL.
enum class Nulls {
  kByType,     ///< as the member can: std::optional and Json (a null of JSON is NULL) take it, others do not
  kRequired,   ///< NOT NULL; a null of JSON is stored as JSON
  kTolerated,  ///< NOT NULL where this library makes the table; a NULL found reads as an empty value
};

/// Which column a member becomes. Specialise it for types of your own, with FieldTraits for the way back:
/// `static constexpr ColumnType type`, `static constexpr bool nullable` and `static Value write(const M& member)`.
template <class M>
struct ColumnTraits {
  static constexpr bool nullable = std::same_as<M, Json>;  ///< whether NULL can be a value
  /// The column's type.
  static constexpr ColumnType type = [] {
    if constexpr (std::same_as<M, bool>)
      return ColumnType::kBoolean;
    else if constexpr (std::integral<M>)
      return ColumnType::kInteger;
    else if constexpr (std::floating_point<M>)
      return ColumnType::kReal;
    else if constexpr (std::same_as<M, Bytes>)
      return ColumnType::kBytes;
    else if constexpr (std::same_as<M, Json>)
      return ColumnType::kJson;
    else if constexpr (std::same_as<M, Timestamp>)
      return ColumnType::kTimestamp;
    else {
      static_assert(std::same_as<M, std::string>, "specialise ColumnTraits for members of this type");
      return ColumnType::kText;
    }
  }();
  /// The parameter that stores it. A specialisation may take `const M&`.
  static Value write(M member) { return Value(std::move(member)); }
};

/// The value's column, which takes NULL.
template <class M>
struct ColumnTraits<std::optional<M>> {
  static constexpr bool nullable = true;                     ///< NULL is std::nullopt
  static constexpr ColumnType type = ColumnTraits<M>::type;  ///< of the value there may be
  static Value write(std::optional<M> member) {              ///< NULL, or the value
    return member ? ColumnTraits<M>::write(*std::move(member)) : Value();
  }
};

/// A column, without the member behind it.
struct ColumnShape {
  std::string name;                      ///< as it is, quoted where needed
  ColumnType type = ColumnType::kText;   ///< what it holds
  ColumnRole role = ColumnRole::kPlain;  ///< what it is for
  Nulls nulls = Nulls::kByType;          ///< how it deals with NULL
  bool nullable = false;                 ///< NULL is a value

  bool operator==(const ColumnShape&) const = default;  ///< the same column
};

/// A table, without the struct behind it.
struct TableShape {
  std::string name;                  ///< without schema
  std::vector<ColumnShape> columns;  ///< in the order of the SELECT list

  /// Throws ConfigurationError when the roles do not make a table: see ColumnRole.
  ROWHOUSE_EXPORT void validate() const;
  /// The first column of the role, or nothing.
  ROWHOUSE_EXPORT std::optional<std::size_t> column_of(ColumnRole role) const noexcept;
  /// The places of the key columns.
  ROWHOUSE_EXPORT std::vector<std::size_t> keys() const;
  /// The statements that make it where it is missing: table, indexes, and on PostgreSQL protection by row security.
  ROWHOUSE_EXPORT std::vector<std::string> create_statements(Database database, const std::string& schema) const;
  bool operator==(const TableShape&) const = default;  ///< the same table
};

namespace detail {

// Where a member lies in its struct: how a filter names a column.
template <class T, class Owner, class M>
std::size_t offset_of(M Owner::*member) {
  static const T probe{};
  return static_cast<std::size_t>(reinterpret_cast<const char*>(&(probe.*member)) -
                                  reinterpret_cast<const char*>(&probe));
}

enum class Operator { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kIn };

struct Condition {
  std::size_t place;  // offset of a member in a Filter, number of a column in a statement
  Operator op;
  std::vector<Value> values;
};

struct Assignment {
  std::size_t place;
  Value value;
};

// As it is sent: its text; NULL for the null of JSON where the column takes it. 22021, 22P02, 22P05.
ROWHOUSE_EXPORT Value packed_json(const Json& json, bool nullable);
template <class M>
Value packed(const M& member, [[maybe_unused]] bool nullable) {
  if constexpr (std::same_as<M, Json>)
    return packed_json(member, nullable);
  else
    return ColumnTraits<M>::write(member);
}

}  // namespace detail

/// One column of a T: a name, the member that it fills, what it is for.
template <class T>
class Column {
 public:
  /// `member` may belong to a base of T.
  template <class M, class Owner>
  requires std::derived_from<T, Owner> Column(std::string name, M Owner::*member, ColumnRole role = ColumnRole::kPlain,
                                              Nulls nulls = Nulls::kByType)
      : shape_{std::move(name), ColumnTraits<M>::type, role, nulls,
               nulls == Nulls::kByType && ColumnTraits<M>::nullable},
        offset_(detail::offset_of<T>(member)),
        pack_([member, nullable = shape_.nullable](const T& object) {
          return detail::packed<M>(object.*member, nullable);
        }),
        read_([member, nulls](T& object, const Field& field) {
          const bool empty = (nulls == Nulls::kTolerated || std::same_as<M, Json>)&&field.is_null();
          object.*member = empty ? M{} : FieldTraits<M>::read(field);
        }) {}

  /// The column without its member.
  const ColumnShape& shape() const noexcept { return shape_; }
  /// Where the member lies in a T.
  std::size_t offset() const noexcept { return offset_; }
  /// The member's value as a parameter; JSON as text, which needs no copy of it. Throws 22021, 22P02 or 22P05 for JSON
  /// that jsonb cannot hold.
  Value pack(const T& object) const { return pack_(object); }
  /// Fills the member from a field.
  void read(T& object, const Field& field) const { read_(object, field); }

 private:
  ColumnShape shape_;
  std::size_t offset_;
  std::function<Value(const T&)> pack_;
  std::function<void(T&, const Field&)> read_;
};

/// Which rows: all that meet every condition. Made by where(); joined by &&; an empty one holds for every row.
/// A condition means what it means of the member in C++, so a nullopt is equal to nullopt and not equal to any value;
/// but no comparison by order holds for one. Text is ordered by its bytes.
template <class T>
class Filter {
 public:
  Filter() = default;
  /// One condition; where() is the way to make it.
  explicit Filter(detail::Condition condition) { conditions_.push_back(std::move(condition)); }
  /// A filter on a base of T.
  template <class Base>
  requires(std::derived_from<T, Base> && !std::same_as<T, Base>) Filter(const Filter<Base>& other)
      : conditions_(other.conditions()) {
    static const T probe{};
    const auto shift =
        reinterpret_cast<const char*>(static_cast<const Base*>(&probe)) - reinterpret_cast<const char*>(&probe);
    for (detail::Condition& condition : conditions_) condition.place += static_cast<std::size_t>(shift);
  }

  /// Both filters hold.
  friend Filter operator&&(Filter left, const Filter& right) {
    left.conditions_.insert(left.conditions_.end(), right.conditions_.begin(), right.conditions_.end());
    return left;
  }
  /// The conditions, by members.
  const std::vector<detail::Condition>& conditions() const noexcept { return conditions_; }

 private:
  std::vector<detail::Condition> conditions_;
};

/// A member to compare: `where(&Ticket::priority) >= 3`.
template <class T, class M>
class MemberOf {
 public:
  /// The member `member` of T.
  explicit MemberOf(M T::*member) : offset_(detail::offset_of<T>(member)) {}

  /// Holds where the member equals the value; NULL equals std::nullopt.
  Filter<T> operator==(const M& value) const { return compare(detail::Operator::kEqual, value); }
  /// Holds where the member is another value; NULL differs from every value.
  Filter<T> operator!=(const M& value) const { return compare(detail::Operator::kNotEqual, value); }
  Filter<T> operator<(const M& value) const { return compare(detail::Operator::kLess, value); }          ///< never NULL
  Filter<T> operator<=(const M& value) const { return compare(detail::Operator::kLessOrEqual, value); }  ///< never NULL
  Filter<T> operator>(const M& value) const { return compare(detail::Operator::kGreater, value); }       ///< never NULL
  Filter<T> operator>=(const M& value) const {                                                           ///< never NULL
    return compare(detail::Operator::kGreaterOrEqual, value);
  }
  /// Holds where the member equals one of the values; for none of them no row does.
  Filter<T> in(const std::vector<M>& values) const {
    detail::Condition condition{offset_, detail::Operator::kIn, {}};
    for (const M& value : values) condition.values.push_back(ColumnTraits<M>::write(value));
    return Filter<T>(std::move(condition));
  }

 private:
  static_assert(ColumnTraits<M>::type != ColumnType::kJson, "JSON is not compared");
  Filter<T> compare(detail::Operator op, const M& value) const {
    return Filter<T>(detail::Condition{offset_, op, {ColumnTraits<M>::write(value)}});
  }

  std::size_t offset_;
};

/// Begins a condition on a member.
template <class T, class M>
MemberOf<T, M> where(M T::*member) {
  return MemberOf<T, M>(member);
}

/// A new value for a member, for TableRepository::update().
template <class T>
struct Change {
  /// `member` becomes `value`.
  template <class M, class Owner, std::convertible_to<M> U>
  requires std::derived_from<T, Owner> Change(M Owner::*member, const U& value)
      : assignment{detail::offset_of<T>(member), ColumnTraits<M>::write(M(value))} {}

  detail::Assignment assignment;  ///< by member
};

/// A table and the struct that its rows become. Make it once, for example as a static constant; thread-safe.
///
///   const rowhouse::Table<Ticket> kTickets{"ticket", {
///       {"id", &Ticket::id, rowhouse::ColumnRole::kId},
///       {"company_id", &Ticket::company_id, rowhouse::ColumnRole::kTenant},
///       {"number", &Ticket::number, rowhouse::ColumnRole::kKey},
///       {"subject", &Ticket::subject}}};
template <class T>
class Table {
 public:
  /// Throws ConfigurationError when the roles do not make a table: see ColumnRole.
  Table(std::string name, std::vector<Column<T>> columns) : columns_(std::move(columns)) {
    shape_.name = std::move(name);
    for (const Column<T>& column : columns_) shape_.columns.push_back(column.shape());
    shape_.validate();
  }

  /// The table without the struct.
  const TableShape& shape() const noexcept { return shape_; }
  /// A parameter for each column, see Column::pack.
  std::vector<Value> pack(const T& object) const {
    std::vector<Value> values;
    values.reserve(columns_.size());
    for (const Column<T>& column : columns_) values.push_back(column.pack(object));
    return values;
  }
  /// A row of a SELECT of all columns, in their order.
  T read(const Row& row) const {
    T object{};
    for (std::size_t i = 0; i < columns_.size(); ++i) columns_[i].read(object, row[i]);
    return object;
  }
  /// The number of the column that this member fills. Throws 42703 when there is none.
  std::size_t column_at(std::size_t offset) const {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].offset() == offset) return i;
    }
    throw_error("42703", "a filter or change names a member that is no column of \"" + shape_.name + '"');
  }
  /// The filter's conditions, by columns.
  std::vector<detail::Condition> conditions(const Filter<T>& filter) const {
    std::vector<detail::Condition> out = filter.conditions();
    for (detail::Condition& condition : out) condition.place = column_at(condition.place);
    return out;
  }

 private:
  TableShape shape_;
  std::vector<Column<T>> columns_;
};

}  // namespace rowhouse
