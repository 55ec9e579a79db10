// 4. A repository for a table of your own: a struct, its columns declared once, and every call on both databases.
//
//   example_4_own_table [setup]
#include <iostream>
#include <string_view>

#include "rowhouse/config.hpp"
#include "rowhouse/database_manager.hpp"
#include "rowhouse/error.hpp"
#include "rowhouse/schema_manager.hpp"
#include "rowhouse/table_repository.hpp"

namespace {

using rowhouse::ColumnRole;
using rowhouse::where;

constexpr const char* kCompany = "test_company";

struct Ticket {
  std::int64_t id = 0;
  std::string company_id{};
  std::string number{};
  std::string subject{};
  std::optional<std::string> assignee{};
  int priority = 1;
  bool open = true;
  rowhouse::Timestamp created_at{};
  rowhouse::Timestamp updated_at{};
};

const rowhouse::Table<Ticket> kTickets{"ticket",
                                       {{"id", &Ticket::id, ColumnRole::kId},
                                        {"company_id", &Ticket::company_id, ColumnRole::kTenant},
                                        {"number", &Ticket::number, ColumnRole::kKey},
                                        {"subject", &Ticket::subject},
                                        {"assignee", &Ticket::assignee, ColumnRole::kKept},
                                        {"priority", &Ticket::priority},
                                        {"open", &Ticket::open},
                                        {"created_at", &Ticket::created_at, ColumnRole::kCreatedAt},
                                        {"updated_at", &Ticket::updated_at, ColumnRole::kUpdatedAt}}};

// Calls of your own, in your own words.
class TicketRepository : public rowhouse::TableRepository<Ticket> {
 public:
  explicit TicketRepository(rowhouse::Session& session) : TableRepository(session, kTickets) {}
  std::vector<Ticket> urgent() { return find(where(&Ticket::open) == true && where(&Ticket::priority) >= 3); }
  std::size_t close_all_of(const std::string& who) {
    return update(where(&Ticket::assignee) == who, {{&Ticket::open, false}});
  }
};

void work(rowhouse::DatabaseManager manager) {
  rowhouse::Session session = manager.session(kCompany);
  TicketRepository tickets(session);

  tickets.create({.company_id = kCompany, .number = "T-1", .subject = "Printer", .assignee = "ann", .priority = 3});
  std::vector<Ticket> many;
  for (int i = 1; i <= 5; ++i) {
    many.push_back({.company_id = kCompany, .number = "T-" + std::to_string(i), .subject = "Imported", .priority = i});
  }
  std::cout << "written at once: " << tickets.upsert_many(many) << '\n';

  const Ticket first = tickets.get_by_key("T-1").value();
  std::cout << first.number << ": " << first.subject << ", still with " << first.assignee.value_or("nobody") << '\n';
  for (const Ticket& ticket : tickets.urgent()) std::cout << "urgent: " << ticket.number << '\n';
  std::cout << "closed: " << tickets.close_all_of("ann") << '\n';
  std::cout << "without assignee: " << tickets.count(where(&Ticket::assignee) == std::nullopt) << '\n';
  tickets.for_each([](const Ticket& ticket) { std::cout << ticket.number << (ticket.open ? " open\n" : " closed\n"); });
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const auto config = rowhouse::DatabaseConfig::from_environment();
    const rowhouse::DatabaseManager manager(config.get_database_url(kCompany));
    if (count > 1 && std::string_view(arguments[1]) == "setup") {
      rowhouse::SchemaManager schema(manager);
      schema.create_table(kTickets.shape());  // protected by row security on PostgreSQL
      schema.create_tenant(kCompany);
    }
    work(manager);
    return 0;
  } catch (const rowhouse::Error& error) {
    std::cerr << "error " << error.sqlstate() << ": " << error.what() << '\n';
    return 1;
  }
}
