// What the client library costs: the same work through it and without it, in turn, on one connection each. See
// pairs.hpp.
//
//   bench_client --postgres URL --sqlite FILE [--rounds N] [--rows N] [--only PART] [--json]
//
// URL is a superuser's; the work is done by a role that the policies bind. PART begins the names of what is measured.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <stdexcept>

#include "in_flight.hpp"
#include "pairs.hpp"
#include "rowhouse/database_manager.hpp"
#include "rowhouse/repository.hpp"
#include "rowhouse/schema_manager.hpp"
#include "side.hpp"

namespace bench {
namespace {

constexpr std::size_t kRead = 1'000;    // rows that get_all() reads
constexpr std::size_t kBatch = 10'000;  // rows of a batch
constexpr std::size_t kSmall = 300;     // small calls in one measurement
constexpr const char* kRole = "bench_client";

using rowhouse::Json;

IntegratedObjectData sample(const std::string& tenant, std::size_t number) {
  const std::string id = std::to_string(number);
  IntegratedObjectData object;
  object.original_id = "ticket-" + std::string(8 - std::min<std::size_t>(8, id.size()), '0') + id;
  object.company_id = tenant;
  object.original_data = {{"id", number},
                          {"subject", "Printer on floor " + std::to_string(number % 40) + " does not answer"},
                          {"status", number % 5},
                          {"priority", number % 4},
                          {"tags", {"printer", "network", "floor " + std::to_string(number % 40)}},
                          {"requester", {{"id", number % 997}, {"name", "Anna Example"}, {"vip", number % 7 == 0}}},
                          {"description", std::string(200 + number % 100, 'd')}};
  object.integrated_content = std::string(300 + number % 200, 'c');
  if (number % 3 != 0) object.summary = "The printer on floor " + std::to_string(number % 40) + " was restarted.";
  object.metadata = {
      {"has_conversations", number % 2 == 0}, {"conversation_count", number % 11}, {"priority", number % 4}};
  return object;
}

std::vector<IntegratedObjectData> samples(const std::string& tenant, std::size_t count) {
  std::vector<IntegratedObjectData> objects;
  for (std::size_t number = 0; number < count; ++number) objects.push_back(sample(tenant, number));
  return objects;
}

struct Options {
  std::string postgres, sqlite, only;
  std::size_t rounds = 11;
  std::size_t rows = 200'000;  // of a stream
  bool json = false;
  std::function<void()> tidy{};  // takes away what updates have left
};

// The same rows everywhere: one tenant to read from, one to stream from, one to write to.
void fill(rowhouse::DatabaseManager manager, std::size_t stream_rows) {
  for (const auto& [tenant, rows] : {std::pair("reads", kRead), {"stream", stream_rows}, {"writes", kBatch}}) {
    rowhouse::SchemaManager(manager).create_tenant(tenant);
    rowhouse::Session session = manager.session(tenant);
    rowhouse::IntegratedObjectRepository(session).upsert_many(samples(tenant, rows));
  }
}

// Returns the URL of the role that the policies bind.
std::string prepare_postgres(rowhouse::DatabaseManager manager, std::size_t stream_rows) {
  rowhouse::SchemaManager(manager).create_all();
  fill(manager, stream_rows);
  rowhouse::Session session = manager.session();
  session.execute(std::string("CREATE ROLE ") + kRole + " LOGIN");
  session.execute("SELECT rowhouse.grant_access($1, 'app')", {kRole});
  session.execute(std::string("GRANT SELECT, INSERT, UPDATE, DELETE ON integrated_objects TO ") + kRole);
  session.execute("VACUUM ANALYZE integrated_objects");
  const rowhouse::Url& given = manager.url();
  std::string bound = "postgresql:///" + given.database() + "?user=" + kRole;
  for (const auto& [name, value] : given.parameters())
    if (name != "user") bound += '&' + name + '=' + value;
  return bound;
}

void prepare_sqlite(const std::string& file, std::size_t stream_rows) {
  rowhouse::DatabaseManager manager(rowhouse::Url::sqlite_file(file));
  rowhouse::SchemaManager(manager).create_all();
  fill(manager, stream_rows);
  manager.session().execute("ANALYZE");
}

bool same(const IntegratedObject& a, const IntegratedObject& b) {
  return static_cast<const IntegratedObjectData&>(a) == b && a.id == b.id && a.created_at == b.created_at &&
         a.updated_at == b.updated_at;
}

using MakeSide = std::unique_ptr<Side> (*)(const Place&);

// Us and another, on one database.
class Contest {
 public:
  Contest(Report& report, const Options& options, std::string database, std::string peer, MakeSide theirs,
          MakeSide ours, std::optional<double> limit)
      : report_(report),
        options_(options),
        database_(std::move(database)),
        peer_(std::move(peer)),
        theirs_(theirs),
        ours_(ours),
        limit_(limit) {}

  void run() {
    // A number of its own for every object that is created.
    static std::size_t next = 10'000'000;
    against("create", "writes", kSmall, [](Side& side, std::size_t) { side.create(sample("writes", next++)); });
    against("get_by_company, 1000 rows", "reads", 20, [](Side& side, std::size_t) {
      if (side.get_all().size() != kRead) throw std::runtime_error("rows are missing");
    });
    against("update_summary", "reads", kSmall, [this](Side& side, std::size_t turn) {
      if (!side.update_summary(ids_[turn % ids_.size()], "Restarted.")) throw std::runtime_error("no row was updated");
    });
    static const std::vector<IntegratedObjectData> batch = samples("writes", kBatch);
    against("upsert of 10000", "writes", 1, [](Side& side, std::size_t) { side.upsert_many(batch); });
    against("stream", "stream", 1, [this](Side& side, std::size_t) {
      std::size_t rows = 0;
      side.for_each([&](const IntegratedObject&) { ++rows; });
      if (rows != options_.rows) throw std::runtime_error("rows are missing");
    });
  }

