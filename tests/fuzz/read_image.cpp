#include "tests/fuzz/read_image.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bridge/chunk_loader.hpp"
#include "bridge/collisions.hpp"
#include "bridge/copy_encoder.hpp"
#include "bridge/ddl.hpp"
#include "bridge/views.hpp"
#include "tests/fuzz/promise.hpp"

namespace rowhouse::fuzz {
namespace {

using namespace bridge;

constexpr auto kTimeMax = std::chrono::seconds(3);
constexpr int kValueBytesMax = 8 * 1024 * 1024;
constexpr std::int64_t kHeapBytesMax = 512LL * 1024 * 1024;

// One path for all images; in memory where the system has such a folder.
class ImageFile {
 public:
  ImageFile() {
    path_ = std::string(::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") + "/rowhouse-image-XXXXXX";
    const int descriptor = ::mkstemp(path_.data());
    promise(descriptor >= 0, "a temporary file");
    ::close(descriptor);
  }
  ~ImageFile() { ::unlink(path_.c_str()); }
  const std::string& write(std::string_view image) const {
    std::FILE* file = std::fopen(path_.c_str(), "wb");
    promise(file && std::fwrite(image.data(), 1, image.size(), file) == image.size(), "a written image");
    std::fclose(file);
    return path_;
  }

 private:
  std::string path_;
};

bool is_late(void* deadline) {
  return std::chrono::steady_clock::now() > *static_cast<std::chrono::steady_clock::time_point*>(deadline);
}

std::uint32_t word(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// The stream as a server would read it.
void check_stream(const Chunk& chunk) {
  CopyStream stream(chunk, 0, chunk.rows());
  std::string bytes, buffer(4099, '\0');
  while (const std::size_t n = stream.read(buffer)) bytes.append(buffer, 0, n);
  std::size_t at = 19;
  for (std::size_t row = 0; row < chunk.rows(); ++row) {
    promise(bytes.size() >= at + 2, "a field count");
    const std::size_t count = word(bytes, at) >> 16;
    promise(count == chunk.columns.size(), "as many fields as columns");
    at += 2;
    for (const CopyColumn& column : chunk.columns) {
      promise(bytes.size() >= at + 4, "a length word");
      const std::uint32_t length = word(bytes, at);
      at += 4;
      if (length == 0xFFFFFFFF) continue;
      promise(length <= bytes.size() - at, "a field within the stream");
      check_field(column.type, std::string_view(bytes).substr(at, length));
      at += length;
    }
  }
  promise(at + 2 == bytes.size() && bytes.compare(at, 2, "\377\377") == 0, "a trailer at the end");
  promise(chunk.keys.size() == chunk.rows(), "a key for each row");
}

bool is_text(const Chunk& chunk, std::size_t row) {
  for (std::size_t column = 0; column < chunk.columns.size(); ++column) {
    const PgType type = chunk.columns[column].type;
    const std::string_view field = chunk.field(row, column);
    if (field.data() != nullptr && (type == PgType::text || type == PgType::jsonb) && check_text(field)) return false;
  }
  return true;
}

// A server that takes valid UTF-8 alone gets every row of it once, and the others are set aside.
void check_loading(Chunk& chunk) {
  const std::size_t rows = chunk.rows(), rejects = chunk.rejects.size();
  const std::size_t loaded = load_chunk(chunk, [&](std::size_t first, std::size_t last) -> std::optional<CopyRefusal> {
    for (std::size_t row = first; row < last; ++row) {
      if (!is_text(chunk, row)) return CopyRefusal{"22021", "invalid byte sequence", "", 0};
    }
    return std::nullopt;
  });
  promise(loaded + chunk.rejects.size() - rejects == rows, "each row loaded or set aside");
}

void check_text_for_people(const std::string& text) { promise(!check_text(text), "a note that is text"); }

void check_plan(const Plan& plan) {
  for (const std::string& note : plan.notes) check_text_for_people(note);
  for (const TablePlan& table : plan.tables) {
    check_text_for_people(create_table_sql(table, {}));
    for (const std::string& sql : create_index_sql(table, {})) check_text_for_people(sql);
    for (const std::string& note : table.notes) check_text_for_people(note);
    promise(table.name.size() <= 63, "a table name of 63 bytes");
    for (const ColumnPlan& column : table.columns) {
      check_text_for_people(column.evidence);
      promise(!column.name.empty() && column.name.size() <= 63, "a column name of 1 to 63 bytes");
      promise(table.find(column.name) == &column, "column names that are distinct");
    }
  }
}

std::string refused(const Status& status) {
  promise(!status.ok() && !status.message.empty(), "an error that says something");
  check_text_for_people(status.message + status.detail + status.hint);
  return std::string("refused ") + status.sqlstate + ": " + status.message;
}

}  // namespace

std::string read_image(std::string_view image) {
  static const ImageFile file;
  sqlite3_hard_heap_limit64(kHeapBytesMax);
  auto deadline = std::chrono::steady_clock::now() + kTimeMax;
  SourceOptions options;
  options.busy_timeout = std::chrono::milliseconds(0);
  options.value_bytes_max = kValueBytesMax;
  options.interrupted = is_late;
  options.interrupted_argument = &deadline;

  const auto source = Source::open(file.write(image), options);
  if (!source.ok()) return refused(source.status());
  PlanOptions plan_options;
  plan_options.examine_text = true;
  const auto profile = profile_file(*source.value(), "acme", plan_options);
  if (!profile.ok()) return refused(profile.status());
  Plan plan = make_plan({profile.value()}, plan_options);
  check_plan(plan);
  translate_views(plan, "public");
  for (const ViewPlan& view : plan.views) promise(view.query.empty() != view.why.empty(), "a view or the reason why not");

  std::int64_t rows = 0;
  for (const TableProfile& table : profile.value().tables) {
    const TablePlan* planned = plan.find_source(table.table->name);
    promise(planned != nullptr, "a plan for each table");
    std::vector<Hazard> hazards;
    const Status collisions = find_collisions(*source.value(), *table.table, *planned, hazards);
    if (!collisions.ok()) return refused(collisions);
    for (const Hazard& hazard : hazards) promise(hazard.count < table.rows, "one row of each key is kept");
    const auto encoder =
        CopyEncoder::open(*source.value(), *table.table, *planned, "acme", {{256 * 1024, 1000}, 64 * 1024 * 1024});
    if (!encoder.ok()) return refused(encoder.status());
    Chunk chunk;
    std::int64_t encoded = 0, rejected = 0;
    for (;;) {
      const auto more = encoder.value()->next(chunk);
      if (!more.ok()) return refused(more.status());
      if (!more.value()) break;
      check_stream(chunk);
      encoded += static_cast<std::int64_t>(chunk.rows());
      rejected += static_cast<std::int64_t>(chunk.rejects.size());
      check_loading(chunk);
    }
    promise(encoded + rejected == encoder.value()->rows_read(), "each row encoded or rejected");
    promise(encoded + rejected == table.rows, "the rows that were profiled");
    rows += encoded;
  }
  return "read " + std::to_string(rows) + " rows";
}

}  // namespace rowhouse::fuzz
