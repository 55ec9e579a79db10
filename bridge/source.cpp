#include "bridge/source.hpp"

#include <limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>

#include "bridge/cell.hpp"
#include "bridge/private_copy.hpp"

namespace rowhouse::bridge {
namespace {

constexpr int kHeaderBytes = 100;
constexpr char kMagic[] = "SQLite format 3";  // the header's first 16 bytes, NUL included
constexpr int kStepsPerInterruptCheck = 250;
constexpr int kSqlBytesMax = 10 * 1024 * 1024;  // the file's own schema included
constexpr int kPatternBytesMax = 1000;          // a generated column's pattern may cost exponential time

std::string in_quotes(const std::string& path) { return "\"" + printable(path, PATH_MAX) + "\""; }

Status wrong_kind(const std::string& path, const char* what) {
  return Status{"42809", in_quotes(path) + " is " + what + ", not a SQLite file", "",
                "Name a regular file; links are not followed."};
}

// Judges the path before anyone opens it: a FIFO would block for ever, a device would read as an empty database.
Status check_path(const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos)
    return Status{"22023", "the path of the SQLite file is empty or holds a NUL byte"};
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR)
      return Status{"58P01", "there is no file " + in_quotes(path), "", "Check the path's spelling."};
    return Status{error == EACCES ? "42501" : "58030",
                  "could not look at " + in_quotes(path) + ": " + std::generic_category().message(error)};
  }
  if (S_ISDIR(status.st_mode)) return wrong_kind(path, "a folder");
  if (S_ISLNK(status.st_mode)) return wrong_kind(path, "a link");
  if (!S_ISREG(status.st_mode)) return wrong_kind(path, "a device, pipe or socket");
  if (status.st_size == 0) return Status{"22P04", in_quotes(path) + " is empty: it holds no bytes, hence no database"};
  if (status.st_size < kHeaderBytes)
    return Status{"22P04", in_quotes(path) + " is too short for a SQLite database",
                  "It holds " + std::to_string(status.st_size) + " bytes; the header alone has 100.",
                  "The file seems to be cut short: take it from a backup."};
  return {};
}

// The path with its folders resolved, its last part as it is: SQLite refuses links anywhere in a path.
std::string resolve_folders(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  char resolved[PATH_MAX];
  if (::realpath(folder.c_str(), resolved) == nullptr) return path;
  std::string whole = resolved;
  if (whole.back() != '/') whole += '/';
  return whole + path.substr(slash == std::string::npos ? 0 : slash + 1);
}

// Reads the header through SQLite's own file handle: opening and closing the file beside SQLite would drop the locks
// that this process holds on it.
Status read_header(sqlite3* connection, const std::string& path, bool& wal_mode) {
  sqlite3_file* file = nullptr;
  char header[kHeaderBytes] = {};
  if (sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || !file ||
      !file->pMethods || file->pMethods->xRead(file, header, kHeaderBytes, 0) != SQLITE_OK)
    return Status{"58030", "could not read the header of " + in_quotes(path)};
  if (std::memcmp(header, kMagic, sizeof kMagic) != 0)
    return Status{"22P04", in_quotes(path) + " is not a SQLite database, or it is encrypted",
                  "Its first bytes are not SQLite's header.", "Decrypt it first, or leave it out."};
  wal_mode = header[18] == 2 || header[19] == 2;
  return {};
}

// Waits for a writer's lock in growing steps, until the time is up or the statement is to stop.
int wait_for_writer(void* argument, int times) {
  const auto* options = static_cast<const SourceOptions*>(argument);
  constexpr int kDoublings = 6, kStepMax = 64;
  const int waited = times <= kDoublings ? (1 << times) - 1 : (times - kDoublings + 1) * kStepMax - 1;
  if (waited >= options->busy_timeout.count()) return 0;
  if (options->interrupted && options->interrupted(options->interrupted_argument)) return 0;
  sqlite3_sleep(times < kDoublings ? 1 << times : kStepMax);
  return 1;
}