  // A batch against what one writes who knows of none: a statement a row, each answer waited for.
  void run_batch_against_rows() {
    if (!wanted("upsert of 10000")) return;
    static const std::vector<IntegratedObjectData> batch = samples("writes", kBatch);
    const auto [theirs, ours] = open("writes");
    const std::pair<Comparison, std::function<void()>> ways[] = {
        {{database_ + "upsert of 10000", peer_ + ", row by row", std::nullopt, 5},
         [&side = *theirs] {
           for (const IntegratedObjectData& object : batch) side.upsert_step_by_step(object);
         }},
        {{database_ + "upsert of 10000", peer_ + ", same, pipelined"},
         [&side = *theirs] {
           for (const IntegratedObjectData& object : batch) side.upsert(object);
         }},
        {{database_ + "upsert of 10000", peer_ + ", one transaction"}, [&side = *theirs] { side.upsert_each(batch); }}};
    for (const auto& [comparison, rows] : ways) {
      if (options_.tidy) options_.tidy();
      report_.add(compare(comparison, std::min<std::size_t>(options_.rounds, 5), rows,
                          [&ours = *ours] { ours.upsert_many(batch); }));
    }
  }

 private:
  std::pair<std::unique_ptr<Side>, std::unique_ptr<Side>> open(const std::string& tenant) const {
    const Place place{options_.postgres, options_.sqlite, tenant};
    return {theirs_(place), ours_(place)};
  }
  bool wanted(const std::string& name) const { return (database_ + name).starts_with(options_.only); }

  void against(const std::string& name, const std::string& tenant, std::size_t times,
               const std::function<void(Side&, std::size_t)>& work) {
    if (!wanted(name)) return;
    const auto sides = open(tenant);
    Side &theirs = *sides.first, &ours = *sides.second;
    if (tenant == "reads") expect_the_same(theirs, ours);
    if (options_.tidy) options_.tidy();
    const auto repeat = [&](Side& side) {
      for (std::size_t turn = 0; turn < times; ++turn) work(side, turn);
    };
    Outcome outcome = compare(
        {database_ + name, peer_, limit_}, options_.rounds, [&] { repeat(theirs); }, [&] { repeat(ours); });
    for (Cost* cost : {&outcome.theirs, &outcome.ours}) {
      cost->wall /= static_cast<double>(times);
      cost->cpu /= static_cast<double>(times);
    }
    report_.add(outcome);
  }

  void expect_the_same(Side& theirs, Side& ours) {
    const std::vector<IntegratedObject> a = theirs.get_all(), b = ours.get_all();
    if (!std::equal(a.begin(), a.end(), b.begin(), b.end(), same))
      throw std::runtime_error(peer_ + " reads other rows");
    ids_.clear();
    for (const IntegratedObject& object : a) ids_.push_back(object.id);
  }

  Report& report_;
  const Options& options_;
  const std::string database_, peer_;
  const MakeSide theirs_, ours_;
  const std::optional<double> limit_;
  std::vector<std::int64_t> ids_;  // of the rows of the tenant "reads"
};

// The same requests by threads that wait and by coroutines that do not.
void run_in_flight(Report& report, const Options& options) {
  const std::string name = "postgresql: requests";
  if (!name.starts_with(options.only)) return;
  rowhouse::DatabaseManager manager{std::string_view(options.postgres)};
  rowhouse::Session session = manager.session("reads");
  std::vector<std::int64_t> rows;
  for (const IntegratedObject& object : rowhouse::IntegratedObjectRepository(session).get_by_company("reads"))
    rows.push_back(object.id);
  const auto threads = by_threads(options.postgres, "reads", rows);
  const auto coroutines = by_coroutines(options.postgres, "reads", rows);
  options.tidy();
  report.add(compare(
      {name, "us, by 10 threads", 1.0}, options.rounds, [&] { threads->run(); }, [&] { coroutines->run(); }));
}

int run(Options options) {
  rowhouse::DatabaseManager superuser{std::string_view(options.postgres)};
  options.tidy = [superuser]() mutable { superuser.session().execute("VACUUM integrated_objects"); };
  options.postgres = prepare_postgres(superuser, options.rows);
  prepare_sqlite(options.sqlite, options.rows);
  Report report(options.json);
  if (!options.json) {
    std::printf(
        "Medians of %zu pairs taken in turn; a call's wall time, and ratios of it and of this process's CPU time.\n"
        "A stream has %zu rows.\n",
        options.rounds, options.rows);
  }
  Contest libpq(report, options, "postgresql: ", "libpq", bare_libpq, rowhouse_on_postgres, 1.15);
  libpq.run();
  libpq.run_batch_against_rows();
  run_in_flight(report, options);
  Contest(report, options, "postgresql: ", "libpqxx", by_libpqxx, rowhouse_on_postgres, std::nullopt).run();
  Contest(report, options, "sqlite: ", "sqlite3", bare_sqlite, rowhouse_on_sqlite, 1.2).run();
  return report.finish();
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  CLI::App app("What the client library costs");
  bench::Options options;
  app.add_option("--postgres", options.postgres, "URL of an empty database, a superuser's")->required();
  app.add_option("--sqlite", options.sqlite, "a new file")->required();
  app.add_option("--rounds", options.rounds, "pairs")->check(CLI::Range(1, 1000));
  app.add_option("--rows", options.rows, "of a stream");
  app.add_option("--only", options.only, "names that begin with this");
  app.add_flag("--json", options.json);
  CLI11_PARSE(app, count, words);
  try {
    return bench::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_client: %s\n", error.what());
    return 2;
  }
}
