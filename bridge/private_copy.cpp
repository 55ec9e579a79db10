#include "bridge/private_copy.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace rowhouse::bridge {
namespace {

constexpr int kCheckpointLock = 1;  // the slot of the -shm's locks that a checkpoint takes
constexpr int kShmRegionBytes = 32 * 1024;
constexpr std::size_t kSuperJournalNameMax = 512;  // SQLite follows no longer one
constexpr std::string_view kJournalMagic("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8);
constexpr std::size_t kWalHeaderBytes = 32;
constexpr std::size_t kBlockBytes = 1024 * 1024;

class File {
 public:
  File() = default;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool open(const std::string& path, int flags, int mode = 0) {
    descriptor_ = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
    struct stat status;
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) return false;
    size_ = status.st_size;
    if (S_ISREG(status.st_mode)) return true;
    errno = EINVAL;
    return false;
  }
  int descriptor() const { return descriptor_; }
  off_t size() const { return size_; }

 private:
  int descriptor_ = -1;
  off_t size_ = 0;
};

Status system_failure(const char* sqlstate, const std::string& doing) {
  const int error = errno;
  return Status{sqlstate, doing + ": " + std::generic_category().message(error)};
}

// The source's database file through SQLite's own handle. Locks of POSIX belong to the process: opening and closing the
// file beside SQLite would drop those of every other connection here.
class LockedDatabase {
 public:
  ~LockedDatabase() {
    unlock();
    sqlite3_close_v2(connection_);
  }

  int open(const std::string& path) {
    // The -shm, if there is one, is opened to lock it, never written and never made.
    std::string uri = "file:";
    for (const char c : path) {
      constexpr char kDigits[] = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      if (std::isalnum(byte) || c == '/' || c == '.') {
        uri += c;
      } else {
        uri += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
      }
    }
    const int code =
        sqlite3_open_v2((uri + "?readonly_shm=1").c_str(), &connection_,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nullptr);
    if (code != SQLITE_OK) return code;
    return sqlite3_file_control(connection_, "main", SQLITE_FCNTL_FILE_POINTER, &file_);
  }

