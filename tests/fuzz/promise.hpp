// What a fuzz target holds the bridge to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bridge/cell.hpp"
#include "bridge/types.hpp"

namespace rowhouse::fuzz {

/// Ends the program, which a fuzzer takes for a crash, where a promise is broken.
void promise(bool kept, const char* what);
/// A field of binary COPY as the type's receive function wants it.
void check_field(bridge::PgType type, std::string_view field);

/// Takes an input apart; behind its end come zeros and empty strings.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t byte();
  std::uint64_t number();                          ///< of eight bytes
  std::string_view string(std::size_t bytes_max);  ///< behind a byte with its length
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

inline constexpr bridge::PgType kAllTypes[] = {
    bridge::PgType::boolean, bridge::PgType::bigint, bridge::PgType::double_precision, bridge::PgType::numeric,
    bridge::PgType::text,    bridge::PgType::bytea,  bridge::PgType::date,             bridge::PgType::timestamp,
    bridge::PgType::timestamptz, bridge::PgType::jsonb};

/// A value as SQLite may hold it: class, and eight bytes or a string.
bridge::Cell read_cell(Bytes& input);

}  // namespace rowhouse::fuzz
