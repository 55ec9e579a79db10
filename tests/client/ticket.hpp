// An object as the collector of a helpdesk hands it over.
#pragma once

#include "rowhouse/integrated_object.hpp"

inline rowhouse::Json ticket(const rowhouse::Json& id) {
  return {
      {"id", id},
      {"subject", "printer"},
      {"status", 2},
      {"priority", nullptr},
      {"integrated_text", "the whole text"},
      {"integration_timestamp", "2025-01-02T03:04:05Z"},
      {"conversations",
       {{{"id", 7},
         {"body_text", std::string(99, 'x') + "한글"},
         {"private", false},
         {"to_emails", rowhouse::Json::array()}}}},
      {"all_attachments", {{{"id", 8}, {"name", "a.png"}, {"content_type", "image/png"}, {"size", 3}, {"url", "x"}}}},
      {"inline_images", {{{"attachment_id", 9}, {"alt_text", ""}}}}};
}
