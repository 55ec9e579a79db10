// Text as PostgreSQL takes it: checked, shown to people, and repaired where the user says so.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "bridge/cell.hpp"
#include "bridge/text_policy.hpp"
#include "bridge/types.hpp"

namespace rowhouse::bridge {
namespace {

constexpr Refusal kBadUtf8{"22021", "the text is not valid UTF-8"};
constexpr Refusal kNulInText{"22021", "the text holds a NUL character, which PostgreSQL's text can't"};

constexpr std::string_view kNulSymbol = "\xE2\x90\x80";             // U+2400
constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

// Length of the sequence that `lead` begins, 0 where none does; `low` and `high` bound the second byte.
int utf8_length(unsigned char lead, unsigned char& low, unsigned char& high) {
  low = 0x80;
  high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
    return 4;
  }
  return 0;
}

// The length of the valid character that `bytes` begin with, 0 where there is none.
std::size_t character_length(std::string_view bytes) {
  const auto lead = static_cast<unsigned char>(bytes[0]);
  if (lead < 0x80) return 1;
  unsigned char low, high;
  const auto length = static_cast<std::size_t>(utf8_length(lead, low, high));
  if (length == 0 || bytes.size() < length) return 0;
  const auto second = static_cast<unsigned char>(bytes[1]);
  if (second < low || second > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((static_cast<unsigned char>(bytes[i]) & 0xC0) != 0x80) return 0;
  }
  return length;
}

// Eight bytes that are ASCII and not NUL, which is most of all text.
bool eight_plain(const char* p) {
  std::uint64_t word;
  std::memcpy(&word, p, sizeof word);
  const std::uint64_t zeros = (word - 0x0101010101010101ULL) & ~word;
  return ((word | zeros) & 0x8080808080808080ULL) == 0;
}

// The code unit that an escape `\uXXXX` at the start of `bytes` stands for, -1 where there is none.
int escaped_unit(std::string_view bytes) {
  if (bytes.size() < 6 || bytes[0] != '\\' || bytes[1] != 'u') return -1;
  int unit = 0;
  for (const char c : bytes.substr(2, 4)) {
    const int letter = (c | 0x20) - 'a' + 10;
    if (c >= '0' && c <= '9') {
      unit = unit * 16 + c - '0';
    } else if (letter >= 10 && letter <= 15) {
      unit = unit * 16 + letter;
    } else {
      return -1;
    }
  }
  return unit;
}

bool is_high_half(int unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool is_low_half(int unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

// An escape of JSON at the start of `bytes`, as it is kept; its length is returned.
std::size_t repair_escape(std::string_view bytes, const TextPolicy& policy, std::string& kept) {
  const int unit = escaped_unit(bytes);
  if (unit < 0) {
    const bool quotes = bytes.size() > 1 && (bytes[1] == '\\' || bytes[1] == '"');
    kept += bytes.substr(0, quotes ? 2 : 1);
    return quotes ? 2 : 1;
  }
  const bool pair = is_high_half(unit) && is_low_half(escaped_unit(bytes.substr(6)));
  const std::size_t length = pair ? 12 : 6;
  if (unit == 0 && policy.on_nul != OnNul::reject) {
    if (policy.on_nul == OnNul::replace) kept += "\\u2400";
  } else if (!pair && (is_high_half(unit) || is_low_half(unit)) && policy.on_invalid_utf8 == OnInvalidUtf8::replace) {
    kept += "\\ufffd";
  } else {
    kept += bytes.substr(0, length);
  }
  return length;
}

}  // namespace

Refusal check_text(std::string_view bytes) {
  while (!bytes.empty()) {
    if (bytes.size() >= 8 && eight_plain(bytes.data())) {
      bytes.remove_prefix(8);
      continue;
    }
    if (bytes[0] == '\0') return kNulInText;
    const std::size_t length = character_length(bytes);
    if (length == 0) return kBadUtf8;
    bytes.remove_prefix(length);
  }
  return {};
}

std::string printable(std::string_view bytes, std::size_t max) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t length = character_length(bytes);
    const bool shown = length > 1 || (length == 1 && static_cast<unsigned char>(bytes[0]) >= 0x20 && bytes[0] != 0x7F);
    if (text.size() + std::max<std::size_t>(length, 1) > max) break;
    text += shown ? bytes.substr(0, length) : "?";
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return text;
}

TextFaults find_faults(std::string_view bytes) {
  TextFaults faults;
  faults.nul = bytes.find('\0') != std::string_view::npos;
  while (!bytes.empty() && !faults.invalid_utf8) {
    const std::size_t length = character_length(bytes);
    faults.invalid_utf8 = length == 0;
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return faults;
}

bool repair_text(std::string_view bytes, PgType type, const TextPolicy& policy, std::string& kept) {
  const bool escapes = type == PgType::jsonb && bytes.find("\\u") != std::string_view::npos;
  if (!escapes && !check_text(bytes)) return false;
  const std::size_t size = bytes.size();
  const std::string_view found = bytes;
  kept.clear();
  kept.reserve(size);
  while (!bytes.empty()) {
    std::size_t length = character_length(bytes);
    if (escapes && bytes[0] == '\\') {
      length = repair_escape(bytes, policy, kept);
    } else if (bytes[0] == '\0' && policy.on_nul != OnNul::reject) {
      if (policy.on_nul == OnNul::replace) kept += kNulSymbol;
    } else if (length == 0 && policy.on_invalid_utf8 == OnInvalidUtf8::replace) {
      kept += kReplacementCharacter;
    } else {
      kept += bytes.substr(0, std::max<std::size_t>(length, 1));
    }
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return kept != found;
}

}  // namespace rowhouse::bridge
