#include "rowhouse/store.hpp"

#include <initializer_list>
#include <string>

#include "connection.hpp"
#include "rowhouse/config.hpp"
#include "rowhouse/error.hpp"
#include "rowhouse/repository.hpp"

namespace rowhouse {
namespace {

constexpr std::size_t kExcerptCharacters = 100;

bool is_blank(const Json& value) {
  return value.is_null() || ((value.is_string() || value.is_structured()) && value.empty()) ||
         (value.is_string() && value.get_ref<const std::string&>().empty());
}

void copy_keys(const Json& from, std::initializer_list<const char*> keys, Json& to) {
  for (const char* key : keys) {
    const auto at = from.find(key);
    if (at != from.end() && !is_blank(*at)) to[key] = *at;
  }
}

// The array under the first of the keys that holds one.
const Json& items_of(const Json& object, std::initializer_list<const char*> keys) {
  static const Json kNone = Json::array();
  for (const char* key : keys) {
    const auto at = object.find(key);
    if (at != object.end() && at->is_array()) return *at;
  }
  return kNone;
}

Json summaries(const Json& items, std::initializer_list<const char*> keys) {
  Json out = Json::array();
  for (const Json& item : items) {
    if (!item.is_object()) continue;
    Json summary = Json::object();
    copy_keys(item, keys, summary);
    out.push_back(std::move(summary));
  }
  return out;
}

// The first characters of a UTF-8 text.
std::string excerpt(const std::string& text) {
  std::size_t characters = 0;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const bool starts_character = (static_cast<unsigned char>(text[end]) & 0xC0) != 0x80;
    if (starts_character && ++characters > kExcerptCharacters) break;
  }
  return text.substr(0, end);
}

Json conversation_summaries(const Json& conversations) {
  Json out = Json::array();
  for (const Json& conversation : conversations) {
    if (!conversation.is_object()) continue;
    Json summary = Json::object();
    copy_keys(conversation, {"id", "created_at", "updated_at", "from_email", "user_id", "to_emails", "private"},
              summary);
    if (const Json& attachments = items_of(conversation, {"attachments"}); !attachments.empty()) {
      summary["attachments_count"] = attachments.size();
    }
    const auto body = conversation.find("body_text");
    if (body != conversation.end() && body->is_string() && !is_blank(*body)) summary["body_text"] = excerpt(*body);
    out.push_back(std::move(summary));
  }
  return out;
}

std::string id_text(const Json& id) {
  if (id.is_string()) return id.get<std::string>();
  if (id.is_number_integer()) return id.dump();
  throw_error("22023", "the id of an integrated object is neither a string nor an integer");
}

std::string iso_now() {
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  std::string text = detail::timestamp_text(now);
  text[10] = 'T';
  return text + 'Z';
}

}  // namespace

Json create_metadata(const Json& object) {
  if (!object.is_object()) throw_error("22023", "an integrated object is not a JSON object");
  const Json& conversations = items_of(object, {"conversations"});
  const Json& attachments = items_of(object, {"attachments", "all_attachments"});
  const Json& images = items_of(object, {"inline_images"});
  Json metadata{{"has_conversations", !conversations.empty()}, {"has_attachments", !attachments.empty()},
                {"has_inline_images", !images.empty()},        {"conversation_count", conversations.size()},
                {"attachment_count", attachments.size()},      {"inline_image_count", images.size()},
                {"total_image_count", images.size()}};
  for (const Json& attachment : attachments) {
    const auto type = attachment.is_object() ? attachment.find("content_type") : attachment.end();
    const bool image =
        type != attachment.end() && type->is_string() && type->get_ref<const std::string&>().starts_with("image/");
    if (image) metadata["total_image_count"] = metadata["total_image_count"].get<std::size_t>() + 1;
  }
  const Json lists{
      {"attachments",
       summaries(attachments, {"id", "name", "content_type", "size", "created_at", "updated_at", "conversation_id"})},
      {"conversations", conversation_summaries(conversations)},
      {"inline_images", summaries(images, {"attachment_id", "alt_text", "content_type", "size", "conversation_id"})}};
  copy_keys(lists, {"attachments", "conversations", "inline_images"}, metadata);
  copy_keys(object, {"subject", "status", "priority", "created_at", "updated_at", "integration_timestamp"}, metadata);
  if (!metadata.contains("integration_timestamp")) metadata["integration_timestamp"] = iso_now();
  return metadata;
}

IntegratedObjectData to_integrated_object(const Json& object, std::string_view company_id, std::string_view platform) {
  IntegratedObjectData data;
  data.metadata = create_metadata(object);
  const char* id = object.contains("original_id") && !object["original_id"].is_null() ? "original_id" : "id";
  if (!object.contains(id) || is_blank(object[id])) {
    throw_error("22023", "an integrated object has neither \"original_id\" nor \"id\"");
  }
  data.original_id = id_text(object[id]);
  data.company_id = company_id;
  data.platform = platform;
  if (const auto type = object.find("object_type"); type != object.end() && type->is_string()) data.object_type = *type;
  data.original_data = object;
  const auto text = object.find("integrated_text");
  data.integrated_content = text != object.end() && text->is_string() ? text->get<std::string>() : std::string();
  return data;
}

IntegratedObject store_integrated_object(DatabaseManager manager, const Json& object, std::string_view company_id,
                                         std::string_view platform) {
  const IntegratedObjectData data = to_integrated_object(object, company_id, platform);
  Session session = manager.session(std::string(company_id));
  return IntegratedObjectRepository(session).upsert(data);
}

IntegratedObject store_integrated_object(const Json& object, std::string_view company_id, std::string_view platform) {
  const DatabaseManager manager(DatabaseConfig::from_environment().get_database_url(company_id));
  return store_integrated_object(manager, object, company_id, platform);
}

}  // namespace rowhouse
