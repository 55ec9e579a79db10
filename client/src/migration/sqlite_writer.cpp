#include "migration/sqlite_writer.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "bridge/catalog.hpp"
#include "bridge/cell.hpp"
#include "migration/source_files.hpp"

namespace rowhouse::detail {
namespace {

constexpr int kStepsBetweenQuestions = 5000;
constexpr std::size_t kSaidBytes = 500;

[[noreturn]] void refuse(const char* sqlstate, std::string message, std::string hint) {
  throw_status({sqlstate, std::move(message), "", std::move(hint)});
}

// A schema's text makes tables and indexes. Modules of virtual tables run statements of their own on their tables.
int authorize(void*, int action, const char* first, const char* second, const char*, const char*) {
  switch (action) {
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_INDEX:
    case SQLITE_CREATE_VTABLE:
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
    case SQLITE_READ:
    case SQLITE_SELECT:
    case SQLITE_REINDEX:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return second && sqlite3_stricmp(second, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA:
      return first && sqlite3_stricmp(first, "data_version") == 0 ? SQLITE_OK : SQLITE_DENY;
    default:
      return SQLITE_DENY;
  }
}

}  // namespace

SqliteWriter::SqliteWriter(std::string path, bool overwrite, std::function<bool()> interrupted)
    : path_(std::move(path)), part_(path_ + ".part"), overwrite_(overwrite), interrupted_(std::move(interrupted)) {
  check_place();
  lock_ = ::open(part_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (lock_ < 0) fail_system("make \"" + part_ + "\"");
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_);
    refuse("55006", "another process writes \"" + part_ + "\"", "Wait for it, or export to another file.");
  }
  ours_ = true;
  try {
    if (::ftruncate(lock_, 0) != 0) fail_system("empty \"" + part_ + "\"");
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const int code = sqlite3_open_v2(part_.c_str(), &connection_, flags, nullptr);
    if (code != SQLITE_OK) fail(code, "open \"" + part_ + "\"");
    // Until it is finished the file is worth nothing: no journal, no syncs.
    run("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA locking_mode = EXCLUSIVE");
    sqlite3_db_config(connection_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(connection_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_limit(connection_, SQLITE_LIMIT_ATTACHED, 0);
    if (interrupted_)
      sqlite3_progress_handler(
          connection_, kStepsBetweenQuestions,
          [](void* self) { return static_cast<const SqliteWriter*>(self)->interrupted_() ? 1 : 0; }, this);
  } catch (...) {
    close();
    throw;
  }
}

SqliteWriter::~SqliteWriter() { close(); }

void SqliteWriter::close() {
  for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
  statements_.clear();
  sqlite3_close(connection_);
  connection_ = nullptr;
  if (ours_) ::unlink(part_.c_str());
  ours_ = false;
  if (lock_ >= 0) ::close(lock_);
  lock_ = -1;
}

// A journal beside the file would be taken for the new file's own, and ruin it.
void SqliteWriter::check_place() const {
  struct stat found {};
  if (::lstat(path_.c_str(), &found) == 0) {
    if (!S_ISREG(found.st_mode)) refuse("42809", "\"" + path_ + "\" is there and is no file", "Name another file.");
    if (!overwrite_) refuse("58P02", "\"" + path_ + "\" is there already", "Name another file, or add --overwrite.");
  }
  for (const char* suffix : {"-wal", "-journal", "-shm"}) {
    if (::lstat((path_ + suffix).c_str(), &found) == 0)
      refuse("55006", "\"" + path_ + suffix + "\" is there: somebody uses \"" + path_ + "\", or died doing so",
             "Name another file.");
  }
}

void SqliteWriter::fail(int code, const std::string& doing) const {
  const char* said = connection_ ? sqlite3_errmsg(connection_) : sqlite3_errstr(code);
  if ((code & 0xff) == SQLITE_INTERRUPT) throw_error("57014", "interrupted");
  throw_status({bridge::sqlstate_of(code), "could not " + doing + ": " + bridge::printable(said, kSaidBytes), "", "", code});
}

void SqliteWriter::fail_system(const std::string& doing) const {
  const int error = errno;
  refuse(error == EACCES || error == EPERM || error == EROFS ? "42501"
         : error == ENOENT                                   ? "58P01"
         : error == ENOSPC || error == EDQUOT                ? "53100"
                                                             : "58030",
         "could not " + doing + ": " + std::strerror(error), "");
}

void SqliteWriter::run(const std::string& sql) {
  const int code = sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code, "write \"" + path_ + "\"");
}

std::string_view SqliteWriter::make(std::string_view script) {
  sqlite3_set_authorizer(connection_, authorize, nullptr);
  sqlite3_stmt* statement = nullptr;
  const char* rest = script.data() + script.size();
  int code = sqlite3_prepare_v2(connection_, script.data(), static_cast<int>(script.size()), &statement, &rest);
  if (code == SQLITE_OK && statement) code = sqlite3_step(statement);
  const std::string said = sqlite3_errmsg(connection_);
  sqlite3_finalize(statement);
  sqlite3_set_authorizer(connection_, nullptr, nullptr);
  if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW)
    throw_status({bridge::sqlstate_of(code), bridge::printable(said, kSaidBytes), "", "", code});
  return script.substr(static_cast<std::size_t>(rest - script.data()));
}

sqlite3_stmt* SqliteWriter::prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(connection_, sql.c_str(), -1, &statement, nullptr);
  if (code != SQLITE_OK) fail(code, "write \"" + path_ + "\"");
  statements_.push_back(statement);
  return statement;
}

