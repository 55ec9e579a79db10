// The reading side of a file's copy. It asks no database.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "migration/batch_channel.hpp"
#include "migration/copy_run.hpp"
#include "migration/integrity_check.hpp"

namespace rowhouse::detail {

// One file, opened at one moment: what of it is to be sent, and its new chunks, read by a thread of its own.
class FileReading {
 public:
  // Opens the file, and begins to check it where that is still to be done, unless it is open already. `adjust` may change
  // what was found to be done by what the ledger knows.
  FileReading(const CopyRun& run, const ProfiledFile& file, const FileLedger& ledger,
              const std::function<void(FileLook&)>& adjust = {});
  ~FileReading();
  FileReading(const FileReading&) = delete;
  FileReading& operator=(const FileReading&) = delete;

  const bridge::Source& file() const { return *file_; }
  const std::vector<std::unique_ptr<TableWork>>& works() const { return works_; }
  const std::vector<TableOutcome>& unchanged() const { return unchanged_; }

  // From here on the file is the thread's, until take() has given the last batch. Once is enough.
  void start();
  // Gives all batches once more, of the same moment.
  void start_again();
  // The next batch of new chunks, nothing behind the last; what the reader has thrown.
  std::optional<Batch> take() { return channel_->take(); }
  // What was sent of them.
  void give_back(Batch batch) { channel_->give_back(std::move(batch)); }
  // Of a file that is checked while it is read: nothing of it may be committed before require_sound().
  bool is_being_checked() const { return check_ && !check_->is_done(); }
  void require_sound() {
    if (check_) check_->require_sound();
  }
  // No more is wanted.
  void stop() { channel_->close(); }

 private:
  void read();

  const MigrationSource& source_;
  std::unique_ptr<bridge::Source> file_;
  std::unique_ptr<IntegrityCheck> check_;
  std::vector<TableOutcome> unchanged_;
  std::vector<std::unique_ptr<TableWork>> works_;
  std::unique_ptr<BatchChannel> channel_ = std::make_unique<BatchChannel>();
  std::jthread thread_;
};

}  // namespace rowhouse::detail
