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
#include "bridge/statement.hpp"

namespace rowhouse::bridge {
namespace {

constexpr int kHeaderBytes = 100;
constexpr char kMagic[] = "SQLite format 3";  // the header's first 16 bytes, NUL included
constexpr int kStepsPerInterruptCheck = 250;
constexpr int kSqlBytesMax = 10 * 1024 * 1024;  // the file's own schema included
constexpr int kPatternBytesMax = 1000;          // a generated column's pattern may cost exponential time

// The path with its folders resolved, its last part as it is: SQLite refuses links anywhere in a path. Absolute, hence
// never one of SQLite's file: names.
Status resolve_folders(const std::string& path, std::string& resolved) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  char whole[PATH_MAX];
  if (::realpath(folder.c_str(), whole) == nullptr)
    return Status{"58030",
                  "could not look at the folder of " + in_quotes(path) + ": " + std::generic_category().message(errno)};
  resolved = whole;
  if (resolved.back() != '/') resolved += '/';
  resolved += path.substr(slash == std::string::npos ? 0 : slash + 1);
  return {};
}

// Whether there is a file beside the source; SQLite would open it whatever it is, and wait for ever at a pipe.
Status look_beside(const std::string& path, const char* suffix, bool& is_there) {
  struct stat found;
  is_there = ::lstat((path + suffix).c_str(), &found) == 0;
  if (is_there ? S_ISREG(found.st_mode) : errno == ENOENT) return {};
  return Status{"58030", "what is beside " + in_quotes(path) + " as its " + suffix + " can't be read",
                is_there ? "It is no regular file." : std::generic_category().message(errno),
                "Without it the file may show what was never committed."};
}

// Everything through SQLite's own file handle: opening and closing the file beside SQLite would drop the locks that
// this process holds on it.
sqlite3_file* file_of(sqlite3* connection) {
  sqlite3_file* file = nullptr;
  const int code = sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  return code == SQLITE_OK && file && file->pMethods ? file : nullptr;
}

Status read_header(sqlite3_file* file, const std::string& path, bool& wal_mode) {
  char header[kHeaderBytes] = {};
  if (file->pMethods->xRead(file, header, kHeaderBytes, 0) != SQLITE_OK)
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
  Statement check;
  int code = prepare(connection, sql, check);
  while (code == SQLITE_OK && (code = sqlite3_step(check.get())) == SQLITE_ROW) {
    code = SQLITE_OK;
    const unsigned char* text = sqlite3_column_text(check.get(), 0);
    const std::string_view said = text ? reinterpret_cast<const char*>(text) : "";
    if (said == "ok" || said.find(" value in ") != std::string_view::npos) continue;
    finding = said;
    break;
  }
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

Status changed_while(const std::string& what, const char* doing) {
  return Status{"55006", what + " was changed or replaced while it was " + doing, "",
                "Whatever wrote it took no lock of SQLite's. Try again when it is done."};
}

int ask_interrupted(void* argument) {
  const auto* options = static_cast<const SourceOptions*>(argument);
  return options->interrupted(options->interrupted_argument) ? 1 : 0;
}

}  // namespace

Result<std::unique_ptr<Source>> Source::open(const std::string& path, const SourceOptions& options) {
  for (bool again = true;; again = false) {
    std::unique_ptr<Source> source(new Source());
    source->path_ = path;
    source->options_ = options;
    Status status = source->open_in_place();
    if (status.ok()) return source;
    if (!again || !may_pass(status)) return status;
  }
}

bool may_pass(const Status& status) {
  const std::string_view state = status.sqlstate;
  return state == "58030" || state == "55006" || (state == "22P04" && status.sqlite_code != 0);
}

Source::~Source() { sqlite3_close_v2(connection_); }

std::string Source::file_name() const {
  const std::size_t slash = path_.rfind('/');
  return slash == std::string::npos ? path_ : path_.substr(slash + 1);
}

Status Source::check_unchanged() const {
  if (reads_copy_ || !pinned_.is_changed()) return {};
  return changed_while(in_quotes(path_), "read");
}

Result<std::unique_ptr<Source>> Source::twin() const {
  if (reads_copy_) return std::unique_ptr<Source>();
  SourceOptions options = options_;
  options.check_integrity = false;
  Result<std::unique_ptr<Source>> twin = open(path_, options);
  if (!twin.ok()) return twin;
  const Source& other = *twin.value();
  if (other.reads_copy_ || !pinned_.is_open_in(other.connection_, other.resolved_))
    return changed_while(in_quotes(path_), "opened");
  return twin;
}

Status Source::open_in_place() {
  if (Status status = pinned_.pin(path_); !status.ok()) return status;
  if (Status status = resolve_folders(path_, resolved_); !status.ok()) return status;
  const int code = sqlite3_open_v2(
      resolved_.c_str(), &connection_,
      SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE, nullptr);
  if (code != SQLITE_OK) {
    const int error = connection_ ? sqlite3_system_errno(connection_) : 0;
    if (error == EACCES || error == EPERM)
      return Status{"42501", "no permission to read " + in_quotes(path_), "",
                    "Let this user read the file and its folder."};
    return failure(code, "open " + in_quotes(path_));
  }
  if (!pinned_.is_open_in(connection_, resolved_)) return changed_while(in_quotes(path_), "opened");
  // Under the lock a file neither changes its journal mode nor gets a log: what is seen now is what SQLite will see.
  sqlite3_file* const file = file_of(connection_);
  if (!file) return failure(SQLITE_ERROR, "open " + in_quotes(path_));
  if (Status status = lock(file); !status.ok()) return status;
  pinned_.mark();
  bool wal_mode = false, has_wal = false, has_journal = false;
  if (Status status = read_header(file, path_, wal_mode); !status.ok()) return status;
  if (Status status = look_beside(resolved_, "-wal", has_wal); !status.ok()) return status;
  if (Status status = look_beside(resolved_, "-journal", has_journal); !status.ok()) return status;
  // SQLite takes any -wal for the file's own and would make a -shm beside it, whatever the header says.
  if (wal_mode || has_wal) return open_copy();
  Status status = begin_snapshot();
  // A journal that a dead writer left has to be rolled back first, and that is done in a copy.
  if ((status.sqlite_code & 0xff) == SQLITE_READONLY) return open_copy();
  return status;
}

Status Source::lock(sqlite3_file* file) {
  for (int times = 0;; ++times) {
    const int code = file->pMethods->xLock(file, SQLITE_LOCK_SHARED);
    if (code == SQLITE_OK) return {};
    if ((code & 0xff) == SQLITE_BUSY && wait_for_writer(&options_, times)) continue;
    if (options_.interrupted && options_.interrupted(options_.interrupted_argument))
      return failure(SQLITE_INTERRUPT, "lock " + in_quotes(path_));
    return failure(code, "read " + in_quotes(path_));
  }
}

Status Source::open_copy() {
  sqlite3_close_v2(connection_);
  connection_ = nullptr;
  reads_copy_ = true;
  // Once the snapshot is begun the open files suffice: whatever ends this process, no copy stays behind.
  struct Folder {
    std::string path;
    ~Folder() {
      if (!path.empty()) remove_copy(path);
    }
  } folder;
  Status status = copy_database(resolved_, pinned_, options_, folder.path);
  if (!status.ok()) {
    status.message = in_quotes(path_) + ": " + status.message;
  } else {
    const int code = sqlite3_open_v2((folder.path + kCopyName).c_str(), &connection_,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    status = code == SQLITE_OK ? begin_snapshot() : failure(code, "open a private copy of " + in_quotes(path_));
    // The copy is ours to write: what keeps SQLite from that is a failure of the system.
    if ((status.sqlite_code & 0xff) == SQLITE_READONLY) status.sqlstate = "58030";
  }
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
  const bool is_last = connection_ && (sqlite3_errcode(connection_) & 0xff) == (code & 0xff);
  const char* said = is_last ? sqlite3_errmsg(connection_) : sqlite3_errstr(code);
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
    case SQLITE_CANTOPEN: {
      // The file was there when it was looked at: what is lacking is something else.
      const int error = connection_ ? sqlite3_system_errno(connection_) : 0;
      if (error == ENOENT) break;
      status.sqlstate = "58030";
      if (error != 0) status.message += ": " + std::generic_category().message(error);
      break;
    }
    case SQLITE_TOOBIG:
      status.hint = "One value is longer than the limit of " + std::to_string(options_.value_bytes_max) + " bytes.";
      break;
    default:
      break;
  }
  return status;
}

}  // namespace rowhouse::bridge
