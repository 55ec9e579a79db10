// What open() makes of paths and files that are no database, or only look like one.
#include <sys/stat.h>

#include <functional>

#include "tests/bridge/sqlite_file.hpp"

namespace rowhouse::test {
namespace {

namespace fs = std::filesystem;
using bridge::Source;

constexpr const char* kSomeRows =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT);"
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
    "INSERT INTO t SELECT i, printf('%0200d', i) FROM n";

struct BadFile {
  const char* name;
  std::function<void(const std::string&)> make;
  const char* sqlstate;
  const char* says;
};

class BadFiles : public testing::TestWithParam<BadFile> {};

TEST_P(BadFiles, AreRefusedByNameAndLeftAlone) {
  Folder folder;
  const std::string path = folder.path("acme.db");
  GetParam().make(path);
  bridge::SourceOptions options = options_for(folder);
  options.check_integrity = true;
  const auto source = Source::open(path, options);
  ASSERT_FALSE(source.ok());
  EXPECT_STREQ(source.status().sqlstate, GetParam().sqlstate) << source.status().message;
  EXPECT_NE(source.status().message.find(GetParam().says), std::string::npos) << source.status().message;
  EXPECT_NE(source.status().message.find("acme.db"), std::string::npos) << source.status().message;
  EXPECT_TRUE(folder.scratch_is_empty());
}

void make_noise(const std::string& path, std::size_t from, std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 7;
  for (char& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  std::fstream stream(path, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekp(static_cast<std::streamoff>(from));
  stream << bytes;
}

const BadFile kBadFiles[] = {
    {"Missing", [](const std::string&) {}, "58P01", "there is no file"},
    {"Folder", [](const std::string& path) { fs::create_directory(path); }, "42809", "a folder"},
    {"Link",
     [](const std::string& path) {
       make_database(path + ".real", kSomeRows);
       fs::create_symlink(path + ".real", path);
     },
     "42809", "a link"},
    {"LinkToItself", [](const std::string& path) { fs::create_symlink(path, path); }, "42809", "a link"},
    {"LinkToDevice", [](const std::string& path) { fs::create_symlink("/dev/zero", path); }, "42809", "a link"},
    {"Fifo", [](const std::string& path) { ::mkfifo(path.c_str(), 0600); }, "42809", "a device, pipe or socket"},
    {"NoBytes", [](const std::string& path) { write_file(path, ""); }, "22P04", "is empty"},
    {"FiftyBytes",
     [](const std::string& path) {
       make_database(path, kSomeRows);
       fs::resize_file(path, 50);
     },
     "22P04", "too short"},
    {"Noise", [](const std::string& path) { write_file(path, std::string(4096, 'x')), make_noise(path, 0, 4096); },
     "22P04", "not a SQLite database, or it is encrypted"},
    {"SparseTebibyte",
     [](const std::string& path) {
       write_file(path, "");
       fs::resize_file(path, std::uintmax_t{1} << 40);
     },
     "22P04", "not a SQLite database"},
    {"TwoThirds",
     [](const std::string& path) {
       make_database(path, kSomeRows);
       fs::resize_file(path, fs::file_size(path) * 2 / 3);
     },
     "22P04", "malformed"},
    {"NoiseInOnePage",
     [](const std::string& path) {
       make_database(path, kSomeRows);
       make_noise(path, 5 * 4096, 4096);
     },
     "22P04", "damaged"},
    {"IndexLacksARow",
     [](const std::string& path) {
       Writer writer(path,
                     "CREATE TABLE t(a); CREATE INDEX i ON t(a) WHERE a > 1; INSERT INTO t VALUES (1), (2);"
                     "PRAGMA writable_schema=ON;"
                     "UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t(a)' WHERE name = 'i'");
     },
     "22P04", "damaged"},
    {"SchemaThatNoSqliteParses",
     [](const std::string& path) {
       Writer writer(path,
                     "CREATE TABLE t(a); PRAGMA writable_schema=ON;"
                     "UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a' WHERE name = 't'");
     },
     "22P04", "malformed database schema"},
};

INSTANTIATE_TEST_SUITE_P(Source, BadFiles, testing::ValuesIn(kBadFiles),
                         [](const auto& info) { return info.param.name; });

// Between a look at a path and its opening, it may come to lead elsewhere.
TEST(Source, TellsTheFileItLookedAtFromAnother) {
  Folder folder;
  const std::string path = folder.path("acme.db");
  make_database(path, kSomeRows);
  make_database(folder.path("other.db"), kSomeRows);
  bridge::PinnedFile pinned;
  ASSERT_TRUE(pinned.pin(path).ok());
  {
    Writer connection(path, "SELECT 1 FROM t");
    EXPECT_TRUE(pinned.is_open_in(connection.connection(), path));
    fs::rename(folder.path("other.db"), path);
    EXPECT_FALSE(pinned.is_open_in(connection.connection(), path)) << "the path leads elsewhere by now";
  }
  Writer connection(path, "SELECT 1 FROM t");
  EXPECT_FALSE(pinned.is_open_in(connection.connection(), path)) << "another file was opened";
}

TEST(Source, RefusesPathsThatAreNone) {
  for (const std::string& path : {std::string(), std::string("a\0b", 3)}) {
    const auto source = Source::open(path, {});
    ASSERT_FALSE(source.ok());
    EXPECT_STREQ(source.status().sqlstate, "22023");
  }
  for (const char* path : {":memory:", "file:x.db?mode=memory", "/etc/passwd/x.db"}) {
    const auto source = Source::open(path, {});
    ASSERT_FALSE(source.ok()) << path;
    EXPECT_STREQ(source.status().sqlstate, "58P01");
  }
}

TEST(Source, ReadsThroughLinkedFoldersAndOddNames) {
  Folder folder;
  fs::create_directory(folder.path("real"));
  fs::create_directory_symlink(folder.path("real"), folder.path("linked"));
  for (const char* name : {"real/file:x?mode=memory&y=%41#z.db", "real/blank and \"quotes\".db", "real/é.db"}) {
    make_database(folder.path(name), kSomeRows);
    const auto source = open_source(folder, std::string("linked/") + (name + 5));
    EXPECT_EQ(query_one(*source, "SELECT count(*) FROM t"), "500");
    EXPECT_EQ(source->file_name(), name + 5);
  }
}

TEST(Source, NamesMissingPermission) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  Folder folder;
  make_database(folder.path("acme.db"), kSomeRows);
  fs::permissions(folder.path("acme.db"), fs::perms::none);
  const auto source = Source::open(folder.path("acme.db"), options_for(folder));
  ASSERT_FALSE(source.ok());
  EXPECT_STREQ(source.status().sqlstate, "42501");
}

TEST(Source, StopsWhenAskedTo) {
  Folder folder;
  make_database(folder.path("acme.db"), kSomeRows);
  bridge::SourceOptions options = options_for(folder);
  bool stop = false;
  options.interrupted = [](void* flag) { return *static_cast<bool*>(flag); };
  options.interrupted_argument = &stop;
  const auto source = Source::open(folder.path("acme.db"), options);
  ASSERT_TRUE(source.ok());
  stop = true;
  const int code =
      sqlite3_exec(source.value()->connection(), "SELECT count(*) FROM t, t, t", nullptr, nullptr, nullptr);
  const bridge::Status status = source.value()->failure(code, "count");
  EXPECT_STREQ(status.sqlstate, "57014");
}

TEST(Source, RefusesValuesOverTheLimit) {
  Folder folder;
  make_database(folder.path("acme.db"), "CREATE TABLE t(a); INSERT INTO t VALUES (zeroblob(2000000))");
  bridge::SourceOptions options = options_for(folder);
  options.value_bytes_max = 1000000;
  const auto source = Source::open(folder.path("acme.db"), options);
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(query_one(*source.value(), "SELECT a FROM t"), "string or blob too big");
}

// Nothing of the file's own making runs: no view, no function with side effects.
TEST(Source, RunsNothingOfTheFile) {
  Folder folder;
  make_database(folder.path("acme.db"), "CREATE TABLE t(a); CREATE VIEW v AS SELECT 1");
  const auto source = open_source(folder, "acme.db");
  EXPECT_NE(query_one(*source, "SELECT * FROM v").find("prohibited"), std::string::npos);
  EXPECT_NE(query_one(*source, "SELECT load_extension('x')").find("not authorized"), std::string::npos);
  EXPECT_NE(query_one(*source, "ATTACH ':memory:' AS more").find("too many attached"), std::string::npos);
  EXPECT_NE(query_one(*source, "CREATE TEMP TABLE x(a)").find("readonly"), std::string::npos);
}

// A file that only its application can fully understand is no damaged file.
TEST(Source, TakesSoundFilesWithForeignFunctionsAndCollations) {
  Folder folder;
  {
    Writer writer(folder.path("acme.db"));
    const auto compare = [](void*, int a, const void* x, int b, const void* y) {
      return -std::string(static_cast<const char*>(x), a).compare(std::string(static_cast<const char*>(y), b));
    };
    const auto one = [](sqlite3_context* context, int, sqlite3_value**) { sqlite3_result_int(context, 1); };
    sqlite3_create_collation(writer.connection(), "app_order", SQLITE_UTF8, nullptr, compare);
    sqlite3_create_function(writer.connection(), "app_one", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr, one,
                            nullptr, nullptr);
    writer.run(
        "CREATE TABLE t(a TEXT COLLATE app_order, CHECK (app_one(a) = 1)); CREATE INDEX i ON t(a);"
        "CREATE TABLE k(a TEXT COLLATE app_order PRIMARY KEY) WITHOUT ROWID;"
        "CREATE TABLE c(a CHECK (a > 5)); PRAGMA ignore_check_constraints=ON;"
        "INSERT INTO t VALUES ('x'), ('y'); INSERT INTO k VALUES ('x'), ('y'); INSERT INTO c VALUES (1)");
  }
  bridge::SourceOptions options = options_for(folder);
  options.check_integrity = true;
  const auto source = Source::open(folder.path("acme.db"), options);
  ASSERT_TRUE(source.ok()) << source.status().message << source.status().detail;
  EXPECT_EQ(query_one(*source.value(), "SELECT group_concat(a) FROM (SELECT a FROM k ORDER BY a)"), "y,x");
}

}  // namespace
}  // namespace rowhouse::test
