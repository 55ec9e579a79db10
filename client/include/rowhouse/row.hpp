#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "rowhouse/export.hpp"

namespace rowhouse {

/// A value of JSON.
using Json = nlohmann::json;
/// A value of bytea or BLOB.
using Bytes = std::vector<std::byte>;
/// A moment in UTC, as precise as PostgreSQL's.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// A parameter of a statement: always bound, never pasted into SQL. Owns what it holds.
class Value {
 public:
  /// What a value can be; the first is NULL.
  using Held = std::variant<std::monostate, bool, std::int64_t, double, std::string, Bytes, Json, Timestamp>;

  Value() = default;                                          ///< NULL
  Value(std::nullptr_t) {}                                    ///< NULL
  Value(std::nullopt_t) {}                                    ///< NULL
  Value(const char* text) : held_(std::string(text)) {}       ///< text in UTF-8, up to its NUL
  Value(std::string_view text) : held_(std::string(text)) {}  ///< text in UTF-8
  Value(std::string text) : held_(std::move(text)) {}         ///< text in UTF-8
  Value(Bytes bytes) : held_(std::move(bytes)) {}             ///< bytea; SQLite: BLOB
  Value(Timestamp time) : held_(time) {}                      ///< timestamptz; SQLite: text in UTC
  /// boolean; SQLite: 0 or 1.
  template <std::same_as<bool> T>
  Value(T flag) : held_(flag) {}
  /// bigint or smaller; SQLite: INTEGER. An unsigned 64-bit number has no type in the databases.
  template <std::integral T>
  requires(!std::same_as<T, bool> && (std::signed_integral<T> || sizeof(T) < 8)) Value(T number)
      : held_(static_cast<std::int64_t>(number)) {}
  /// double precision; SQLite: REAL.
  template <std::floating_point T>
  Value(T number) : held_(static_cast<double>(number)) {}
  /// jsonb or json; SQLite: text. A null of JSON is JSON, not NULL.
  template <std::same_as<Json> T>
  Value(T json) : held_(std::move(json)) {}
  /// NULL, or the value.
  template <class T>
  Value(std::optional<T> value) {
    if (value) held_ = Value(*std::move(value)).held_;
  }

  /// What it is.
  const Held& held() const noexcept { return held_; }

 private:
  Held held_;
};

namespace detail {
class ResultData;
}

class Field;

/// How a field becomes a T. Specialise it for types of your own: `static T read(const Field& field)`.
template <class T>
struct FieldTraits;

/// One field of a row; lives no longer than its Result. Failed conversions throw Error of kind kData naming the column.
class ROWHOUSE_EXPORT Field {
 public:
  /// Made by Row.
  Field(const detail::ResultData& data, std::size_t row, std::size_t column) noexcept
      : data_(&data), row_(row), column_(column) {}

  /// The column's; lives as long as the Result.
  std::string_view name() const;
  /// Whether it is NULL.
  bool is_null() const;
  /// The value as a T, by FieldTraits: bool, integers, double, std::string, Bytes, Json, Timestamp, and std::optional
  /// of them. Throws 22004 for a NULL that T cannot hold, 42804 for a value that is no T or does not fit it.
  template <class T>
  T as() const {
    return FieldTraits<T>::read(*this);
  }

  bool to_bool() const;             ///< a boolean, or 0 or 1
  std::int64_t to_integer() const;  ///< a whole number
  double to_double() const;         ///< any number
  std::string to_text() const;      ///< a text, or a number as text; of PostgreSQL's other types what it prints
  Bytes to_bytes() const;           ///< bytea or BLOB
  Json to_json() const;             ///< parsed anew with each call
  Timestamp to_timestamp() const;   ///< a text without a zone is UTC
  /// For FieldTraits: throws 22004 where the field is NULL, else 42804: it cannot be read as `type`.
  [[noreturn]] void fail(std::string_view type) const;

 private:
  const detail::ResultData* data_;
  std::size_t row_;
  std::size_t column_;
};

/// One row; lives no longer than its Result.
class ROWHOUSE_EXPORT Row {
 public:
  /// Made by Result.
  Row(const detail::ResultData& data, std::size_t row) noexcept : data_(&data), row_(row) {}