  /// Holds off writers and, where the file is in WAL mode and in use, checkpoints.
  bool lock() {
    if (file_->pMethods->xLock(file_, SQLITE_LOCK_SHARED) != SQLITE_OK) return false;
    if (file_->pMethods->iVersion < 2) return true;
    volatile void* region = nullptr;
    const int code = file_->pMethods->xShmMap(file_, 0, kShmRegionBytes, 0, &region);
    const bool in_use = code == SQLITE_OK || code == SQLITE_READONLY;
    shm_open_ = in_use || code == SQLITE_READONLY_CANTINIT;
    if (!in_use) return true;  // nobody is there: whoever comes now is seen by the WAL's header
    shm_locked_ =
        file_->pMethods->xShmLock(file_, kCheckpointLock, 1, SQLITE_SHM_LOCK | SQLITE_SHM_SHARED) == SQLITE_OK;
    return shm_locked_;
  }
  void unlock() {
    if (!file_) return;
    if (shm_locked_) file_->pMethods->xShmLock(file_, kCheckpointLock, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
    if (shm_open_) file_->pMethods->xShmUnmap(file_, 0);
    shm_locked_ = shm_open_ = false;
    file_->pMethods->xUnlock(file_, SQLITE_LOCK_NONE);
  }

  bool is(const PinnedFile& pinned, const std::string& path) const { return pinned.is_open_in(connection_, path); }
  bool size(off_t& bytes) const {
    sqlite3_int64 found = 0;
    if (file_->pMethods->xFileSize(file_, &found) != SQLITE_OK) return false;
    bytes = found;
    return true;
  }
  bool read(char* to, std::size_t count, off_t at) const {
    return file_->pMethods->xRead(file_, to, static_cast<int>(count), at) == SQLITE_OK;
  }

 private:
  sqlite3* connection_ = nullptr;
  sqlite3_file* file_ = nullptr;
  bool shm_open_ = false, shm_locked_ = false;
};

Status read_failed() { return system_failure("58030", "read the file for a private copy"); }

// Writes what `read(buffer, offset)` gives (bytes, 0 at the end, -1 for an error) to a new file.
template <class Read>
Status write_copy(const std::string& to_path, const SourceOptions& options, const Read& read) {
  File to;
  if (!to.open(to_path, O_WRONLY | O_CREAT | O_EXCL, 0600)) return system_failure("58030", "create a private copy");
  std::vector<char> block(kBlockBytes);
  for (off_t at = 0;;) {
    if (options.interrupted && options.interrupted(options.interrupted_argument))
      return Status{"57014", "canceled while a private copy of the file was made"};
    const ssize_t got = read(block, at);
    if (got < 0) return read_failed();
    if (got == 0) return {};
    for (ssize_t put = 0; put < got;) {
      const ssize_t n = ::write(to.descriptor(), block.data() + put, static_cast<std::size_t>(got - put));
      if (n < 0) return system_failure(errno == ENOSPC ? "53100" : "58030", "write a private copy");
      put += n;
    }
    at += got;
  }
}

Status copy_file(const File& from, const std::string& to_path, const SourceOptions& options) {
  return write_copy(to_path, options, [&](std::vector<char>& block, off_t at) {
    return ::pread(from.descriptor(), block.data(), block.size(), at);
  });
}

Status copy_file(const LockedDatabase& from, off_t size, const std::string& to_path, const SourceOptions& options) {
  return write_copy(to_path, options, [&](std::vector<char>& block, off_t at) -> ssize_t {
    const auto count = static_cast<std::size_t>(std::min<off_t>(size - at, static_cast<off_t>(block.size())));
    if (count == 0) return 0;
    errno = EIO;
    return from.read(block.data(), count, at) ? static_cast<ssize_t>(count) : -1;
  });
}

// A journal may end with the name of a super-journal. Recovery would open it and delete it, so a file's contents could
// name any file here: the copy's journal is made to name none. `is_void`: the named file is gone, which is how SQLite
// marks the transaction as committed.
bool cut_super_journal(const std::string& journal_path, bool& is_void) {
  File journal;
  if (!journal.open(journal_path, O_RDWR)) return false;
  char tail[16];
  const off_t end = journal.size() - static_cast<off_t>(sizeof tail);
  if (end < 0) return true;
  if (::pread(journal.descriptor(), tail, sizeof tail, end) != static_cast<ssize_t>(sizeof tail)) return false;
  if (std::string_view(tail + 8, 8) != kJournalMagic) return true;
  const auto word = [&tail](int at) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(tail[at + i]);
    return value;
  };
  std::string name(word(0) <= kSuperJournalNameMax && static_cast<off_t>(word(0)) <= end ? word(0) : 0, '\0');
  if (::pread(journal.descriptor(), name.data(), name.size(), end - static_cast<off_t>(name.size())) < 0) return false;
  std::uint32_t sum = 0;
  for (const char c : name) sum += static_cast<std::uint32_t>(static_cast<signed char>(c));
  is_void = sum == word(4) && name.c_str()[0] != '\0' && ::access(name.c_str(), F_OK) != 0;
  const char none[8] = {};
  return ::pwrite(journal.descriptor(), none, sizeof none, end + 8) == static_cast<ssize_t>(sizeof none);
}

Status check_space(const std::string& folder, off_t needed) {
  struct statvfs space;
  if (::statvfs(folder.c_str(), &space) != 0) return {};
  if (static_cast<unsigned long long>(needed) <= space.f_bavail * static_cast<unsigned long long>(space.f_frsize))
    return {};
  return Status{"53100", "there is no room for a private copy of the file in \"" + folder + "\"",
                "The copy needs " + std::to_string(needed) + " bytes.", "Point TMPDIR to a folder with more room."};
}

bool wal_header(const File& wal, char (&header)[kWalHeaderBytes]) {
  std::memset(header, 0, sizeof header);
  return ::pread(wal.descriptor(), header, sizeof header, 0) >= 0;
}

// Opens a file that need not exist; false for any other reason why it can't be read.
bool open_if_there(File& file, const std::string& path, bool& is_there) {
  is_there = file.open(path, O_RDONLY);
  return is_there || errno == ENOENT;
}

enum class Attempt { done, again, changed, failed };

// One try at a consistent set. A WAL that starts anew (its header changes first) or comes to be means again, and so
// does a database that was written meanwhile, by a checkpoint or by someone who takes no locks.
Attempt copy_under_lock(const std::string& path, const std::string& folder, const LockedDatabase& database,
                        PinnedFile& pinned, const SourceOptions& options, Status& status) {
  const std::string target = folder + kCopyName;
  File journal, wal;
  bool has_journal = false, has_wal = false;
  off_t size = 0;
  pinned.mark();
  char before[kWalHeaderBytes], after[kWalHeaderBytes];
  if (!open_if_there(journal, path + "-journal", has_journal)) {
    status = system_failure("58030", "the journal beside the file can't be read");
  } else if (!open_if_there(wal, path + "-wal", has_wal) || (has_wal && !wal_header(wal, before))) {
    status = system_failure("58030", "the write-ahead log beside the file can't be read");
  } else if (!database.size(size)) {
    status = read_failed();
  } else {
    status = check_space(folder, size + (has_wal ? wal.size() : 0) + (has_journal ? journal.size() : 0));
  }
  if (status.ok()) status = copy_file(database, size, target, options);
  if (status.ok() && has_journal) status = copy_file(journal, target + "-journal", options);
  if (status.ok() && has_wal) status = copy_file(wal, target + "-wal", options);
  bool is_void = false;
  if (status.ok() && has_journal && !cut_super_journal(target + "-journal", is_void)) status = read_failed();
  if (!status.ok()) return Attempt::failed;
  if (is_void) ::unlink((target + "-journal").c_str());
  if (pinned.is_changed()) return Attempt::changed;
  if (!has_wal) return ::access((path + "-wal").c_str(), F_OK) == 0 ? Attempt::again : Attempt::done;
  return wal_header(wal, after) && std::memcmp(before, after, sizeof before) == 0 ? Attempt::done : Attempt::again;
}

// Takes no memory: it is called when there is none, too.
void empty_folder(const std::string& folder) noexcept {
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
    char path[PATH_MAX];
    std::snprintf(path, sizeof path, "%s%s%s", folder.c_str(), kCopyName, suffix);
    ::unlink(path);
  }
}

}  // namespace

