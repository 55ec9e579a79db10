#include "rowhouse/store.hpp"

#include "test_server.hpp"
#include "ticket.hpp"

namespace {

using rowhouse::create_metadata;
using rowhouse::Json;

TEST(MetadataTest, HasTheKeysOfTheService) {
  EXPECT_EQ(create_metadata(ticket(1)),
            (Json{{"has_conversations", true},
                  {"has_attachments", true},
                  {"has_inline_images", true},
                  {"conversation_count", 1},
                  {"attachment_count", 1},
                  {"inline_image_count", 1},
                  {"total_image_count", 2},
                  {"subject", "printer"},
                  {"status", 2},
                  {"integration_timestamp", "2025-01-02T03:04:05Z"},
                  {"conversations", {{{"id", 7}, {"private", false}, {"body_text", std::string(99, 'x') + "한"}}}},
                  {"attachments", {{{"id", 8}, {"name", "a.png"}, {"content_type", "image/png"}, {"size", 3}}}},
                  {"inline_images", {{{"attachment_id", 9}}}}}));
  const Json empty = create_metadata(Json::object());
  EXPECT_EQ(empty["conversation_count"], 0);
  EXPECT_FALSE(empty.contains("attachments"));
  EXPECT_TRUE(empty.contains("integration_timestamp"));
  EXPECT_EQ(error_of([] { create_metadata(Json::array()); }).sqlstate(), "22023");
}

}  // namespace
