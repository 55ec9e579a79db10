// Makes SQLite files as a helpdesk service keeps them, one a customer, the same ones on every machine.
//
//   make_helpdesk_files FOLDER            five customers' files of both generations, with the hazards of real ones
//   make_helpdesk_files --wide ROWS FILE [TENANT]  one file with ROWS objects of about 4 KB, for benchmarks
//
// Hazards: rows replaced on a later collection (their id changed), objects without a platform that occur twice, times
// written in four ways, JSON with an escaped NUL or half a surrogate pair, rows of another customer.
#include <sqlite3.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

// SplitMix64: the same numbers everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  int below(int limit) { return static_cast<int>(next() % static_cast<std::uint64_t>(limit)); }

 private:
  std::uint64_t state_;
};

constexpr const char* kWords[] = {"refund",  "login",   "invoice", "shipment", "password", "upgrade", "error",
                                  "export",  "mobile",  "billing", "account",  "delivery", "feature", "outage",
                                  "request", "webhook", "결제",    "환불",     "로그인",   "배송"};

std::string words(Random& random, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    if (i > 0) text += ' ';
    text += kWords[random.below(static_cast<int>(std::size(kWords)))];
  }
  return text;
}

[[noreturn]] void fail(sqlite3* database, const char* doing) {
  std::fprintf(stderr, "make_helpdesk_files: %s: %s\n", doing, database ? sqlite3_errmsg(database) : "no memory");
  std::exit(1);
}

