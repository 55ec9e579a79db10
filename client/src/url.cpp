#include "rowhouse/url.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <ostream>

#include "rowhouse/error.hpp"

namespace rowhouse {
namespace {

constexpr std::string_view kMask = "***";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decode(std::string_view text, std::string_view part) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0 || (high == 0 && low == 0)) {
      throw ConfigurationError("the " + std::string(part) + " of the URL has an invalid percent escape",
                               "Write a literal percent sign as %25.");
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text, std::string_view also_plain) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const unsigned char c : text) {
    if (std::isalnum(c) != 0 || std::string_view("-._~").find(static_cast<char>(c)) != std::string_view::npos ||
        also_plain.find(static_cast<char>(c)) != std::string_view::npos) {
      out.push_back(static_cast<char>(c));
    } else {
      out += {'%', kDigits[c >> 4], kDigits[c & 15]};
    }
  }
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

bool is_secret(std::string_view parameter) {
  static constexpr std::array<std::string_view, 8> kSecret{"pass", "pwd",  "secret",     "token",
                                                           "key",  "auth", "credential", "signature"};
  const std::string name = lower(parameter);
  return std::any_of(kSecret.begin(), kSecret.end(),
                     [&](std::string_view word) { return name.find(word) != std::string::npos; });
}

std::string canonical_scheme(std::string_view text) {
  const std::string scheme = lower(text.substr(0, text.find('+')));
  const bool valid = !scheme.empty() && std::isalpha(static_cast<unsigned char>(scheme.front())) != 0 &&
                     std::all_of(scheme.begin(), scheme.end(),
                                 [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '-'; });
  if (!valid) {
    throw ConfigurationError("a URL starts with a scheme", "For example postgresql://user@host/database.");
  }
  return scheme == "postgres" ? "postgresql" : scheme;
}

Url::Host parse_host(std::string_view text) {
  std::size_t name_end = text.find(':');
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) throw ConfigurationError("the host of the URL has '[' without ']'");
    name_end = bracket + 1 < text.size() ? bracket + 1 : std::string_view::npos;
    if (name_end != std::string_view::npos && text[name_end] != ':') {
      throw ConfigurationError("the host of the URL has text after ']'");
    }
  }
  Url::Host host;
  host.name = percent_decode(text.substr(0, name_end), "host");
  if (host.name.starts_with('[')) host.name = host.name.substr(1, host.name.size() - 2);
  if (name_end != std::string_view::npos) host.port = std::string(text.substr(name_end + 1));
  const bool numeric = std::all_of(host.port.begin(), host.port.end(), [](unsigned char c) { return std::isdigit(c); });
  const int number = numeric && !host.port.empty() && host.port.size() <= 5 ? std::stoi(host.port) : 0;
  if (!host.port.empty() && (number < 1 || number > 65535)) {
    throw ConfigurationError("the port of the URL is not a number from 1 to 65535",
                             "In a password, write '/' as %2F, ':' as %3A, '@' as %40, '?' as %3F and '#' as %23.");
  }
  return host;
}

std::vector<std::pair<std::string, std::string>> parse_parameters(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view item = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (item.empty()) continue;
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      throw ConfigurationError("a parameter of the URL is not of the form name=value");
    }
    parameters.emplace_back(percent_decode(item.substr(0, equals), "parameters"),
                            percent_decode(item.substr(equals + 1), "parameters"));
  }
  return parameters;
}

}  // namespace

Url Url::parse(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) {
    throw ConfigurationError("not a URL: there is no '://'", "For example postgresql://user@host/database.");
  }
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c != 0x7f; });
  if (!plain && !text.starts_with("sqlite")) {
    throw ConfigurationError("the URL has a blank or a control character", "Write a blank as %20.");
  }
  Url url;
  url.scheme_ = canonical_scheme(text.substr(0, colon));
  std::string_view rest = text.substr(colon + 3);
  if (const std::size_t question = rest.find('?'); question != std::string_view::npos) {
    url.parameters_ = parse_parameters(rest.substr(question + 1));
    rest = rest.substr(0, question);
  }
  const std::size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) url.database_ = percent_decode(rest.substr(slash + 1), "path");
  if (url.is_sqlite()) {
    if (!authority.empty()) {
      throw ConfigurationError(
          "a sqlite URL has no host: there are three slashes before a relative path, four before an absolute one",
          "For example sqlite:///./data/main.db or sqlite:////srv/data/main.db.");
    }
    if (url.database_ == ":memory:") url.database_.clear();
    return url;
  }
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view login = authority.substr(0, at);
    const std::size_t separator = login.find(':');
    url.user_ = percent_decode(login.substr(0, separator), "user");
    if (separator != std::string_view::npos) url.password_ = percent_decode(login.substr(separator + 1), "password");
    authority = authority.substr(at + 1);
  }
  while (true) {
    const std::size_t comma = authority.find(',');
    url.hosts_.push_back(parse_host(authority.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    authority = authority.substr(comma + 1);
  }
  return url;
}

Url Url::sqlite_file(std::string path) {
  Url url;
  url.scheme_ = "sqlite";
  url.database_ = std::move(path);
  return url;
}

Url Url::postgresql(Host host, std::string database, std::string user, std::optional<std::string> password) {
  Url url;
  url.scheme_ = "postgresql";
  url.user_ = std::move(user);
  url.password_ = std::move(password);
  url.hosts_.push_back(std::move(host));
  url.database_ = std::move(database);
  return url;
}

std::string Url::print(bool mask) const {
  std::string out = scheme_ + "://";
  if (!user_.empty() || password_) {
    out += percent_encode(user_, "");
    if (password_) out += ':' + (mask ? std::string(kMask) : percent_encode(*password_, ""));
    out += '@';
  }
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (i > 0) out += ',';
    const bool bracket = hosts_[i].name.find(':') != std::string::npos;
    out += bracket ? '[' + hosts_[i].name + ']' : percent_encode(hosts_[i].name, "");
    if (!hosts_[i].port.empty()) out += ':' + hosts_[i].port;
  }
  if (!database_.empty()) out += '/' + percent_encode(database_, "/:@");
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const auto& [name, value] = parameters_[i];
    out += (i == 0 ? '?' : '&') + percent_encode(name, "") + '=';
    out += mask && is_secret(name) ? std::string(kMask) : percent_encode(value, "/:@,");
  }
  return out;
}

std::string Url::masked() const { return print(true); }
std::string Url::revealed() const { return print(false); }

std::ostream& operator<<(std::ostream& out, const Url& url) { return out << url.masked(); }

std::string mask_url(std::string_view text) {
  const std::size_t colon = text.find("://");
  const std::size_t login = colon == std::string_view::npos ? 0 : colon + 3;
  const std::size_t at = text.rfind('@');
  std::string out(text);
  if (at != std::string_view::npos && at >= login) {
    const std::size_t separator = text.find(':', login);
    const std::size_t from = separator < at ? separator + 1 : login;
    out = std::string(text.substr(0, from)) + std::string(kMask) + std::string(text.substr(at));
  }
  std::size_t item = out.find('?');
  while (item != std::string::npos) {
    const std::size_t equals = out.find('=', item + 1);
    const std::size_t next = out.find('&', item + 1);
    if (equals < next && is_secret(std::string_view(out).substr(item + 1, equals - item - 1))) {
      out.replace(equals + 1, next == std::string::npos ? next : next - equals - 1, kMask);
    }
    item = out.find('&', item + 1);
  }
  return out;
}

}  // namespace rowhouse