Status copy_database(const std::string& path, PinnedFile& pinned, const SourceOptions& options, std::string& folder) {
  LockedDatabase database;
  if (const int code = database.open(path); code != SQLITE_OK)
    return Status{(code & 0xff) == SQLITE_CANTOPEN ? "58030" : sqlstate_of(code),
                  std::string("could not open the file for a private copy: ") + sqlite3_errstr(code)};
  if (!database.is(pinned, path)) return Status{"55006", "the file was replaced while it was opened"};
  const char* temporary = std::getenv("TMPDIR");
  std::string made = !options.scratch_directory.empty() ? options.scratch_directory
                     : temporary && *temporary          ? temporary
                                                        : "/tmp";
  made += "/rowhouse-XXXXXX";
  if (::mkdtemp(made.data()) == nullptr)
    return system_failure(
        "58030", "make a folder for a private copy of the file in \"" + made.substr(0, made.rfind('/')) + "\"");
  folder.swap(made);

  const auto deadline = std::chrono::steady_clock::now() + options.busy_timeout;
  auto pause = std::chrono::milliseconds(5);
  for (bool is_changed = false;;) {
    if (database.lock()) {
      Status status;
      const Attempt attempt = copy_under_lock(path, folder, database, pinned, options, status);
      if (attempt == Attempt::done) return {};
      if (attempt == Attempt::failed) return status;
      is_changed = attempt == Attempt::changed;
    }
    database.unlock();
    empty_folder(folder);
    if (options.interrupted && options.interrupted(options.interrupted_argument))
      return Status{"57014", "canceled while waiting for a lock on the file"};
    if (std::chrono::steady_clock::now() >= deadline)
      return is_changed ? Status{"55006", "the file was changed each time while it was copied", "",
                                 "Whatever writes it takes no lock of SQLite's. Try again when it is done."}
                        : Status{"55P03", "the file is locked by a writer", "", "Try again when the writer is done."};
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(100));
  }
}

void remove_copy(const std::string& folder) noexcept {
  empty_folder(folder);
  ::rmdir(folder.c_str());
}

}  // namespace rowhouse::bridge
