// One committed moment of a file, whatever its writers do meanwhile, and nothing written to it.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <utility>

#include "tests/bridge/sqlite_file.hpp"

namespace rowhouse::test {
namespace {

using bridge::Source;

constexpr const char* kLedger =
    "CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER, filler TEXT);"
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 400)"
    "INSERT INTO account SELECT i, 100, printf('%0500d', i) FROM n;";
constexpr const char* kSum = "SELECT sum(balance) FROM account";

// Leaves pages of an unfinished transaction in the file and the way back in its journal.
void die_in_mid_transaction(const std::string& path) {
  Process writer([&](Process&) {
    Writer connection(path, "PRAGMA cache_size=4; BEGIN; UPDATE account SET balance = balance + 1");
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  ASSERT_TRUE(WIFSIGNALED(writer.finish()));
}

TEST(Snapshot, RollsAHotJournalBackInACopy) {
  Folder folder;
  make_database(folder.path("acme.db"), kLedger);
  const auto committed = folder.contents();
  die_in_mid_transaction(folder.path("acme.db"));
  const auto before = folder.contents();
  ASSERT_EQ(before.count("acme.db-journal"), 1u);
  ASSERT_NE(before.at("acme.db"), committed.at("acme.db")) << "the writer died too early for this test";
  {
    const auto source = open_source(folder, "acme.db");
    EXPECT_TRUE(source->reads_copy());
    EXPECT_EQ(query_one(*source, kSum), "40000");
    EXPECT_TRUE(folder.scratch_is_empty()) << "a copy must not outlive a killed reader";
  }
  EXPECT_EQ(folder.contents(), before);
}

// A journal may name a super-journal, which SQLite deletes at recovery: no file's contents may make us do that.
TEST(Snapshot, NeverFollowsAJournalToOtherFiles) {
  for (const bool exists : {true, false}) {
    Folder folder;
    make_database(folder.path("acme.db"), kLedger);
    die_in_mid_transaction(folder.path("acme.db"));
    const std::string victim = folder.path("victim");
    if (exists) write_file(victim, "precious");
    std::uint32_t sum = 0;
    for (char c : victim) sum += static_cast<std::uint32_t>(static_cast<signed char>(c));
    const auto word = [](std::uint32_t n) {
      std::string bytes;
      for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(n >> shift);
      return bytes;
    };
    std::ofstream(folder.path("acme.db-journal"), std::ios::app | std::ios::binary)
        << word(0x40000000 / 4096 + 1) << victim << word(static_cast<std::uint32_t>(victim.size())) << word(sum)
        << "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
    const auto before = folder.contents();
    // Without its super-journal the transaction is committed, and the journal is void.
    EXPECT_EQ(query_one(*open_source(folder, "acme.db"), "SELECT max(balance) FROM account"), exists ? "100" : "101");
    EXPECT_EQ(folder.contents(), before);
  }
}

// Without its journal the file shows what was never committed; SQLite would wait for ever at a pipe.
TEST(Snapshot, RefusesWhenWhatIsBesideTheFileIsUnreadable) {
  for (const char* suffix : {"-journal", "-wal"}) {
    for (const char* kind : {"link", "pipe", "folder"}) {
      Folder folder;
      make_database(folder.path("acme.db"), kLedger);
      die_in_mid_transaction(folder.path("acme.db"));
      const std::string beside = folder.path(std::string("acme.db") + suffix);
      std::error_code error;
      std::filesystem::rename(beside, folder.path("elsewhere"), error);
      if (*kind == 'l') std::filesystem::create_symlink(folder.path("elsewhere"), beside);
      if (*kind == 'p') ::mkfifo(beside.c_str(), 0600);
      if (*kind == 'f') std::filesystem::create_directory(beside);
      const auto source = Source::open(folder.path("acme.db"), options_for(folder));
      ASSERT_FALSE(source.ok()) << kind << suffix;
      EXPECT_STREQ(source.status().sqlstate, "58030") << source.status().message;
      EXPECT_NE(source.status().message.find(std::string("acme.db\" as its ") + suffix), std::string::npos);
      EXPECT_TRUE(folder.scratch_is_empty());
    }
  }
}

// A file that becomes one in WAL mode while its lock is waited for is read from a copy all the same.
TEST(Snapshot, SeesTheJournalModeUnderTheLock) {
  Folder folder;
  make_database(folder.path("acme.db"), kLedger);
  Process writer([&](Process& self) {
    Writer connection(folder.path("acme.db"), "BEGIN EXCLUSIVE");
    self.ready();
    self.wait_for_finish();
    connection.run("COMMIT; PRAGMA journal_mode=WAL; UPDATE account SET balance = 7 WHERE id = 1");
    std::filesystem::remove(folder.path("acme.db-shm"));
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  ASSERT_TRUE(writer.wait_ready());
  bridge::SourceOptions options = options_for(folder);
  options.busy_timeout = std::chrono::seconds(20);
  // Asked while the lock is waited for: the file was looked at before.
  struct Waiting {
    Process& writer;
    bool finished;
  } waiting{writer, false};
  options.interrupted_argument = &waiting;
  options.interrupted = [](void* argument) {
    auto& waits = *static_cast<Waiting*>(argument);
    if (!std::exchange(waits.finished, true)) waits.writer.finish();
    return false;
  };
  const auto source = Source::open(folder.path("acme.db"), options);
  ASSERT_TRUE(source.ok()) << source.status().message;
  ASSERT_TRUE(waiting.finished);
  EXPECT_TRUE(source.value()->reads_copy());
  EXPECT_EQ(query_one(*source.value(), kSum), "39907");
  EXPECT_EQ(folder.contents().count("acme.db-shm"), 0u) << "above all no new -shm";
}

// What takes no lock: a backup restored over the file.
TEST(Snapshot, TellsWhenTheFileChangesUnderIt) {
  Folder folder;
  make_database(folder.path("acme.db"), kLedger);
  const std::string bytes = folder.contents().at("acme.db");
  const auto source = open_source(folder, "acme.db");
  EXPECT_TRUE(source->check_unchanged().ok());
  const auto replaced = open_source(folder, "acme.db");
  std::filesystem::rename(folder.path("acme.db"), folder.path("old.db"));
  write_file(folder.path("acme.db"), bytes);
  EXPECT_TRUE(replaced->check_unchanged().ok()) << "a file that has lost its name is still one moment";
  EXPECT_EQ(query_one(*replaced, kSum), "40000");
  for (const bool cut : {false, true}) {
    const auto current = open_source(folder, "acme.db");
    std::this_thread::sleep_for(
        std::chrono::milliseconds(20));  // longer than the clock of the file system stands still
    write_file(folder.path("acme.db"), cut ? bytes.substr(0, bytes.size() / 2) : bytes);
    const bridge::Status status = current->check_unchanged();
    EXPECT_STREQ(status.sqlstate, "55006");
    EXPECT_NE(status.message.find("acme.db"), std::string::npos) << status.message;
    EXPECT_TRUE(bridge::may_pass(status));
  }
}

TEST(Snapshot, ReadsWhatIsOnlyInAWalLeftBehind) {
  Folder folder;
  Process writer([&](Process&) {
    Writer connection(folder.path("acme.db"), std::string("PRAGMA journal_mode=WAL;") + kLedger);
    connection.run("PRAGMA wal_checkpoint; PRAGMA wal_autocheckpoint=0; UPDATE account SET balance = 7 WHERE id = 1");
    std::filesystem::remove(folder.path("acme.db-shm"));
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  writer.finish();
  const auto before = folder.contents();
  ASSERT_GT(before.at("acme.db-wal").size(), 0u);
  EXPECT_EQ(query_one(*open_source(folder, "acme.db"), kSum), "39907");
  EXPECT_EQ(folder.contents(), before) << "above all no new -shm";
}

TEST(Snapshot, ReadsCleanWalFilesAndLeavesNothing) {
  Folder folder;
  make_database(folder.path("acme.db"), std::string("PRAGMA journal_mode=WAL;") + kLedger);
  const auto before = folder.contents();
  ASSERT_EQ(before.size(), 1u);
  EXPECT_EQ(query_one(*open_source(folder, "acme.db"), kSum), "40000");
  EXPECT_EQ(folder.contents(), before);
  EXPECT_TRUE(folder.scratch_is_empty());
}

// SQLite takes any -wal beside a file for its own, whatever the file's header says.
TEST(Snapshot, LeavesNothingBesideAStrayWal) {
  Folder folder;
  make_database(folder.path("acme.db"), kLedger);
  write_file(folder.path("acme.db-wal"), "");
  const auto before = folder.contents();
  const auto source = open_source(folder, "acme.db");
  EXPECT_EQ(query_one(*source, kSum), "40000");
  EXPECT_EQ(folder.contents(), before);
}

TEST(Snapshot, StandsStillWhileAWriterIsAtWork) {
  Folder folder;
  Process writer([&](Process& self) {
    Writer connection(folder.path("acme.db"), std::string("PRAGMA journal_mode=WAL;") + kLedger);
    self.ready();
    self.wait_for_finish();
    return 0;
  });
  ASSERT_TRUE(writer.wait_ready());
  const auto before = folder.contents();
  const auto source = open_source(folder, "acme.db");
  EXPECT_EQ(query_one(*source, kSum), "40000");
  EXPECT_EQ(folder.contents(), before) << "an open -shm stays as it is too";
  make_database(folder.path("acme.db"), "UPDATE account SET balance = 0");
  EXPECT_EQ(query_one(*source, kSum), "40000");
  EXPECT_EQ(query_one(*open_source(folder, "acme.db"), kSum), "0");
}

// Money moves between accounts and every way of checkpointing runs: each snapshot adds up to the same sum.
TEST(Snapshot, AddsUpWhileCheckpointsRun) {
  Folder folder;
  make_database(folder.path("acme.db"), std::string("PRAGMA journal_mode=WAL;") + kLedger);
  Process writer([&](Process& self) {
    self.ready();
    for (unsigned round = 0; ::getppid() != 1; ++round) {
      Writer connection(folder.path("acme.db"), "PRAGMA busy_timeout=1000; PRAGMA synchronous=OFF");
      for (unsigned i = 0; i < 60; ++i) {
        const unsigned from = (round * 7 + i * 13) % 400 + 1, to = (round * 3 + i * 31) % 400 + 1;
        connection.run("BEGIN IMMEDIATE; UPDATE account SET balance = balance - 1 WHERE id = " + std::to_string(from) +
                       "; UPDATE account SET balance = balance + 1 WHERE id = " + std::to_string(to) + "; COMMIT");
        constexpr const char* kModes[] = {"PASSIVE", "FULL", "RESTART", "TRUNCATE"};
        if (i % 7 == 0) connection.try_run(std::string("PRAGMA wal_checkpoint(") + kModes[i % 4] + ")");
      }
    }
    return 0;
  });
  ASSERT_TRUE(writer.wait_ready());
  bridge::SourceOptions options = options_for(folder);
  options.check_integrity = true;
  options.busy_timeout = std::chrono::seconds(20);
  std::set<std::string> moments;
  for (int i = 0; i < 50 || (moments.size() <= 10 && i < 5000); ++i) {
    const auto source = Source::open(folder.path("acme.db"), options);
    ASSERT_TRUE(source.ok()) << source.status().message << source.status().detail;
    ASSERT_EQ(query_one(*source.value(), kSum), "40000");
    moments.insert(query_one(*source.value(), "SELECT group_concat(balance) FROM account"));
  }
  writer.stop();
  EXPECT_GT(moments.size(), 10u) << "the writer stood still";
  EXPECT_TRUE(folder.scratch_is_empty());
}

TEST(Snapshot, TwinHasTheSameMomentOrNone) {
  Folder folder;
  make_database(folder.path("acme.db"), kLedger);
  const auto source = open_source(folder, "acme.db");
  const auto twin = source->twin();
  ASSERT_TRUE(twin.ok()) << twin.status().message;
  EXPECT_EQ(query_one(*twin.value(), kSum), "40000");
  make_database(folder.path("other.db"), "CREATE TABLE account(balance)");
  std::filesystem::rename(folder.path("other.db"), folder.path("acme.db"));
  EXPECT_STREQ(source->twin().status().sqlstate, "55006");
  make_database(folder.path("wal.db"), std::string("PRAGMA journal_mode=WAL;") + kLedger);
  EXPECT_EQ(open_source(folder, "wal.db")->twin().value(), nullptr);
}

struct Mode {
  const char* journal;
  const char* lock;
};

class Locked : public testing::TestWithParam<Mode> {};

TEST_P(Locked, ByAWriterIsAnErrorWithinTheTimeout) {
  Folder folder;
  make_database(folder.path("acme.db"), std::string("PRAGMA journal_mode=") + GetParam().journal + ";" + kLedger);
  Process writer([&](Process& self) {
    Writer connection(folder.path("acme.db"), GetParam().lock);
    self.ready();
    self.wait_for_finish();
    return 0;
  });
  ASSERT_TRUE(writer.wait_ready());
  bridge::SourceOptions options = options_for(folder);
  options.busy_timeout = std::chrono::milliseconds(200);
  const auto start = std::chrono::steady_clock::now();
  const auto source = Source::open(folder.path("acme.db"), options);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  ASSERT_FALSE(source.ok());
  EXPECT_STREQ(source.status().sqlstate, "55P03");
  EXPECT_NE(source.status().message.find("acme.db"), std::string::npos);
  EXPECT_TRUE(folder.scratch_is_empty());
  writer.finish();
  EXPECT_EQ(query_one(*open_source(folder, "acme.db"), kSum), "40000");
}

INSTANTIATE_TEST_SUITE_P(Snapshot, Locked,
                         testing::Values(Mode{"DELETE", "BEGIN EXCLUSIVE"},
                                         Mode{"WAL",
                                              "PRAGMA locking_mode=EXCLUSIVE; UPDATE account SET balance = balance"}),
                         [](const auto& info) { return info.param.journal; });

// POSIX locks belong to the process: a file opened and closed beside SQLite would drop those of its connections.
TEST(Snapshot, LeavesTheLocksOfThisProcessAlone) {
  for (const char* mode : {"DELETE", "WAL"}) {
    Folder folder;
    const std::string path = folder.path("acme.db");
    make_database(path, std::string("PRAGMA journal_mode=") + mode + ";" + kLedger);
    // Forked first: SQLite's own list of this process's locks must not come along.
    Process other([&](Process& self) {
      self.wait_for_finish();
      return Writer(path).try_run("BEGIN IMMEDIATE");
    });
    Writer writer(path, "BEGIN IMMEDIATE; UPDATE account SET balance = 0 WHERE id = 1");
    EXPECT_EQ(query_one(*open_source(folder, "acme.db"), kSum), "40000");
    EXPECT_EQ(WEXITSTATUS(other.finish()), SQLITE_BUSY) << mode;
    writer.run("COMMIT");
    EXPECT_EQ(query_one(*open_source(folder, "acme.db"), kSum), "39900");
  }
}

TEST(Snapshot, NamesAScratchFolderThatCannotBeUsed) {
  Folder folder;
  make_database(folder.path("acme.db"), std::string("PRAGMA journal_mode=WAL;") + kLedger);
  bridge::SourceOptions options = options_for(folder);
  options.scratch_directory = folder.path("nowhere");
  const auto source = Source::open(folder.path("acme.db"), options);
  ASSERT_FALSE(source.ok());
  EXPECT_STREQ(source.status().sqlstate, "58030");
  EXPECT_NE(source.status().message.find("nowhere"), std::string::npos);
}

}  // namespace
}  // namespace rowhouse::test
