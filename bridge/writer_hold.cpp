#include "bridge/writer_hold.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <thread>

namespace rowhouse::bridge {
namespace {

constexpr int kWriteLock = 0;  // the slot of the -shm's locks that a writer takes
constexpr int kShmRegionBytes = 32 * 1024;
constexpr int kWalVersion = 2;      // in the header's bytes 18 and 19
constexpr auto kPause = std::chrono::milliseconds(20);

bool exists(const std::string& path) {
  struct stat found;
  return ::lstat(path.c_str(), &found) == 0;
}

// A journal that is finished is empty or begins with zeros.
bool is_hot(const std::string& journal) {
  const int descriptor = ::open(journal.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return errno != ENOENT;
  char first = 0;
  const bool is_read = ::read(descriptor, &first, 1) == 1;
  ::close(descriptor);
  return is_read && first != 0;
}

Status not_writable(const std::string& path) {
  return Status{"42501", "no permission to lock " + in_quotes(path) + " against writers", "",
                "SQLite's write lock needs a file that may be opened for writing. Nothing is written to it."};
}

Status lock_failure(int code, const std::string& path) {
  return Status{sqlstate_of(code), "could not lock " + in_quotes(path) + " against writers: " + sqlite3_errstr(code)};
}

}  // namespace

Result<std::unique_ptr<WriterHold>> WriterHold::take(const std::string& path, std::chrono::milliseconds patience,
                                                     bool (*interrupted)(void*), void* argument) {
  std::unique_ptr<WriterHold> hold(new WriterHold());
  if (Status status = hold->open(path); !status.ok()) return status;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    bool is_held = false;
    if (Status status = hold->try_lock(is_held); !status.ok()) return status;
    if (is_held) return hold;
    hold->release();
    if (interrupted && interrupted(argument)) return Status{"57014", "canceled while waiting for a lock on the file"};
    if (std::chrono::steady_clock::now() >= deadline)
      return Status{"55P03", in_quotes(path) + " is locked by a writer", "", "Try again when the writer is done."};
    std::this_thread::sleep_for(kPause);
  }
}

WriterHold::~WriterHold() {
  release();
  sqlite3_close_v2(connection_);
}

Status WriterHold::open(const std::string& path) {
  path_ = path;
  if (Status status = pinned_.pin(path); !status.ok()) return status;
  char whole[PATH_MAX];
  if (::realpath(path.c_str(), whole) == nullptr)
    return Status{"58030", "could not look at " + in_quotes(path) + ": " + std::generic_category().message(errno)};
  resolved_ = whole;
  // SQLite would fall back to reading alone, and a lock for writing needs more.
  if (::access(whole, W_OK) != 0) return not_writable(path);
  const int code = sqlite3_open_v2(whole, &connection_,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nullptr);
  if (code != SQLITE_OK) return lock_failure(code, path);
  if (!pinned_.is_open_in(connection_, resolved_))
    return Status{"55006", in_quotes(path) + " was replaced while it was opened"};
  sqlite3_file_control(connection_, "main", SQLITE_FCNTL_FILE_POINTER, &file_);
  return file_ && file_->pMethods ? Status{} : lock_failure(SQLITE_ERROR, path);
}

// Through SQLite's file alone, never through its pager: that would roll back, recover, checkpoint.
Status WriterHold::try_lock(bool& is_held) {
  const sqlite3_io_methods& io = *file_->pMethods;
  int code = io.xLock(file_, SQLITE_LOCK_SHARED);
  if ((code & 0xff) == SQLITE_BUSY) return {};
  if (code != SQLITE_OK) return lock_failure(code, path_);
  unsigned char versions[2] = {};
  if (io.xRead(file_, versions, sizeof versions, 18) != SQLITE_OK) return lock_failure(SQLITE_IOERR_READ, path_);
  if (versions[0] == kWalVersion || versions[1] == kWalVersion || exists(resolved_ + "-wal"))
    return try_lock_log(is_held);
  code = io.xLock(file_, SQLITE_LOCK_RESERVED);
  if ((code & 0xff) == SQLITE_BUSY) return {};
  if (code != SQLITE_OK) return lock_failure(code, path_);
  // Under our lock it would pass for a writer's at work, and what it undoes would be read.
  if (is_hot(resolved_ + "-journal"))
    return Status{"55000", in_quotes(path_) + " has a journal that a dead writer left", "",
                  "Let its application, or SQLite's shell, read the file once: that rolls the journal back."};
  is_held = true;
  return {};
}

// In WAL mode the lock is one of the -shm's. One that is not there is made; nothing is written into it.
Status WriterHold::try_lock_log(bool& is_held) {
  const sqlite3_io_methods& io = *file_->pMethods;
  is_shm_ours_ = !exists(resolved_ + "-shm");
  volatile void* region = nullptr;
  int code = io.iVersion < 2 ? SQLITE_CANTOPEN : io.xShmMap(file_, 0, kShmRegionBytes, 1, &region);
  is_shm_open_ = code == SQLITE_OK;
  if ((code & 0xff) == SQLITE_BUSY) return {};
  if (code != SQLITE_OK) return (code & 0xff) == SQLITE_READONLY ? not_writable(path_) : lock_failure(code, path_);
  code = io.xShmLock(file_, kWriteLock, 1, SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE);
  if ((code & 0xff) == SQLITE_BUSY) return {};
  if (code != SQLITE_OK) return lock_failure(code, path_);
  is_held = is_shm_locked_ = true;
  return {};
}

void WriterHold::release() {
  if (!file_) return;
  const sqlite3_io_methods& io = *file_->pMethods;
  if (is_shm_locked_) io.xShmLock(file_, kWriteLock, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
  // Whoever has the file open in WAL mode holds a shared lock: alone, we leave no -shm that was not there.
  if (is_shm_open_) {
    const bool is_alone = is_shm_ours_ && io.xLock(file_, SQLITE_LOCK_EXCLUSIVE) == SQLITE_OK;
    io.xShmUnmap(file_, is_alone);
  }
  is_shm_open_ = is_shm_locked_ = is_shm_ours_ = false;
  io.xUnlock(file_, SQLITE_LOCK_NONE);
}

}  // namespace rowhouse::bridge
