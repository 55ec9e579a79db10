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

using Json = nlohmann::json;
using Bytes = std::vector<std::byte>;
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;  ///< UTC

/// A parameter of a statement: always bound, never pasted into SQL.
class Value {
 public:
  using Held = std::variant<std::monostate, bool, std::int64_t, double, std::string, Bytes, Json, Timestamp>;

  Value() = default;  ///< NULL
  Value(std::nullptr_t) {}
  Value(std::nullopt_t) {}
  Value(const char* text) : held_(std::string(text)) {}
  Value(std::string_view text) : held_(std::string(text)) {}
  Value(std::string text) : held_(std::move(text)) {}
  Value(Bytes bytes) : held_(std::move(bytes)) {}
  Value(Timestamp time) : held_(time) {}
  template <std::same_as<bool> T>
  Value(T flag) : held_(flag) {}
  template <std::integral T>
  requires(!std::same_as<T, bool> && (std::signed_integral<T> || sizeof(T) < 8)) Value(T number)
      : held_(static_cast<std::int64_t>(number)) {}
  template <std::floating_point T>
  Value(T number) : held_(static_cast<double>(number)) {}
  template <std::same_as<Json> T>
  Value(T json) : held_(std::move(json)) {}
  template <class T>
  Value(std::optional<T> value) {
    if (value) held_ = Value(*std::move(value)).held_;
  }

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
  Field(const detail::ResultData& data, std::size_t row, std::size_t column) noexcept
      : data_(&data), row_(row), column_(column) {}

  std::string_view name() const;
  bool is_null() const;
  template <class T>
  T as() const {
    return FieldTraits<T>::read(*this);
  }

  bool to_bool() const;
  std::int64_t to_integer() const;
  double to_double() const;
  std::string to_text() const;
  Bytes to_bytes() const;
  Json to_json() const;
  Timestamp to_timestamp() const;  ///< a text without a zone is UTC
  [[noreturn]] void fail(std::string_view type) const;

 private:
  const detail::ResultData* data_;
  std::size_t row_;
  std::size_t column_;
};

/// One row; lives no longer than its Result.
class ROWHOUSE_EXPORT Row {
 public:
  Row(const detail::ResultData& data, std::size_t row) noexcept : data_(&data), row_(row) {}

  std::size_t size() const noexcept;
  Field operator[](std::size_t column) const;       ///< throws Error where there is no such column
  Field operator[](std::string_view column) const;  ///< as above, by name
  template <class T>
  T get(std::size_t column) const {
    return (*this)[column].template as<T>();
  }
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
  class Iterator {
   public:
    using value_type = Row;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    Iterator(const Result& result, std::size_t row) noexcept : result_(&result), row_(row) {}
    Row operator*() const { return (*result_)[row_]; }
    Iterator& operator++() noexcept {
      ++row_;
      return *this;
    }
    bool operator==(const Iterator& other) const noexcept { return row_ == other.row_; }

   private:
    const Result* result_;
    std::size_t row_;
  };

  explicit Result(std::shared_ptr<const detail::ResultData> data) noexcept : data_(std::move(data)) {}

  std::size_t size() const noexcept;
  bool empty() const noexcept { return size() == 0; }
  std::size_t columns() const noexcept;
  std::string_view column_name(std::size_t column) const;
  std::size_t affected_rows() const noexcept;  ///< of INSERT, UPDATE, DELETE
  Row operator[](std::size_t row) const;       ///< throws Error where there is no such row
  Row one() const;                             ///< throws Error P0002 or P0003 when there is not exactly one row
  Iterator begin() const noexcept { return {*this, 0}; }
  Iterator end() const noexcept { return {*this, size()}; }

 private:
  std::shared_ptr<const detail::ResultData> data_;
};

template <>
struct FieldTraits<bool> {
  static bool read(const Field& field) { return field.to_bool(); }
};
template <class T>
requires(std::integral<T> && !std::same_as<T, bool>) struct FieldTraits<T> {
  static T read(const Field& field) {
    const std::int64_t number = field.to_integer();
    if (!std::in_range<T>(number)) field.fail("an integer of this size");
    return static_cast<T>(number);
  }
};
template <>
struct FieldTraits<double> {
  static double read(const Field& field) { return field.to_double(); }
};
template <>
struct FieldTraits<std::string> {
  static std::string read(const Field& field) { return field.to_text(); }
};
template <>
struct FieldTraits<Bytes> {
  static Bytes read(const Field& field) { return field.to_bytes(); }
};
template <>
struct FieldTraits<Json> {
  static Json read(const Field& field) { return field.to_json(); }
};
template <>
struct FieldTraits<Timestamp> {
  static Timestamp read(const Field& field) { return field.to_timestamp(); }
};
template <class T>
struct FieldTraits<std::optional<T>> {
  static std::optional<T> read(const Field& field) {
    if (field.is_null()) return std::nullopt;
    return FieldTraits<T>::read(field);
  }
};

}  // namespace rowhouse
