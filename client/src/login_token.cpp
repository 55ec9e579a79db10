#include "connection.hpp"
#include "rowhouse/error.hpp"
#include "rowhouse/session.hpp"

namespace rowhouse {
namespace {

// Nothing for a text that is not base64url.
std::optional<std::string> decode_base64url(std::string_view text) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  unsigned bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xff);
  }
  return out;
}

}  // namespace

LoginToken::LoginToken(std::string text) : text_(std::move(text)) {
  const std::size_t first = text_.find('.');
  const std::size_t second = first == std::string::npos ? first : text_.find('.', first + 1);
  if (second != std::string::npos) {
    const auto payload = decode_base64url(std::string_view(text_).substr(first + 1, second - first - 1));
    const Json claims = payload ? Json::parse(*payload, nullptr, false) : Json();
    const auto tenant = claims.is_object() ? claims.find("tenant") : claims.end();
    if (claims.is_object() && tenant != claims.end() && tenant->is_string()) tenant_ = *tenant;
  }
  if (tenant_.empty() || text_.find('\0') != std::string::npos)
    throw_error("22023", "the login token is malformed", {.hint = "It is a JWT with the claims tenant and exp."});
  detail::check_tenant(tenant_);
}

}  // namespace rowhouse