void harden(sqlite3* connection, const SourceOptions& options) {
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, options.value_bytes_max);
  sqlite3_limit(connection, SQLITE_LIMIT_SQL_LENGTH, kSqlBytesMax);
  sqlite3_limit(connection, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, kPatternBytesMax);
  sqlite3_limit(connection, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(connection, SQLITE_LIMIT_WORKER_THREADS, 0);
  sqlite3_busy_handler(connection, wait_for_writer, const_cast<SourceOptions*>(&options));
}

// The first finding of an integrity check that speaks of damage; those about the values of sound rows are not heard.
int run_check(sqlite3* connection, const char* sql, std::string& finding) {
  sqlite3_stmt* check = nullptr;
  int code = sqlite3_prepare_v2(connection, sql, -1, &check, nullptr);
  while (code == SQLITE_OK && (code = sqlite3_step(check)) == SQLITE_ROW) {
    code = SQLITE_OK;
    const unsigned char* text = sqlite3_column_text(check, 0);
    const std::string_view said = text ? reinterpret_cast<const char*>(text) : "";
    if (said == "ok" || said.find(" value in ") != std::string_view::npos) continue;
    finding = said;
    break;
  }
  sqlite3_finalize(check);
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

int compare_bytes(void*, int a_size, const void* a, int b_size, const void* b) {
  const std::string_view left(static_cast<const char*>(a), static_cast<std::size_t>(a_size));
  return left.compare(std::string_view(static_cast<const char*>(b), static_cast<std::size_t>(b_size)));
}

// Stands in for an order that only the application knows: rows are read as their b-tree has them, never by comparing.
void add_unknown_collation(void* orders_unknown, sqlite3* connection, int, const char* name) {
  *static_cast<bool*>(orders_unknown) = true;
  sqlite3_create_collation_v2(connection, name, SQLITE_UTF8, nullptr, compare_bytes, nullptr);
}

int ask_interrupted(void* argument) {
  const auto* options = static_cast<const SourceOptions*>(argument);
  return options->interrupted(options->interrupted_argument) ? 1 : 0;
}

}  // namespace

Result<std::unique_ptr<Source>> Source::open(const std::string& path, const SourceOptions& options) {
  if (Status status = check_path(path); !status.ok()) return status;
  std::unique_ptr<Source> source(new Source());
  source->path_ = path;
  source->options_ = options;
  if (Status status = source->open_in_place(); !status.ok()) return status;
  return source;
}

Source::~Source() { sqlite3_close_v2(connection_); }

std::string Source::file_name() const {
  const std::size_t slash = path_.rfind('/');
  return slash == std::string::npos ? path_ : path_.substr(slash + 1);
}

Status Source::open_in_place() {
  const std::string resolved = resolve_folders(path_);
  const int code = sqlite3_open_v2(
      resolved.c_str(), &connection_,
      SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE, nullptr);
  if (code != SQLITE_OK) {
    const int error = connection_ ? sqlite3_system_errno(connection_) : 0;
    if (error == EACCES || error == EPERM)
      return Status{"42501", "no permission to read " + in_quotes(path_), "",
                    "Let this user read the file and its folder."};
    return failure(code, "open " + in_quotes(path_));
  }
  bool wal_mode = false;
  if (Status status = read_header(connection_, path_, wal_mode); !status.ok()) return status;
  // SQLite takes any -wal for the file's own and would make a -shm beside it, whatever the header says.
  struct stat wal;
  if (wal_mode || ::lstat((resolved + "-wal").c_str(), &wal) == 0) return open_copy();
  Status status = begin_snapshot();
  // A journal that a dead writer left has to be rolled back first, and that is done in a copy.
  if ((status.sqlite_code & 0xff) == SQLITE_READONLY) return open_copy();
  return status;
}

