#include "bridge/tenant_id.hpp"

#include "bridge/cell.hpp"

namespace rowhouse::bridge {
namespace {

// Characters that are not seen, or that turn the reading order: two ids that look alike must be alike.
bool is_invisible(std::uint32_t c) {
  return c == 0x00A0 || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x2069) ||
         c == 0xFEFF || (c >= 0x80 && c <= 0x9F);
}

// The code point of valid UTF-8 at `at`, which moves behind it.
std::uint32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0x80) return lead;
  int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  std::uint32_t c = lead & (0x3F >> more);
  while (more-- > 0) c = (c << 6) | (static_cast<unsigned char>(text[at++]) & 0x3F);
  return c;
}

Status refuse(std::string message) {
  return Status{"22023", std::move(message), "",
                "A tenant id is 1 to 128 bytes of UTF-8 without control characters, slashes or invisible characters, "
                "and starts with neither a dot, a hyphen nor a blank."};
}

}  // namespace

Status check_tenant_id(std::string_view id) {
  if (id.empty()) return refuse("the tenant id is empty");
  if (id.find('\0') != std::string_view::npos) return refuse("the tenant id holds a NUL byte");
  if (id.size() > kTenantIdMaxBytes)
    return refuse("the tenant id is " + std::to_string(id.size()) + " bytes long, at most 128 are allowed");
  if (check_text(id)) return refuse("the tenant id is not valid UTF-8");
  if (id.front() == '.' || id.front() == '-' || id.front() == ' ')
    return refuse("the tenant id starts with a dot, a hyphen or a blank");
  if (id.back() == ' ') return refuse("the tenant id ends with a blank");
  for (std::size_t at = 0; at < id.size();) {
    const std::uint32_t c = next_code_point(id, at);
    if (c < 0x20 || c == 0x7F) return refuse("the tenant id holds a control character");
    if (c == '/' || c == '\\') return refuse("the tenant id holds a slash");
    if (is_invisible(c)) return refuse("the tenant id holds an invisible character");
  }
  return {};
}

std::optional<std::string> tenant_from_file_name(std::string_view file_name, std::string_view pattern) {
  constexpr std::string_view kMark = "{tenant}";
  const std::size_t mark = pattern.find(kMark);
  if (mark == std::string_view::npos) return std::nullopt;
  const std::string_view before = pattern.substr(0, mark), after = pattern.substr(mark + kMark.size());
  if (file_name.size() <= before.size() + after.size()) return std::nullopt;
  if (file_name.substr(0, before.size()) != before) return std::nullopt;
  if (file_name.substr(file_name.size() - after.size()) != after) return std::nullopt;
  return std::string(file_name.substr(before.size(), file_name.size() - before.size() - after.size()));
}

}  // namespace rowhouse::bridge
