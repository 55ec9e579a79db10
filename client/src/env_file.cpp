#include <algorithm>
#include <cctype>
#include <fstream>

#include "rowhouse/config.hpp"
#include "rowhouse/error.hpp"

namespace rowhouse {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_name(std::string_view text) {
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) == 0 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

// The value after the equals sign; nothing when a quote is not closed or is followed by more than a comment.
std::optional<std::string> parse_value(std::string_view text) {
  text = trimmed(text);
  if (text.empty() || (text.front() != '"' && text.front() != '\'')) {
    if (text.starts_with('#')) return "";
    const std::size_t comment = std::min(text.find(" #"), text.find("\t#"));
    return std::string(trimmed(text.substr(0, comment)));
  }
  const char quote = text.front();
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == quote) {
      const std::string_view rest = trimmed(text.substr(i + 1));
      if (!rest.empty() && rest.front() != '#') return std::nullopt;
      return value;
    }
    if (quote == '"' && text[i] == '\\' && i + 1 < text.size()) {
      const char escaped = text[++i];
      if (escaped == 'n')
        value += '\n';
      else if (escaped == '"' || escaped == '\\' || escaped == '$')
        value += escaped;
      else
        value += {'\\', escaped};
    } else {
      value += text[i];
    }
  }
  return std::nullopt;
}

}  // namespace

DatabaseConfig::Variables read_env_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw ConfigurationError("cannot read " + path, "Check the path and its permissions.");
  DatabaseConfig::Variables variables;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    std::string_view text = line;
    if (number == 1 && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    text = trimmed(text);
    if (text.empty() || text.front() == '#') continue;
    if (text.starts_with("export ")) text = trimmed(text.substr(7));
    const std::size_t equals = text.find('=');
    const std::string place = path + ", line " + std::to_string(number) + ": ";
    const std::string_view name = trimmed(text.substr(0, equals));
    if (equals == std::string_view::npos || !is_name(name))
      throw ConfigurationError(place + "not of the form NAME=VALUE");
    const auto value = parse_value(text.substr(equals + 1));
    if (!value) throw ConfigurationError(place + "the quotes of " + std::string(name) + " do not match");
    variables.insert_or_assign(std::string(name), *value);
  }
  if (file.bad()) throw ConfigurationError("cannot read " + path);
  return variables;
}

}  // namespace rowhouse