Status Source::open_copy() {
  sqlite3_close_v2(connection_);
  connection_ = nullptr;
  reads_copy_ = true;
  std::string folder;
  Status status = copy_database(resolve_folders(path_), options_, folder);
  if (!status.ok()) {
    status.message = in_quotes(path_) + ": " + status.message;
  } else {
    const int code = sqlite3_open_v2((folder + kCopyName).c_str(), &connection_,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    status = code == SQLITE_OK ? begin_snapshot() : failure(code, "open a private copy of " + in_quotes(path_));
  }
  // Once the snapshot is begun the open files suffice: whatever ends this process, no copy stays behind.
  if (!folder.empty()) remove_copy(folder);
  return status;
}

Status Source::begin_snapshot() {
  harden(connection_, options_);
  sqlite3_collation_needed(connection_, &orders_unknown_, add_unknown_collation);
  if (options_.interrupted) sqlite3_progress_handler(connection_, kStepsPerInterruptCheck, ask_interrupted, &options_);
  // Exclusive locking keeps the index of a copy's WAL on the heap: no -shm that others could cut short under a map.
  const char* const settings =
      reads_copy() ? "PRAGMA mmap_size=0; PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=OFF" : "PRAGMA mmap_size=0";
  int code = sqlite3_exec(connection_, settings, nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) {
    code = sqlite3_exec(connection_,
                        "PRAGMA cell_size_check=ON; BEGIN; SELECT count(*) FROM sqlite_schema; PRAGMA query_only=ON",
                        nullptr, nullptr, nullptr);
  }
  if (code != SQLITE_OK) {
    Status status = failure(code, "read the schema of " + in_quotes(path_));
    if ((code & 0xff) == SQLITE_ERROR) {
      status.sqlstate = sqlstate_of(SQLITE_FORMAT);
      status.hint = "The file is damaged, or written by a newer SQLite than " SQLITE_VERSION ".";
    }
    return status;
  }
  return options_.check_integrity ? check_integrity() : Status{};
}

Status Source::check_integrity() {
  std::string finding;
  // What only the application can judge is no damage: its constraints, its functions, its orders.
  int code = sqlite3_exec(connection_, "PRAGMA ignore_check_constraints=ON", nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) code = run_check(connection_, "PRAGMA integrity_check(100)", finding);
  if ((code & 0xff) == SQLITE_ERROR || (code == SQLITE_OK && orders_unknown_)) {
    finding.clear();
    code = run_check(connection_, "PRAGMA quick_check(100)", finding);
  }
  if (code != SQLITE_OK) return failure(code, "check " + in_quotes(path_));
  if (finding.empty()) return {};
  return Status{"22P04", in_quotes(path_) + " is damaged: SQLite's integrity check fails", printable(finding, 1000),
                "Recover the file with SQLite's tools or take it from a backup; nothing of it was read.",
                SQLITE_CORRUPT};
}

Status Source::failure(int code, const std::string& doing) const {
  Status status;
  status.sqlite_code = code;
  status.sqlstate = sqlstate_of(code);
  const char* said = connection_ ? sqlite3_errmsg(connection_) : sqlite3_errstr(code);
  status.message = "could not " + doing + ": " + (said ? printable(said, 500) : "out of memory");
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      status.message = "could not " + doing + ": the file is locked by a writer";
      status.hint = "Try again when the writer is done.";
      break;
    case SQLITE_CORRUPT:
      status.hint = "The file is damaged, or its schema needs a newer SQLite than " SQLITE_VERSION
                    "; nothing of it is kept. Take it from a backup.";
      break;
    case SQLITE_INTERRUPT:
      status.message = "canceled: " + doing;
      break;
    case SQLITE_TOOBIG:
      status.hint = "One value is longer than the limit of " + std::to_string(options_.value_bytes_max) + " bytes.";
      break;
    default:
      break;
  }
  return status;
}

}  // namespace rowhouse::bridge
