// Whether jsonb would take a text, judged by a JSON parser that keeps nothing.
#include <cstring>
#include <nlohmann/json.hpp>

#include "bridge/cell.hpp"

namespace rowhouse::bridge {
namespace {

constexpr Refusal kSyntax{"22P02", "the text is not valid JSON"};
constexpr Refusal kHalfPair{"22P02", "the JSON holds half of a surrogate pair (\\ud800 to \\udfff), which jsonb can't"};
constexpr Refusal kEscapedNul{"22P05", "the JSON holds an escaped NUL (\\u0000), which jsonb can't"};

// Listens to the parser and looks only for what jsonb refuses beyond syntax. The parser itself refuses lone
// surrogates, NaN and Infinity.
class Listener : public nlohmann::json_sax<nlohmann::json> {
 public:
  Refusal refusal;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t& text) override { return no_nul(text); }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t& text) override { return no_nul(text); }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    // 406: a number beyond a double's range, which numeric may still hold: the server decides.
    if (error.id != 406) refusal = std::strstr(error.what(), "surrogate") ? kHalfPair : kSyntax;
    return false;
  }

 private:
  bool no_nul(const std::string& text) {
    if (text.find('\0') == std::string::npos) return true;
    refusal = kEscapedNul;
    return false;
  }
};

}  // namespace

Refusal check_json(std::string_view bytes) {
  if (const Refusal refusal = check_text(bytes)) return refusal;
  if (bytes.substr(0, 3) == "\xEF\xBB\xBF") return kSyntax;  // the parser passes over a byte order mark, jsonb does not
  Listener listener;
  nlohmann::json::sax_parse(bytes.begin(), bytes.end(), &listener);
  return listener.refusal;
}

}  // namespace rowhouse::bridge
