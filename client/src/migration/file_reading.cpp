#include "migration/file_reading.hpp"

#include "bridge/difference.hpp"

namespace rowhouse::detail {
namespace {

constexpr std::size_t kBatchBytes = 4 * 1024 * 1024;

}  // namespace

FileReading::FileReading(const CopyRun& run, const ProfiledFile& file, const FileLedger& ledger,
                         const std::function<void(FileLook&)>& adjust)
    : source_(file.source) {
  if (file.open && file.open->file) {
    file_ = std::move(file.open->file);
    check_ = std::move(file.open->check);
  } else {
    file_ = open_source(source_, run.options);
    if (!file.is_checked) check_ = std::make_unique<IntegrityCheck>(*file_);
  }
  FileLook look = look_at(*file_, source_, run.options, ledger);
  if (adjust) adjust(look);
  unchanged_ = std::move(look.unchanged);
  for (const bridge::TablePlan& plan : run.plan.tables) {
    const bridge::TableProfile* of_table = find_table(file.profile, plan);
    const TableLook* table = of_table ? look.find(of_table->table->name) : nullptr;
    if (!table) continue;
    works_.push_back(
        std::make_unique<TableWork>(source_, *file_, *of_table, plan, *table, run.options.schema));
    works_.back()->is_bound = run.bound.count(plan.name) > 0;
  }
}

FileReading::~FileReading() { stop(); }

void FileReading::start() {
  if (thread_.joinable()) return;
  thread_ = std::jthread([this] {
    try {
      read();
      channel_->close();
    } catch (...) {
      channel_->close(std::current_exception());
    }
  });
}

void FileReading::start_again() {
  stop();
  thread_ = {};
  channel_ = std::make_unique<BatchChannel>();
  start();
}

void FileReading::read() {
  Batch batch;
  // Of a large file the first one is a chunk: whoever sends waits for it.
  std::size_t enough = file_->size() >= kReadInParts ? 1 : kBatchBytes;
  for (const auto& work : works_) {
    if (!work->look.stale.empty()) continue;
    WorkReader reader(*file_, *work, source_.tenant);
    for (;;) {
      Batch::Part part{work.get(), {}, {}};
      if (!reader.next(part.chunk)) break;
      part.marks = text_of(bridge::marks_of(part.chunk, work->key));
      batch.bytes += part.chunk.bytes.size();
      batch.parts.push_back(std::move(part));
      if (batch.bytes < enough) continue;
      if (!channel_->put(std::move(batch))) return;
      batch = {};
      enough = kBatchBytes;
    }
  }
  require_unchanged(*file_);
  batch.is_last = true;
  if (!batch.parts.empty()) channel_->put(std::move(batch));
}

}  // namespace rowhouse::detail