  std::size_t size() const noexcept;                ///< how many fields it has
  Field operator[](std::size_t column) const;       ///< from 0; throws 42703 where there is no such column
  Field operator[](std::string_view column) const;  ///< the first of this name; throws 42703 where there is none
  /// A field as a T, see Field::as.
  template <class T>
  T get(std::size_t column) const {
    return (*this)[column].template as<T>();
  }
  /// The first fields, each as its type: `auto [id, name] = row.to<std::int64_t, std::string>();`
  template <class... T>
  std::tuple<T...> to() const {
    return to_tuple<T...>(std::index_sequence_for<T...>());
  }

 private:
  template <class... T, std::size_t... I>
  std::tuple<T...> to_tuple(std::index_sequence<I...>) const {
    return std::tuple<T...>{get<T>(I)...};
  }

  const detail::ResultData* data_;
  std::size_t row_;
};

/// What a statement returned, complete and independent of the connection. Cheap to copy.
class ROWHOUSE_EXPORT Result {
 public:
  /// Over the rows, in their order.
  class Iterator {
   public:
    using value_type = Row;                             ///< for algorithms
    using difference_type = std::ptrdiff_t;             ///< for algorithms
    using iterator_category = std::input_iterator_tag;  ///< for algorithms
    /// At this row.
    Iterator(const Result& result, std::size_t row) noexcept : result_(&result), row_(row) {}
    /// The row.
    Row operator*() const { return (*result_)[row_]; }
    /// To the next row.
    Iterator& operator++() noexcept {
      ++row_;
      return *this;
    }
    /// At the same row of one Result.
    bool operator==(const Iterator& other) const noexcept { return row_ == other.row_; }

   private:
    const Result* result_;
    std::size_t row_;
  };

  /// Made by the sessions.
  explicit Result(std::shared_ptr<const detail::ResultData> data) noexcept : data_(std::move(data)) {}

  std::size_t size() const noexcept;                         ///< how many rows there are
  bool empty() const noexcept { return size() == 0; }        ///< there is no row
  std::size_t columns() const noexcept;                      ///< how many columns there are
  std::string_view column_name(std::size_t column) const;    ///< throws 42703 where there is no such column
  std::size_t affected_rows() const noexcept;                ///< of INSERT, UPDATE, DELETE
  Row operator[](std::size_t row) const;                     ///< from 0; throws P0002 where there is no such row
  Row one() const;                                           ///< throws P0002 for no row, P0003 for more than one
  Iterator begin() const noexcept { return {*this, 0}; }     ///< the first row
  Iterator end() const noexcept { return {*this, size()}; }  ///< behind the last row

 private:
  std::shared_ptr<const detail::ResultData> data_;
};

/// See Field::to_bool.
template <>
struct FieldTraits<bool> {
  /// The field as that type.
  static bool read(const Field& field) { return field.to_bool(); }
};
/// See Field::to_integer; 42804 as well for a number that T does not hold.
template <class T>
requires(std::integral<T> && !std::same_as<T, bool>) struct FieldTraits<T> {
  /// The field as that type.
  static T read(const Field& field) {
    const std::int64_t number = field.to_integer();
    if (!std::in_range<T>(number)) field.fail("an integer of this size");
    return static_cast<T>(number);
  }
};
/// See Field::to_double.
template <>
struct FieldTraits<double> {
  /// The field as that type.
  static double read(const Field& field) { return field.to_double(); }
};
/// See Field::to_text.
template <>
struct FieldTraits<std::string> {
  /// The field as that type.
  static std::string read(const Field& field) { return field.to_text(); }
};
/// See Field::to_bytes.
template <>
struct FieldTraits<Bytes> {
  /// The field as that type.
  static Bytes read(const Field& field) { return field.to_bytes(); }
};
/// See Field::to_json.
template <>
struct FieldTraits<Json> {
  /// The field as that type.
  static Json read(const Field& field) { return field.to_json(); }
};
/// See Field::to_timestamp.
template <>
struct FieldTraits<Timestamp> {
  /// The field as that type.
  static Timestamp read(const Field& field) { return field.to_timestamp(); }
};
/// Nothing for NULL, else the value.
template <class T>
struct FieldTraits<std::optional<T>> {
  /// The field as that type.
  static std::optional<T> read(const Field& field) {
    if (field.is_null()) return std::nullopt;
    return FieldTraits<T>::read(field);
  }
};

}  // namespace rowhouse