class Database {
 public:
  explicit Database(const std::string& path) {
    std::remove(path.c_str());
    if (sqlite3_open(path.c_str(), &database_) != SQLITE_OK) fail(database_, path.c_str());
    run("PRAGMA synchronous=OFF");
  }
  ~Database() { sqlite3_close(database_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void run(const std::string& sql) {
    if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail(database_, sql.c_str());
  }
  sqlite3* get() const { return database_; }

 private:
  sqlite3* database_ = nullptr;
};

class Statement {
 public:
  Statement(Database& database, const std::string& sql) : database_(database.get()) {
    if (sqlite3_prepare_v2(database_, sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK) fail(database_, sql.c_str());
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& text(std::string_view value) {
    sqlite3_bind_text(statement_, ++at_, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
    return *this;
  }
  Statement& integer(std::int64_t value) {
    sqlite3_bind_int64(statement_, ++at_, value);
    return *this;
  }
  Statement& null() {
    sqlite3_bind_null(statement_, ++at_);
    return *this;
  }
  void run() {
    if (sqlite3_step(statement_) != SQLITE_DONE) fail(database_, sqlite3_sql(statement_));
    sqlite3_reset(statement_);
    at_ = 0;
  }

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  int at_ = 0;
};

// One moment in the four ways in which the service's code has written times over the years.
std::string moment(int minute, int way) {
  char text[64];
  const int day = 1 + minute / 1440 % 28, hour = minute / 60 % 24, min = minute % 60;
  constexpr const char* kForms[] = {"2024-03-%02d %02d:%02d:00", "2024-03-%02dT%02d:%02d:00Z",
                                    "2024-03-%02dT%02d:%02d:00.250000", "2024-03-%02dT%02d:%02d:00+09:00"};
  std::snprintf(text, sizeof text, kForms[way % 4], day, hour, min);
  return text;
}

std::string ticket(Random& random, int number, int body_words) {
  return "{\"id\": " + std::to_string(number) + ", \"subject\": \"" + words(random, 4) +
         "\", \"status\": " + std::to_string(2 + random.below(4)) +
         ", \"priority\": " + std::to_string(1 + random.below(4)) + ", \"tags\": [\"" + words(random, 1) + "\", \"" +
         words(random, 1) + "\"], \"description_text\": \"" + words(random, body_words) +
         "\", \"custom_fields\": {\"cf_plan\": null, \"cf_score\": " + std::to_string(random.below(1000)) + ".5}}";
}

std::string metadata(Random& random) {
  const int conversations = random.below(6);
  return "{\"has_conversations\": " + std::string(conversations > 0 ? "true" : "false") +
         ", \"conversation_count\": " + std::to_string(conversations) +
         ", \"attachment_count\": " + std::to_string(random.below(3)) + ", \"subject\": \"" + words(random, 3) + "\"}";
}

std::string objects_table(const char* tenant_column, const char* platform = "platform TEXT") {
  return std::string(
             "CREATE TABLE integrated_objects (id INTEGER PRIMARY KEY AUTOINCREMENT, original_id TEXT NOT NULL, ") +
         tenant_column + " TEXT NOT NULL, " + platform + ", object_type TEXT NOT NULL, original_data TEXT, " +
         "integrated_content TEXT, summary TEXT, metadata TEXT, created_at TEXT DEFAULT CURRENT_TIMESTAMP, " +
         "updated_at TEXT DEFAULT CURRENT_TIMESTAMP, UNIQUE (" + tenant_column +
         ", platform, object_type, original_id))";
}

struct Customer {
  const char* name;
  int generation;
  int objects;
};

constexpr Customer kCustomers[] = {
    {"acme", 1, 1200}, {"globex", 1, 800}, {"initech", 1, 400}, {"hooli", 2, 900}, {"umbrella", 2, 300}};

// What can go wrong with one object's JSON, by its number.
std::string original_data(Random& random, int number) {
  if (number % 211 == 0) return "{\"id\": " + std::to_string(number) + ", \"subject\": \"cut\\u0000short\"}";
  if (number % 307 == 0) return "{\"id\": " + std::to_string(number) + ", \"subject\": \"half a smile \\ud83d\"}";
  return ticket(random, number, 120);
}

void fill_objects(Database& database, const Customer& customer, Random& random) {
  const char* tenant_column = customer.generation == 1 ? "company_id" : "tenant_id";
  const char* kinds[2][2] = {{"integrated_ticket", "integrated_article"}, {"ticket", "article"}};
  database.run(objects_table(tenant_column));
  Statement insert(database, std::string("INSERT OR REPLACE INTO integrated_objects (original_id, ") + tenant_column +
                                 ", platform, object_type, original_data, integrated_content, summary, metadata, "
                                 "created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const auto put = [&](int number, const char* owner, bool has_platform, int minute) {
    insert.text(std::to_string(100000 + number)).text(owner);
    if (has_platform)
      insert.text("freshdesk");
    else
      insert.null();
    insert.text(kinds[customer.generation - 1][number % 5 == 0]);
    insert.text(original_data(random, number)).text(words(random, 60));
    if (number % 3 == 0)
      insert.text(words(random, 12));
    else
      insert.null();
    insert.text(metadata(random)).text(moment(minute, number)).text(moment(minute + 30, number / 2)).run();
  };
  for (int number = 1; number <= customer.objects; ++number) put(number, customer.name, number % 97 != 0, number);
  // A later collection: replaced rows get new ids; without a platform the key does not bite and the object stands
  // twice.
  for (int number = 50; number <= customer.objects; number += 50)
    put(number, customer.name, number % 97 != 0, 5000 + number);
  for (int number = 97; number <= customer.objects; number += 194) put(number, customer.name, false, 9000 + number);
  if (std::string_view(customer.name) == "globex") put(7, "acme", true, 7);
}

void fill_other_tables(Database& database, const Customer& customer) {
  const std::string name = customer.name;
  if (customer.generation == 1) {
    database.run(
        "CREATE TABLE progress_logs (id INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL, company_id TEXT "
        "NOT NULL, message TEXT, percentage REAL, step INTEGER, total_steps INTEGER, created_at TEXT DEFAULT "
        "'2024-03-01 00:00:00', UNIQUE (job_id, company_id, step))");
    database.run(
        "INSERT INTO progress_logs (job_id, company_id, message, percentage, step, total_steps) WITH RECURSIVE "
        "n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) SELECT 'job-' || (i % 4), '" +
        name + "', 'step ' || i, i * 2.5, i, 40 FROM n");
    return;
  }
  database.run(
      "CREATE TABLE agents (id INTEGER PRIMARY KEY, tenant_id TEXT NOT NULL, email TEXT, active BOOLEAN, joined "
      "DATETIME, avatar BLOB)");
  database.run(
      "INSERT INTO agents WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12) SELECT i, '" +
      name +
      "', 'agent' || i || '@example.com', i % 3 > 0, '2023-11-0' || (i % 9 + 1) || ' 08:30:00', "
      "CASE WHEN i % 4 = 0 THEN x'89504e470d0a' END FROM n");
  database.run("CREATE TABLE system_settings (key TEXT PRIMARY KEY, value, is_encrypted BOOLEAN DEFAULT 0)");
  database.run(
      "INSERT INTO system_settings (key, value) VALUES ('locale', 'ko-KR'), ('page_size', 50), ('ratio', 0.25)");
}

void make_customer(const std::string& folder, const Customer& customer, std::uint64_t seed) {
  const std::string suffix = customer.generation == 1 ? "_freshdesk_data.db" : "_data.db";
  Database database(folder + "/" + customer.name + suffix);
  Random random(seed);
  database.run("BEGIN");
  fill_objects(database, customer, random);
  fill_other_tables(database, customer);
  database.run("COMMIT");
}

// Objects of about 4 KB with two JSON columns, all of them sound.
void make_wide(const std::string& path, int rows, const std::string& tenant) {
  Database database(path);
  Random random(42);
  database.run("BEGIN");
  database.run(objects_table("company_id", "platform TEXT NOT NULL DEFAULT 'freshdesk'"));
  Statement insert(database,
                   "INSERT INTO integrated_objects (original_id, company_id, platform, object_type, "
                   "original_data, integrated_content, summary, metadata, created_at, updated_at) "
                   "VALUES (?, ?, 'freshdesk', 'integrated_ticket', ?, ?, NULL, ?, ?, ?)");
  for (int number = 1; number <= rows; ++number) {
    insert.text(std::to_string(number)).text(tenant).text(ticket(random, number, 300)).text(words(random, 150));
    insert.text(metadata(random)).text(moment(number, 0)).text(moment(number + 30, 1)).run();
  }
  database.run("COMMIT");
}

}  // namespace

int main(int argc, char** argv) {
  if ((argc == 4 || argc == 5) && std::string_view(argv[1]) == "--wide") {
    make_wide(argv[3], std::atoi(argv[2]), argc == 5 ? argv[4] : "acme");
    return 0;
  }
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_helpdesk_files FOLDER\n       make_helpdesk_files --wide ROWS FILE [TENANT]\n");
    return 2;
  }
  std::uint64_t seed = 1;
  for (const Customer& customer : kCustomers) make_customer(argv[1], customer, seed++);
  return 0;
}
