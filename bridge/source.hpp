// A SQLite file opened to be read: defensively, without writing to it, as one snapshot.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "bridge/pinned_file.hpp"
#include "bridge/status.hpp"

namespace rowhouse::bridge {

struct SourceOptions {
  std::chrono::milliseconds busy_timeout{5000};  ///< how long to wait for a writer's lock
  std::string scratch_directory;                 ///< where a private copy may be made; empty: $TMPDIR or /tmp
  bool check_integrity = false;                  ///< refuse a damaged file before anything is read
  int value_bytes_max = 512 * 1024 * 1024;       ///< a longer value is an error (54000), before memory is taken

  /// Asked every few hundred steps of SQLite's machine; true stops the statement with 57014. May be null.
  bool (*interrupted)(void*) = nullptr;
  void* interrupted_argument = nullptr;
};

/// A read transaction on one SQLite file, held for the object's life: every statement sees the same moment.
///
/// Only a regular file that carries SQLite's header is opened; a link as the last part of the path is refused.
/// The file, its -journal and its -wal stay byte-identical and nothing is left beside them. A file in WAL mode, or
/// with a journal that a dead writer left, is read from a private copy that is taken under SQLite's own locks; any
/// other is read in place under a shared lock. What can't be read at first, or is damaged, is opened once more: one
/// failure is no proof. No trigger, view, extension or application function is ever run.
///
/// Not thread-safe: one thread at a time may use a Source and what was made from it.
class Source {
 public:
  static Result<std::unique_ptr<Source>> open(const std::string& path, const SourceOptions& options);
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  /// Another read transaction at the same moment, for another thread; without a value where a private copy is read. This
  /// Source has to outlive it.
  Result<std::unique_ptr<Source>> twin() const;
  /// Refuses a damaged file (22P04), by SQLite's integrity check of all of it.
  Status check_integrity();

  /// The connection; of use to the bridge's own files.
  sqlite3* connection() const { return connection_; }
  /// The path as given to open().
  const std::string& path() const { return path_; }
  /// The path without its folders: how ledgers name a source.
  std::string file_name() const;
  /// Whether a private copy is read rather than the file itself.
  bool reads_copy() const { return reads_copy_; }
  /// Of the file, in bytes, when it was opened.
  std::int64_t size() const { return pinned_.size(); }

  /// To be asked when the last row is read: 55006 when someone who takes no locks (a copy over the file, a restore) has
  /// changed the file since it was opened. What was read may then be of two moments.
  Status check_unchanged() const;

  /// The Status for a SQLite result code on this connection; `doing` says what was tried, as in "read table t".
  Status failure(int code, const std::string& doing) const;

 private:
  Source() = default;
  Status open_in_place();
  Status lock(sqlite3_file* file);
  Status open_copy();
  Status begin_snapshot();

  std::string path_;
  std::string resolved_;
  PinnedFile pinned_;
  SourceOptions options_;
  sqlite3* connection_ = nullptr;
  bool reads_copy_ = false;
  bool orders_unknown_ = false;  ///< the file sorts by collations of its application
};

/// Whether the same may go well when the whole file is read again: a read that failed, damage, a change meanwhile.
bool may_pass(const Status& status);

}  // namespace rowhouse::bridge
