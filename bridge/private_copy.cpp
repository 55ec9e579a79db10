#include "bridge/private_copy.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>
#include <vector>

namespace rowhouse::bridge {
namespace {

// Where SQLite keeps its locks: bytes of the database file, and of the -shm file in WAL mode.
constexpr off_t kPendingByte = 0x40000000;
constexpr off_t kSharedFirst = kPendingByte + 2;
constexpr off_t kSharedSize = 510;
constexpr off_t kCheckpointByte = 121;

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

  bool lock(short type, off_t start, off_t length) const {
    struct flock lock = {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = start;
    lock.l_len = length;
    return ::fcntl(descriptor_, F_SETLK, &lock) == 0;
  }

 private:
  int descriptor_ = -1;
  off_t size_ = 0;
};

Status system_failure(const char* sqlstate, const std::string& doing) {
  const int error = errno;
  return Status{sqlstate, doing + ": " + std::generic_category().message(error)};
}

// SQLite's way to a shared lock: through the pending byte, so that a waiting writer is not starved.
bool take_shared_lock(const File& database) {
  if (!database.lock(F_RDLCK, kPendingByte, 1)) return false;
  const bool taken = database.lock(F_RDLCK, kSharedFirst, kSharedSize);
  database.lock(F_UNLCK, kPendingByte, 1);
  return taken;
}

Status copy_bytes(const File& from, const std::string& to_path, const SourceOptions& options) {
  File to;
  if (!to.open(to_path, O_WRONLY | O_CREAT | O_EXCL, 0600)) return system_failure("58030", "create a private copy");
  std::vector<char> block(kBlockBytes);
  for (off_t at = 0;;) {
    if (options.interrupted && options.interrupted(options.interrupted_argument))
      return Status{"57014", "canceled while a private copy of the file was made"};
    const ssize_t got = ::pread(from.descriptor(), block.data(), block.size(), at);
    if (got < 0) return system_failure("58030", "read the file for a private copy");
    if (got == 0) return {};
    for (ssize_t put = 0; put < got;) {
      const ssize_t n = ::write(to.descriptor(), block.data() + put, static_cast<std::size_t>(got - put));
      if (n < 0) return system_failure(errno == ENOSPC ? "53100" : "58030", "write a private copy");
      put += n;
    }
    at += got;
  }
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

enum class Attempt { done, again, failed };

// One try at a consistent pair. A WAL that starts anew while it is copied (its header changes first) means again.
Attempt copy_under_lock(const std::string& path, const std::string& folder, const File& database,
                        const SourceOptions& options, Status& status) {
  const std::string target = folder + kCopyName;
  File journal, wal;
  const bool has_journal = journal.open(path + "-journal", O_RDONLY);
  const bool has_wal = wal.open(path + "-wal", O_RDONLY);
  char before[kWalHeaderBytes], after[kWalHeaderBytes];
  if (has_wal && !wal_header(wal, before)) {
    status = system_failure("58030", "read the write-ahead log");
    return Attempt::failed;
  }
  status = check_space(folder, database.size() + (has_wal ? wal.size() : 0) + (has_journal ? journal.size() : 0));
  if (status.ok()) status = copy_bytes(database, target, options);
  if (status.ok() && has_journal) status = copy_bytes(journal, target + "-journal", options);
  if (status.ok() && has_wal) status = copy_bytes(wal, target + "-wal", options);
  if (!status.ok()) return Attempt::failed;
  if (!has_wal) return Attempt::done;
  if (!wal_header(wal, after) || std::memcmp(before, after, sizeof before) != 0) return Attempt::again;
  return Attempt::done;
}

void empty_folder(const std::string& folder) {
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
    ::unlink((folder + kCopyName + suffix).c_str());
  }
}

}  // namespace

Status copy_database(const std::string& path, const SourceOptions& options, std::string& folder) {
  const char* temporary = std::getenv("TMPDIR");
  std::string made = (!options.scratch_directory.empty() ? options.scratch_directory
                      : temporary                        ? temporary
                                                         : "/tmp") +
                     std::string("/rowhouse-XXXXXX");
  if (::mkdtemp(made.data()) == nullptr)
    return system_failure(
        "58030", "make a folder for a private copy of the file in \"" + made.substr(0, made.rfind('/')) + "\"");
  folder = made;

  const auto deadline = std::chrono::steady_clock::now() + options.busy_timeout;
  auto pause = std::chrono::milliseconds(5);
  for (;;) {
    {
      // Locks end with their files, at the end of each try.
      File database, shm;
      if (!database.open(path, O_RDONLY)) return system_failure(errno == EACCES ? "42501" : "58P01", "open the file");
      const bool has_shm = shm.open(path + "-shm", O_RDONLY);
      if (take_shared_lock(database) && (!has_shm || shm.lock(F_RDLCK, kCheckpointByte, 1))) {
        Status status;
        const Attempt attempt = copy_under_lock(path, folder, database, options, status);
        if (attempt == Attempt::done) return {};
        if (attempt == Attempt::failed) return status;
      }
    }
    empty_folder(folder);
    if (options.interrupted && options.interrupted(options.interrupted_argument))
      return Status{"57014", "canceled while waiting for a lock on the file"};
    if (std::chrono::steady_clock::now() >= deadline)
      return Status{"55P03", "the file is locked by a writer", "", "Try again when the writer is done."};
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(100));
  }
}

void remove_copy(const std::string& folder) {
  empty_folder(folder);
  ::rmdir(folder.c_str());
}

}  // namespace rowhouse::bridge
