// Holds writers off a SQLite file, without writing to it.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <memory>
#include <string>

#include "bridge/pinned_file.hpp"
#include "bridge/status.hpp"

namespace rowhouse::bridge {

/// SQLite's own write lock on one file, held for the object's life: other programs find the database locked when they want
/// to write, and go on reading. (Where the file is in WAL mode and no program has it open, they can't begin to read either.)
///
/// File, -journal and -wal stay byte-identical; a -shm that is made for the lock is removed where nobody else uses it.
/// Locks belong to the process: they end with it, however it ends. A Source may be opened beside this.
class WriterHold {
 public:
  /// Waits for a writer at work. 55P03 when it does not end in time, 42501 when the file can't be opened for writing (which
  /// the lock needs), 55000 when a dead writer's journal has to be rolled back first, which would write to the file.
  static Result<std::unique_ptr<WriterHold>> take(const std::string& path, std::chrono::milliseconds patience,
                                                  bool (*interrupted)(void*) = nullptr, void* argument = nullptr);
  ~WriterHold();
  WriterHold(const WriterHold&) = delete;
  WriterHold& operator=(const WriterHold&) = delete;

 private:
  WriterHold() = default;
  Status open(const std::string& path);
  Status try_lock(bool& is_held);
  Status try_lock_log(bool& is_held);
  void release();

  std::string path_, resolved_;
  PinnedFile pinned_;
  sqlite3* connection_ = nullptr;
  sqlite3_file* file_ = nullptr;
  bool is_shm_open_ = false, is_shm_locked_ = false, is_shm_ours_ = false;
};

}  // namespace rowhouse::bridge
