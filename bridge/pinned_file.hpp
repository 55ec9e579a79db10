// A file looked at before anyone opens it, and held on to, so that what is opened later can be told from it.
#pragma once

#include <sqlite3.h>
#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "bridge/status.hpp"

namespace rowhouse::bridge {

/// Holds a file without opening it: a pipe does not block, a device is not touched, none of this process's locks on it
/// is dropped, and its inode's number is given to no other file.
class PinnedFile {
 public:
  PinnedFile() = default;
  ~PinnedFile();
  PinnedFile(const PinnedFile&) = delete;
  PinnedFile& operator=(const PinnedFile&) = delete;

  /// Refuses whatever is no regular file, by what it is; a link as the last part of the path is not followed.
  Status pin(const std::string& path);

  /// Whether the connection, opened by `path`, is on this file: the path may lead elsewhere by now.
  bool is_open_in(sqlite3* connection, const std::string& path) const;
  /// Remembers size and time of the last change, for is_changed().
  void mark();
  bool is_changed() const;
  /// In bytes, as remembered.
  std::int64_t size() const { return marked_.st_size; }

 private:
  int descriptor_ = -1;
  struct stat marked_ = {};
};

/// `path` for people: printable, in quotes.
std::string in_quotes(const std::string& path);

}  // namespace rowhouse::bridge
