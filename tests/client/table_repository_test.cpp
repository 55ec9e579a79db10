// A repository for a table of one's own: every type of column, on both databases.
#include "rowhouse/table_repository.hpp"

#include <limits>

#include "test_databases.hpp"

namespace {

using rowhouse::Bytes;
using rowhouse::ColumnRole;
using rowhouse::Filter;
using rowhouse::Json;
using rowhouse::TableRepository;
using rowhouse::Timestamp;
using rowhouse::where;

struct Ticket {
  std::int64_t id = 0;
  std::string company_id{};
  std::string number{};
  std::string subject{};
  std::optional<std::string> assignee{};
  int priority = 0;
  bool open = true;
  std::optional<double> score{};
  Bytes attachment{};
  Json fields{};
  std::optional<Timestamp> due{};
  Timestamp created_at{};
  Timestamp updated_at{};
};

const rowhouse::Table<Ticket> kTickets{"ticket",
                                       {{"id", &Ticket::id, ColumnRole::kId},
                                        {"company_id", &Ticket::company_id, ColumnRole::kTenant},
                                        {"number", &Ticket::number, ColumnRole::kKey},
                                        {"the \"subject\"", &Ticket::subject},
                                        {"assignee", &Ticket::assignee, ColumnRole::kKept},
                                        {"priority", &Ticket::priority},
                                        {"open", &Ticket::open},
                                        {"score", &Ticket::score},
                                        {"attachment", &Ticket::attachment},
                                        {"fields", &Ticket::fields},
                                        {"due", &Ticket::due},
                                        {"created_at", &Ticket::created_at, ColumnRole::kCreatedAt},
                                        {"updated_at", &Ticket::updated_at, ColumnRole::kUpdatedAt}}};

// Two key columns and nothing that the database gives.
struct Setting {
  std::string company_id;
  std::string area;
  std::int64_t place = 0;
  Json value;
};

const rowhouse::Table<Setting> kSettings{"setting",
                                         {{"company_id", &Setting::company_id, ColumnRole::kTenant},
                                          {"area", &Setting::area, ColumnRole::kKey},
                                          {"place", &Setting::place, ColumnRole::kKey},
                                          {"value", &Setting::value}}};

class TableRepositoryTest : public BothDatabases {
 protected:
  void SetUp() override {
    BothDatabases::SetUp();
    if (IsSkipped()) return;
    rowhouse::Session session = owner().session();
    for (const rowhouse::TableShape* shape : {&kTickets.shape(), &kSettings.shape()}) {
      for (int twice = 0; twice < 2; ++twice) {
        for (const std::string& sql : shape->create_statements(session.database(), "public")) session.execute(sql);
      }
      if (on_postgres()) session.execute("GRANT ALL ON " + shape->name + " TO " + TestPostgres::kAppRole);
    }
  }
  Ticket ticket(const std::string& number) {
    return {.company_id = "acme", .number = number, .subject = "인쇄기", .fields = {{"tags", {"a"}}}};
  }
};
ROWHOUSE_ON_BOTH_DATABASES(TableRepositoryTest);

TEST_P(TableRepositoryTest, KeepsEveryType) {
  auto session = manager().session("acme");
  TableRepository<Ticket> tickets(session, kTickets);
  Ticket given = ticket("T-1");
  given.assignee = "";
  given.priority = std::numeric_limits<int>::min();
  given.open = false;
  given.score = 0.1;
  given.attachment = {std::byte{0}, std::byte{255}};
  given.due = Timestamp(std::chrono::microseconds(-1));
  const Ticket made = tickets.create(given);
  for (const Ticket& read : {made, tickets.get(made.id).value(), tickets.get_by_key("T-1").value()}) {
    EXPECT_EQ(read.subject, given.subject);
    EXPECT_EQ(read.assignee, "");
    EXPECT_EQ(read.priority, given.priority);
    EXPECT_FALSE(read.open);
    EXPECT_EQ(read.score, 0.1);
    EXPECT_EQ(read.attachment, given.attachment);
    EXPECT_EQ(read.fields, given.fields);
    EXPECT_EQ(read.due, given.due);
    EXPECT_EQ(read.created_at, made.created_at);
    EXPECT_GT(read.created_at, Timestamp());
  }
  EXPECT_FALSE(tickets.get_by_key("absent").has_value());
  given.score = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(error_of([&] { tickets.upsert(given); }).sqlstate(), "22003");
  given.score = 0;
  given.due = Timestamp::max();
  EXPECT_EQ(error_of([&] { tickets.upsert(given); }).sqlstate(), "22008");
  EXPECT_EQ(error_of([&] { tickets.upsert_many(std::span(&given, 1)); }).sqlstate(), "22008");
}

TEST_P(TableRepositoryTest, FiltersMeanWhatTheyMeanInCpp) {
  auto session = manager().session("acme");
  TableRepository<Ticket> tickets(session, kTickets);
  for (int i = 0; i < 4; ++i) {
    Ticket one = ticket("T-" + std::to_string(i));
    one.priority = i;
    one.subject = i < 2 ? "a" : "B";
    if (i > 0) one.assignee = i < 3 ? "bob" : "eve";
    one.due = Timestamp(std::chrono::seconds(i * 100));
    tickets.create(one);
  }
  const auto numbers = [&](const Filter<Ticket>& filter) {
    std::string all;
    for (const Ticket& found : tickets.find(filter)) all = found.number.substr(2) + all;
    EXPECT_EQ(tickets.count(filter), all.size());
    return all;
  };
  EXPECT_EQ(numbers({}), "0123");
  EXPECT_EQ(numbers(where(&Ticket::priority) == 2), "2");
  EXPECT_EQ(numbers(where(&Ticket::priority) != 2), "013");
  EXPECT_EQ(numbers(where(&Ticket::priority) >= 1 && where(&Ticket::priority) < 3), "12");
  EXPECT_EQ(numbers(where(&Ticket::assignee) == std::nullopt), "0");
  EXPECT_EQ(numbers(where(&Ticket::assignee) != std::nullopt), "123");
  EXPECT_EQ(numbers(where(&Ticket::assignee) != "bob"), "03");
  EXPECT_EQ(numbers(where(&Ticket::assignee) > ""), "123");
  EXPECT_EQ(numbers(where(&Ticket::assignee) < std::nullopt), "");
  EXPECT_EQ(numbers(where(&Ticket::assignee).in({"eve", std::nullopt})), "03");
  EXPECT_EQ(numbers(where(&Ticket::assignee).in({})), "");
  EXPECT_EQ(numbers(where(&Ticket::subject) < "a"), "23");  // by bytes
  EXPECT_EQ(numbers(where(&Ticket::open) == true), "0123");
  EXPECT_EQ(numbers(where(&Ticket::due) <= Timestamp(std::chrono::seconds(100))), "01");
  EXPECT_EQ(numbers(where(&Ticket::due) == Timestamp(std::chrono::seconds(100))), "1");
  EXPECT_EQ(numbers(where(&Ticket::company_id) == "globex"), "");
  EXPECT_EQ(tickets.find({}, 2).size(), 2u);
}

TEST_P(TableRepositoryTest, UpdatesAndRemoves) {
  auto session = manager().session("acme");
  TableRepository<Ticket> tickets(session, kTickets);
  Ticket one = tickets.create(ticket("1"));
  tickets.create(ticket("2"));
  one.number = "one";
  one.priority = 9;
  one.fields = nullptr;
  EXPECT_TRUE(tickets.update(one));
  EXPECT_EQ(tickets.get(one.id)->number, "one");
  EXPECT_TRUE(tickets.get(one.id)->fields.is_null());
  EXPECT_EQ(tickets.get(one.id)->created_at, one.created_at);
  EXPECT_GE(tickets.get(one.id)->updated_at, one.updated_at);
  one.id += 1000;
  EXPECT_FALSE(tickets.update(one));
  EXPECT_EQ(tickets.update(where(&Ticket::priority) < 100, {{&Ticket::assignee, "ann"}, {&Ticket::open, false}}), 2u);
  EXPECT_EQ(tickets.count(where(&Ticket::assignee) == "ann" && where(&Ticket::open) == false), 2u);
  EXPECT_EQ(error_of([&] { tickets.update({}, {{&Ticket::company_id, "globex"}}); }).sqlstate(), "22023");
  EXPECT_EQ(error_of([&] { tickets.update({}, {{&Ticket::number, "same"}}); }).sqlstate(), "23505");
  EXPECT_TRUE(tickets.remove_by_key("one"));
  EXPECT_FALSE(tickets.remove_by_key("one"));
  EXPECT_EQ(tickets.remove(where(&Ticket::number) == "2"), 1u);
  EXPECT_EQ(tickets.count(), 0u);
}

TEST_P(TableRepositoryTest, WritesManyAtOnce) {
  auto session = manager().session("acme");
  TableRepository<Ticket> tickets(session, kTickets);
  tickets.create(ticket("7"));
  std::vector<Ticket> many;
  for (int i = 0; i < 2000; ++i) {
    many.push_back(ticket(std::to_string(i)));
    many.back().score = i / 3.0;
    many.back().attachment = Bytes(static_cast<std::size_t>(i % 300), std::byte{7});
    many.back().due = Timestamp(std::chrono::seconds(i));
  }
  many.push_back(ticket("5"));
  many.back().subject = "the later one counts";
  many[5].assignee = "ann";
  EXPECT_EQ(tickets.upsert_many(many), 2000u);
  EXPECT_EQ(tickets.count(), 2000u);
  EXPECT_EQ(tickets.get_by_key("5")->subject, "the later one counts");
  EXPECT_EQ(tickets.get_by_key("5")->assignee, "ann");
  EXPECT_EQ(tickets.get_by_key("1999")->score, 1999 / 3.0);
  EXPECT_EQ(tickets.get_by_key("1999")->due, Timestamp(std::chrono::seconds(1999)));
  EXPECT_EQ(tickets.get_by_key("299")->attachment.size(), 299u);
  const std::size_t none = 0;
  EXPECT_EQ(tickets.upsert_many(std::span(many).first(none)), 0u);
  many[1].subject = "changed";
  many[2].subject = std::string("s3cret\0", 7);
  const auto error = error_of([&] { tickets.upsert_many(many); });
  EXPECT_EQ(error.sqlstate(), "22021");
  EXPECT_NE(std::string(error.what()).find("object 2 of the batch"), std::string::npos) << error.what();
  EXPECT_EQ(std::string(error.what()).find("s3cret"), std::string::npos);
  EXPECT_EQ(tickets.get_by_key("1")->subject, "인쇄기");
  many[2].company_id = "globex";
  EXPECT_EQ(error_of([&] { tickets.upsert_many(many); }).sqlstate(), "42501");
}

TEST_P(TableRepositoryTest, PagesAndStreamsByAKeyOfSeveralColumns) {
  auto session = manager().session("acme");
  TableRepository<Setting> settings(session, kSettings);
  std::vector<Setting> many;
  for (const char* area : {"b", "a", "B"}) {
    for (int place = 0; place < 700; ++place) many.push_back({"acme", area, place, {{"n", place}}});
  }
  EXPECT_EQ(settings.upsert_many(many), 2100u);
  const auto name = [](const Setting& setting) { return setting.area + std::to_string(setting.place); };
  std::vector<std::string> expected;
  for (const char* area : {"B", "a", "b"}) {
    for (int place = 0; place < 700; ++place) expected.push_back(area + std::to_string(place));
  }
  std::vector<std::string> streamed, paged;
  settings.for_each([&](const Setting& setting) { streamed.push_back(name(setting)); });
  EXPECT_EQ(streamed, expected);
  std::optional<rowhouse::PageKey> after;
  do {
    const auto page = settings.page(999, after);
    for (const Setting& setting : page.rows) paged.push_back(name(setting));
    after = page.next ? std::optional(rowhouse::PageKey::parse(page.next->text())) : std::nullopt;
  } while (after);
  EXPECT_EQ(paged, expected);
  int seen = 0;
  settings.for_each([&](const Setting&) { return ++seen < 1500; }, where(&Setting::place) >= 10);
  EXPECT_EQ(seen, 1500);
  EXPECT_EQ(settings.get_by_key("b", 3)->value, (Json{{"n", 3}}));
  EXPECT_EQ(error_of([&] { settings.get(1); }).sqlstate(), "42703");
  EXPECT_EQ(error_of([&] { settings.get_by_key("b"); }).sqlstate(), "22023");
  EXPECT_EQ(error_of([&] { settings.page(1, rowhouse::PageKey::parse("[1]")); }).sqlstate(), "22023");
  EXPECT_EQ(error_of([] { rowhouse::PageKey::parse("{}"); }).sqlstate(), "22023");
  EXPECT_EQ(settings.upsert({"acme", "b", 3, nullptr}).value, Json());
  EXPECT_TRUE(settings.update({"acme", "b", 3, {{"n", 4}}}));
  EXPECT_EQ(settings.get_by_key("b", 3)->value, (Json{{"n", 4}}));
}

TEST_P(TableRepositoryTest, KeepsTenantsApart) {
  auto acme = manager().session("acme");
  const Ticket theirs = TableRepository<Ticket>(acme, kTickets).create(ticket("1"));
  auto globex = manager().session("globex");
  TableRepository<Ticket> tickets(globex, kTickets);
  EXPECT_EQ(tickets.count(), 0u);
  EXPECT_FALSE(tickets.get(theirs.id).has_value());
  EXPECT_FALSE(tickets.get_by_key("1").has_value());
  EXPECT_EQ(tickets.update({}, {{&Ticket::subject, "stolen"}}), 0u);
  EXPECT_EQ(tickets.remove({}), 0u);
  EXPECT_FALSE(tickets.remove(theirs.id));
  EXPECT_EQ(error_of([&] { tickets.update(theirs); }).sqlstate(), "42501");
  tickets.for_each([](const Ticket&) { ADD_FAILURE() << "another tenant's row"; });
  EXPECT_TRUE(tickets.page(10, rowhouse::PageKey(Json{std::int64_t{1} << 52, 0})).rows.empty());
}

TEST(TableTest, NamesWhatIsWrongWithTheRoles) {
  using rowhouse::Table;
  const auto message = [](auto&& make) { return std::string(error_of(make).what()); };
  EXPECT_NE(message([] {
              Table<Setting>("s", {{"area", &Setting::area, ColumnRole::kKey}});
            }).find("kTenant"),
            std::string::npos);
  EXPECT_NE(message([] {
              Table<Setting>("s", {{"company_id", &Setting::company_id, ColumnRole::kTenant}});
            }).find("kKey"),
            std::string::npos);
  EXPECT_NE(message([] {
              Table<Setting>(
                  "s", {{"a", &Setting::company_id, ColumnRole::kTenant}, {"A", &Setting::area, ColumnRole::kKey}});
            }).find("\"A\" is there twice"),
            std::string::npos);
}

}  // namespace
