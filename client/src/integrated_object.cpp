#include "rowhouse/integrated_object.hpp"

#include "rowhouse/error.hpp"

namespace rowhouse {
namespace {

constexpr const char* kKeys =
    "original_id, company_id, platform, object_type, original_data, integrated_content, summary, metadata";

std::string text(const std::string& key, const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  throw_error("22023", "\"" + key + "\" of an integrated object is not a string");
}

std::optional<std::string> optional_text(const std::string& key, const Json& value) {
  if (value.is_null()) return std::nullopt;
  return text(key, value);
}

}  // namespace

IntegratedObjectData IntegratedObjectData::from_json(const Json& data) {
  if (!data.is_object()) throw_error("22023", "an integrated object is not a JSON object");
  for (const char* key : {"original_id", "company_id"}) {
    if (!data.contains(key)) throw_error("22023", "an integrated object has no \"" + std::string(key) + '"');
  }
  IntegratedObjectData object;
  for (const auto& [key, value] : data.items()) {
    if (key == "original_id")
      object.original_id = text(key, value);
    else if (key == "company_id")
      object.company_id = text(key, value);
    else if (key == "platform")
      object.platform = text(key, value);
    else if (key == "object_type")
      object.object_type = text(key, value);
    else if (key == "original_data")
      object.original_data = value;
    else if (key == "integrated_content")
      object.integrated_content = optional_text(key, value);
    else if (key == "summary")
      object.summary = optional_text(key, value);
    else if (key == "metadata")
      object.metadata = value;
    else
      throw_error("22023", "unknown key \"" + key + "\" in an integrated object",
                  {.hint = std::string("Known are ") + kKeys + '.'});
  }
  return object;
}

}  // namespace rowhouse
