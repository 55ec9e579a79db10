// Every allocation, open, read and write below the bridge made to fail in turn, once and for ever after, until a
// reading of a file passes without reaching the fault. Each time it ends with every row or with an error that has a
// name; nothing leaks, and the file stays as it was. The faults are put under the C library's names, where SQLite's
// calls pass too.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <new>
#include <set>

#include "bridge/copy_encoder.hpp"
#include "tests/bridge/sqlite_file.hpp"

namespace {

enum Kind { kAllocations, kSqliteAllocations, kOpens, kReads, kWrites, kKinds };

// Calls of one kind are counted while it is armed; the nth fails, and all after it where that is asked for.
struct Fault {
  bool armed = false;
  Kind kind = kKinds;
  long nth = 0, calls = 0;
  bool for_ever = false;
} fault;

bool fails(Kind kind) {
  if (!fault.armed || fault.kind != kind) return false;
  const long call = ++fault.calls;
  return fault.for_ever ? call >= fault.nth : call == fault.nth;
}

int fail_with(int error) {
  errno = error;
  return -1;
}

sqlite3_mem_methods real_memory;
void* sqlite_malloc(int size) { return fails(kSqliteAllocations) ? nullptr : real_memory.xMalloc(size); }
void* sqlite_realloc(void* at, int size) {
  return fails(kSqliteAllocations) ? nullptr : real_memory.xRealloc(at, size);
}

// Before SQLite is first used.
const bool memory_is_ours = [] {
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
  sqlite3_mem_methods ours = real_memory;
  ours.xMalloc = sqlite_malloc;
  ours.xRealloc = sqlite_realloc;
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) == SQLITE_OK;
}();

int open_or_fail(const char* path, int flags, int mode) {
  if (fails(kOpens)) return fail_with(EMFILE);
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

}  // namespace

#define INTERPOSED extern "C" __attribute__((visibility("default")))

INTERPOSED int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int mode = va_arg(arguments, int);
  va_end(arguments);
  return open_or_fail(path, flags, mode);
}
INTERPOSED int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int mode = va_arg(arguments, int);
  va_end(arguments);
  return open_or_fail(path, flags, mode);
}
INTERPOSED ssize_t read(int descriptor, void* to, std::size_t count) {
  return fails(kReads) ? fail_with(EIO) : ::syscall(SYS_read, descriptor, to, count);
}
INTERPOSED ssize_t pread(int descriptor, void* to, std::size_t count, off_t at) {
  return fails(kReads) ? fail_with(EIO) : ::syscall(SYS_pread64, descriptor, to, count, at);
}
INTERPOSED ssize_t pread64(int descriptor, void* to, std::size_t count, off64_t at) {
  return fails(kReads) ? fail_with(EIO) : ::syscall(SYS_pread64, descriptor, to, count, at);
}
INTERPOSED ssize_t write(int descriptor, const void* from, std::size_t count) {
  return fails(kWrites) ? fail_with(ENOSPC) : ::syscall(SYS_write, descriptor, from, count);
}
INTERPOSED ssize_t pwrite(int descriptor, const void* from, std::size_t count, off_t at) {
  return fails(kWrites) ? fail_with(ENOSPC) : ::syscall(SYS_pwrite64, descriptor, from, count, at);
}
INTERPOSED ssize_t pwrite64(int descriptor, const void* from, std::size_t count, off64_t at) {
  return fails(kWrites) ? fail_with(ENOSPC) : ::syscall(SYS_pwrite64, descriptor, from, count, at);
}

__attribute__((noinline)) void* operator new(std::size_t size) {
  if (!fails(kAllocations)) {
    if (void* made = std::malloc(size)) return made;
  }
  throw std::bad_alloc();
}
__attribute__((noinline)) void operator delete(void* at) noexcept { std::free(at); }
__attribute__((noinline)) void operator delete(void* at, std::size_t) noexcept { std::free(at); }

namespace rowhouse::test {
namespace {

using bridge::Source;
using bridge::Status;

// All that a migration asks of the bridge for one file: what was read, or the error.
Status read_file(const std::string& path, const bridge::SourceOptions& options, std::string& digests) {
  digests.clear();
  const auto source = Source::open(path, options);
  if (!source.ok()) return source.status();
  bridge::PlanOptions how;
  how.examine_text = true;
  const auto profile = bridge::profile_file(*source.value(), "acme", how);
  if (!profile.ok()) return profile.status();
  const bridge::Plan plan = bridge::make_plan({profile.value()}, how);
  bridge::Chunk chunk;
  for (const bridge::TableProfile& table : profile.value().tables) {
    const auto encoder =
        bridge::CopyEncoder::open(*source.value(), *table.table, *plan.find_source(table.table->name), "acme");
    if (!encoder.ok()) return encoder.status();
    for (;;) {
      const auto more = encoder.value()->next(chunk);
      if (!more.ok()) return more.status();
      if (!more.value()) break;
      digests += table.table->name + " " + chunk.identity.key_to + " " + chunk.identity.digest + "\n";
    }
  }
  return source.value()->check_unchanged();
}

// Once more where the same may go well, as the command does.
Status read_file_again(const std::string& path, const bridge::SourceOptions& options, std::string& digests) try {
  const Status status = read_file(path, options, digests);
  return !status.ok() && bridge::may_pass(status) ? read_file(path, options, digests) : status;
} catch (const std::bad_alloc&) {
  return Status{"53200"};
}

std::size_t open_files() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) count += !entry.path().empty();
  return count;
}

