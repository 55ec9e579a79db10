// What becomes of text that PostgreSQL can't hold, where the user wants it changed rather than set aside.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rowhouse::bridge {

enum class PgType;

enum class OnNul {
  reject,  ///< the row is set aside
  strip,   ///< the NUL is left out
  replace  ///< it becomes U+2400, the symbol for NUL
};

enum class OnInvalidUtf8 {
  reject,   ///< the row is set aside
  replace,  ///< each byte that is part of no character becomes U+FFFD
  bytea     ///< a column of text that holds any such value becomes bytea, which keeps every byte
};

/// In jsonb the escapes \u0000 and half a surrogate pair are treated as NUL and invalid UTF-8 are.
struct TextPolicy {
  OnNul on_nul = OnNul::reject;
  OnInvalidUtf8 on_invalid_utf8 = OnInvalidUtf8::reject;

  bool changes_values() const { return on_nul != OnNul::reject || on_invalid_utf8 == OnInvalidUtf8::replace; }
  /// ChunkLimits::salt for rows that are kept by this policy; 0 where it changes none.
  std::uint64_t salt() const {
    return changes_values() ? 1 + static_cast<std::uint64_t>(on_nul) + 4 * static_cast<std::uint64_t>(on_invalid_utf8) : 0;
  }
};

/// The text as the policy keeps it for `type` (text or jsonb) in `kept`; false, and nothing in `kept` to be used, where
/// it stays as it is. What the policy rejects stays in it.
bool repair_text(std::string_view bytes, PgType type, const TextPolicy& policy, std::string& kept);

struct TextFaults {
  bool nul = false;
  bool invalid_utf8 = false;
};
/// All that check_text() could refuse the text for.
TextFaults find_faults(std::string_view bytes);

}  // namespace rowhouse::bridge
