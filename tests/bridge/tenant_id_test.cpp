#include "bridge/tenant_id.hpp"

#include <gtest/gtest.h>

namespace rowhouse::bridge {
namespace {

TEST(TenantId, TakesOrdinaryAndForeignNames) {
  for (const std::string& id : {std::string("acme"), std::string("a"), std::string("42"), std::string("Acme Inc. (2)"),
                                std::string("société"), std::string("東京"), std::string("o'brien\"; DROP TABLE x"),
                                std::string("a.b"), std::string("a-b"), std::string("%2e%2e"), std::string(128, 'x')}) {
    EXPECT_TRUE(check_tenant_id(id).ok()) << id;
  }
}

TEST(TenantId, RefusesWithAReason) {
  struct Bad {
    std::string id;
    const char* says;
  };
  const Bad kBad[] = {{"", "empty"},
                      {std::string("a\0b", 3), "NUL"},
                      {std::string(129, 'x'), "129 bytes"},
                      {std::string(300, 'x'), "300 bytes"},
                      {"a\xFF", "UTF-8"},
                      {"..", "starts with a dot"},
                      {"../x", "starts with a dot"},
                      {"-rf", "a hyphen"},
                      {" a", "a blank"},
                      {"a ", "ends with a blank"},
                      {"a/b", "slash"},
                      {"a\\b", "slash"},
                      {"a\nb", "control"},
                      {"\ta", "control"},
                      {"a\x7F", "control"},
                      {"a\u0085", "invisible"},
                      {"a\u00A0", "invisible"},
                      {"a\u200B", "invisible"},
                      {"\u202Eabc", "invisible"},
                      {"a\u2060b", "invisible"},
                      {"\uFEFFa", "invisible"}};
  for (const Bad& bad : kBad) {
    const Status status = check_tenant_id(bad.id);
    EXPECT_STREQ(status.sqlstate, "22023") << bad.id;
    EXPECT_NE(status.message.find(bad.says), std::string::npos) << status.message;
    EXPECT_FALSE(status.hint.empty());
  }
}

TEST(TenantId, IsReadFromFileNames) {
  struct Name {
    const char* file;
    const char* pattern;
    std::optional<std::string> tenant;
  };
  const Name kNames[] = {{"acme_freshdesk_data.db", "{tenant}_freshdesk_data.db", "acme"},
                         {"a_b_freshdesk_data.db", "{tenant}_freshdesk_data.db", "a_b"},
                         {"_freshdesk_data.db", "{tenant}_freshdesk_data.db", std::nullopt},
                         {"acme.db", "{tenant}_freshdesk_data.db", std::nullopt},
                         {"acme_freshdesk_data.db-wal", "{tenant}_freshdesk_data.db", std::nullopt},
                         {"data-acme.sqlite", "data-{tenant}.sqlite", "acme"},
                         {"aa", "a{tenant}a", std::nullopt},
                         {"acme.db", "fixed.db", std::nullopt}};
  for (const Name& name : kNames) EXPECT_EQ(tenant_from_file_name(name.file, name.pattern), name.tenant) << name.file;
}

}  // namespace
}  // namespace rowhouse::bridge