constexpr const char* kRows =
    "CREATE TABLE a(id INTEGER PRIMARY KEY, body TEXT, doc JSON, at DATETIME, price NUMERIC);"
    "CREATE INDEX i ON a(body); CREATE TABLE b(x, y TEXT, PRIMARY KEY (y, x)) WITHOUT ROWID;"
    "INSERT INTO a VALUES (1, 'one', '{}', '2024-01-01', 1.5), (2, printf('%09000d', 7), NULL, 'x', 9007199254740993);"
    "INSERT INTO b VALUES (1, 'x'), (2, 'y');";

struct Scenario {
  const char* name;
  void (*make)(const std::string& path);
};

const Scenario kScenarios[] = {
    {"InPlace", [](const std::string& path) { make_database(path, kRows); }},
    {"Log",
     [](const std::string& path) {
       Process writer([&](Process&) {
         Writer connection(path, std::string("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;") + kRows);
         std::filesystem::remove(path + "-shm");
         ::kill(::getpid(), SIGKILL);
         return 0;
       });
       writer.finish();
     }},
    {"HotJournal",
     [](const std::string& path) {
       make_database(path, kRows);
       Process writer([&](Process&) {
         Writer connection(path, "PRAGMA cache_size=1; BEGIN; UPDATE a SET body = body || 'never committed'");
         connection.run("DELETE FROM b; UPDATE a SET price = 0; INSERT INTO a(body) SELECT printf('%0*d', 20000, 1)");
         ::kill(::getpid(), SIGKILL);
         return 0;
       });
       writer.finish();
     }},
};

constexpr const char* kKindNames[kKinds] = {"Allocations", "SqliteAllocations", "Opens", "Reads", "Writes"};

class Faults : public testing::TestWithParam<std::tuple<Scenario, Kind, bool>> {
 protected:
  // Errors that a fault of this kind may be named by.
  static bool is_named(Kind kind, const Status& status) {
    static const std::set<std::string> kNames[kKinds] = {
        {"53200"}, {"53200"}, {"58030"}, {"58030", "22P04"}, {"53100", "58030"}};
    return kNames[kind].count(status.sqlstate) > 0;
  }
};

TEST_P(Faults, EndWithEveryRowOrAnErrorWithAName) {
  const auto& [scenario, kind, for_ever] = GetParam();
  ASSERT_TRUE(memory_is_ours);
  Folder folder;
  const std::string path = folder.path("acme.db");
  scenario.make(path);
  bridge::SourceOptions options = options_for(folder);
  options.check_integrity = true;
  std::string wanted;
  ASSERT_TRUE(read_file(path, options, wanted).ok());
  ASSERT_NE(wanted.find("a 2 "), std::string::npos) << wanted;
  const auto before = folder.contents();
  const std::size_t files = open_files();
  const sqlite3_int64 memory = sqlite3_memory_used();

  long failed = 0, nth = 0;
  for (bool reached = true; reached;) {
    std::string digests;
    fault = {true, kind, ++nth, 0, for_ever};
    const Status status = read_file_again(path, options, digests);
    fault.armed = false;
    reached = fault.calls >= nth;
    failed += !status.ok();
    if (status.ok()) {
      ASSERT_EQ(digests, wanted) << "rows were lost without an error at " << nth;
    } else {
      ASSERT_TRUE(is_named(kind, status)) << nth << ": " << status.sqlstate << " " << status.message << status.detail;
    }
    ASSERT_EQ(sqlite3_memory_used(), memory) << "SQLite's memory leaks at " << nth;
    ASSERT_EQ(open_files(), files) << "a file stays open at " << nth;
    ASSERT_TRUE(folder.scratch_is_empty()) << "a copy stays at " << nth;
    ASSERT_LT(nth, 100000);
  }
  EXPECT_EQ(folder.contents(), before);
  // A read or open that fails once is tried again; what fails for ever is an error, but where there is nothing to
  // write.
  if (!for_ever && (kind == kOpens || kind == kReads)) {
    EXPECT_EQ(failed, 0);
  }
  if (for_ever && !(kind == kWrites && nth == 1)) {
    EXPECT_GT(failed, 0);
  }
  std::printf("%ld calls, %ld errors\n", nth - 1, failed);
}

INSTANTIATE_TEST_SUITE_P(Bridge, Faults,
                         testing::Combine(testing::ValuesIn(kScenarios),
                                          testing::Values(kAllocations, kSqliteAllocations, kOpens, kReads, kWrites),
                                          testing::Bool()),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param).name) + kKindNames[std::get<1>(info.param)] +
                                  (std::get<2>(info.param) ? "ForEver" : "Once");
                         });

}  // namespace
}  // namespace rowhouse::test
