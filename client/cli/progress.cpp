#include "progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace rowhouse::cli {
namespace {

constexpr int kBarWidth = 28;
constexpr auto kTerminalInterval = std::chrono::milliseconds(100);
constexpr auto kLogInterval = std::chrono::seconds(5);

const char* title(const std::string& phase) {
  if (phase == "plan") return "Reading";
  if (phase == "copy") return "Copying";
  if (phase == "index") return "Indexing";
  if (phase == "export") return "Exporting";
  return "Verifying";
}

std::string bar(double part) {
  const int filled = static_cast<int>(std::clamp(part, 0.0, 1.0) * kBarWidth);
  return "[" + std::string(static_cast<std::size_t>(filled), '#') +
         std::string(static_cast<std::size_t>(kBarWidth - filled), '.') + "]";
}

}  // namespace

Progress::Progress(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { finish(); }

void Progress::show(const MigrationProgress& progress) {
  if (quiet_) return;
  const Clock::time_point now = Clock::now();
  if (progress.phase != phase_) {
    finish();
    phase_ = progress.phase;
    phase_started_ = last_shown_ = now;
  }
  last_ = progress;
  open_ = true;
  const auto interval = terminal_ ? Clock::duration(kTerminalInterval) : Clock::duration(kLogInterval);
  if (now - last_shown_ < interval) return;
  last_shown_ = now;
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", line(progress).c_str());
}

void Progress::finish() {
  if (!open_) return;
  open_ = false;
  last_.tenant.clear();
  last_.table.clear();
  std::fprintf(stderr, terminal_ ? "\r\033[K%s\n" : "%s\n", line(last_).c_str());
}

std::string Progress::line(const MigrationProgress& progress) const {
  const double seconds = std::chrono::duration<double>(Clock::now() - phase_started_).count();
  const double rate = seconds > 0.2 ? static_cast<double>(progress.rows) / seconds : 0;
  const bool by_rows = progress.rows_total > 0;
  const double part = by_rows ? static_cast<double>(progress.rows) / static_cast<double>(progress.rows_total)
                      : progress.files_total > 0
                          ? static_cast<double>(progress.files) / static_cast<double>(progress.files_total)
                          : 1;
  std::string text = title(progress.phase);
  text.resize(10, ' ');
  text += bar(part) + " ";
  if (progress.files_total > 0)
    text += std::to_string(progress.files) + "/" + std::to_string(progress.files_total) + " files  ";
  if (progress.rows > 0) text += std::to_string(progress.rows) + " rows  ";
  if (rate > 0) text += std::to_string(static_cast<long long>(rate)) + " rows/s  ";
  if (by_rows && rate > 0 && progress.rows < progress.rows_total)
    text += std::to_string(static_cast<long long>(static_cast<double>(progress.rows_total - progress.rows) / rate)) +
            " s left  ";
  if (!progress.tenant.empty()) text += progress.tenant + (progress.table.empty() ? "" : " " + progress.table);
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

}  // namespace rowhouse::cli