void SqliteWriter::insert(sqlite3_stmt* statement) {
  const int code = sqlite3_step(statement);
  if (code != SQLITE_DONE) fail(code, "write \"" + path_ + "\"");
  sqlite3_reset(statement);
}

std::vector<std::string> SqliteWriter::ask(const std::string& sql) {
  std::vector<std::string> rows;
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(connection_, sql.c_str(), -1, &statement, nullptr);
  while (code == SQLITE_OK || code == SQLITE_ROW) {
    code = sqlite3_step(statement);
    const unsigned char* text = code == SQLITE_ROW ? sqlite3_column_text(statement, 0) : nullptr;
    if (code == SQLITE_ROW) rows.emplace_back(text ? reinterpret_cast<const char*>(text) : "");
  }
  sqlite3_finalize(statement);
  if (code != SQLITE_DONE) fail(code, "read \"" + part_ + "\"");
  return rows;
}

std::set<std::string> SqliteWriter::writable_columns(const std::string& table) {
  const std::vector<std::string> names =
      ask("SELECT lower(name) FROM pragma_table_xinfo(" + bridge::quote_sqlite_literal(table) + ") WHERE hidden = 0");
  return {names.begin(), names.end()};
}

bool SqliteWriter::has(const std::string& name) {
  return !ask("SELECT 1 FROM sqlite_schema WHERE name = " + bridge::quote_sqlite_literal(name) + " COLLATE NOCASE").empty();
}

void SqliteWriter::finish() {
  for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
  statements_.clear();
  const std::vector<std::string> found = ask("PRAGMA integrity_check");
  if (found != std::vector<std::string>{"ok"})
    refuse("XX001", "the file that was written is not sound: " + (found.empty() ? "" : found.front()), "");
  if (const int code = sqlite3_close(connection_); code != SQLITE_OK) fail(code, "close \"" + part_ + "\"");
  connection_ = nullptr;
  if (::fsync(lock_) != 0) fail_system("sync \"" + part_ + "\"");
  check_place();
  if (::renameat2(AT_FDCWD, part_.c_str(), AT_FDCWD, path_.c_str(), overwrite_ ? 0 : RENAME_NOREPLACE) != 0) {
    if (errno != EINVAL || ::rename(part_.c_str(), path_.c_str()) != 0) fail_system("make \"" + path_ + "\"");
  }
  ours_ = false;
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  const int directory = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) ::fsync(directory);
  if (directory >= 0) ::close(directory);
}

}  // namespace rowhouse::detail
