#include "bridge/pinned_file.hpp"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "bridge/cell.hpp"

namespace rowhouse::bridge {
namespace {

constexpr off_t kHeaderBytes = 100;

Status wrong_kind(const std::string& path, const char* what) {
  return Status{"42809", in_quotes(path) + " is " + what + ", not a SQLite file", "",
                "Name a regular file; links are not followed."};
}

Status unreachable(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR)
    return Status{"58P01", "there is no file " + in_quotes(path), "", "Check the path's spelling."};
  return Status{error == EACCES   ? "42501"
                : error == ENOMEM ? "53200"
                                  : "58030",
                "could not look at " + in_quotes(path) + ": " + std::generic_category().message(error)};
}

}  // namespace

std::string in_quotes(const std::string& path) { return "\"" + printable(path, PATH_MAX) + "\""; }

PinnedFile::~PinnedFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status PinnedFile::pin(const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos)
    return Status{"22023", "the path of the SQLite file is empty or holds a NUL byte"};
  descriptor_ = ::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor_ < 0 || ::fstat(descriptor_, &marked_) != 0) return unreachable(path, errno);
  if (S_ISDIR(marked_.st_mode)) return wrong_kind(path, "a folder");
  if (S_ISLNK(marked_.st_mode)) return wrong_kind(path, "a link");
  if (!S_ISREG(marked_.st_mode)) return wrong_kind(path, "a device, pipe or socket");
  if (marked_.st_size == 0) return Status{"22P04", in_quotes(path) + " is empty: it holds no bytes, hence no database"};
  if (marked_.st_size < kHeaderBytes)
    return Status{"22P04", in_quotes(path) + " is too short for a SQLite database",
                  "It holds " + std::to_string(marked_.st_size) + " bytes; the header alone has 100.",
                  "The file seems to be cut short: take it from a backup."};
  return {};
}

bool PinnedFile::is_open_in(sqlite3* connection, const std::string& path) const {
  int has_moved = 1;
  struct stat found;
  return sqlite3_file_control(connection, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved) == SQLITE_OK && has_moved == 0 &&
         ::lstat(path.c_str(), &found) == 0 && found.st_dev == marked_.st_dev && found.st_ino == marked_.st_ino;
}

void PinnedFile::mark() { ::fstat(descriptor_, &marked_); }

bool PinnedFile::is_changed() const {
  struct stat now;
  return ::fstat(descriptor_, &now) != 0 || now.st_size != marked_.st_size ||
         now.st_mtim.tv_sec != marked_.st_mtim.tv_sec || now.st_mtim.tv_nsec != marked_.st_mtim.tv_nsec;
}

}  // namespace rowhouse::bridge
