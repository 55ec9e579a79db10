// Folders, SQLite files and second processes for tests.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

#include "bridge/catalog.hpp"
#include "bridge/source.hpp"

namespace rowhouse::test {

/// A temporary folder with a scratch folder for private copies beside it; both go with the object.
class Folder {
 public:
  Folder() {
    std::string made = testing::TempDir() + "bridge-XXXXXX";
    if (::mkdtemp(made.data()) == nullptr) std::abort();
    root_ = made;
    std::filesystem::create_directories(root_ / "data");
    std::filesystem::create_directories(scratch());
  }
  ~Folder() { std::filesystem::remove_all(root_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path(const std::string& name) const { return (root_ / "data" / name).string(); }
  std::string scratch() const { return (root_ / "scratch").string(); }
  bool scratch_is_empty() const { return std::filesystem::is_empty(scratch()); }

  /// Every file beside the sources: name and bytes.
  std::map<std::string, std::string> contents() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(root_ / "data")) {
      std::ifstream stream(entry.path(), std::ios::binary);
      files[entry.path().filename()].assign(std::istreambuf_iterator<char>(stream), {});
    }
    return files;
  }

 private:
  std::filesystem::path root_;
};

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A connection that writes; any error is an exception, hence a failed test.
class Writer {
 public:
  explicit Writer(const std::string& path, const std::string& sql = "") {
    if (sqlite3_open(path.c_str(), &connection_) != SQLITE_OK) throw std::runtime_error("open " + path);
    if (!sql.empty()) run(sql);
  }
  ~Writer() { sqlite3_close(connection_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  int try_run(const std::string& sql) { return sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr); }
  void run(const std::string& sql) {
    if (try_run(sql) != SQLITE_OK) throw std::runtime_error(std::string(sqlite3_errmsg(connection_)) + " in " + sql);
  }
  sqlite3* connection() const { return connection_; }

 private:
  sqlite3* connection_ = nullptr;
};

inline void make_database(const std::string& path, const std::string& sql) { Writer writer(path, sql); }

/// A second process: runs `work` at once, which may call ready(); the parent's wait_ready() returns then. It ends when
/// the parent calls finish(), or by itself when `work` returns a status.
class Process {
 public:
  template <class Work>
  explicit Process(Work work) {
    if (::pipe(to_parent_) != 0 || ::pipe(to_child_) != 0) std::abort();
    child_ = ::fork();
    if (child_ != 0) {
      ::close(to_parent_[1]);
      ::close(to_child_[0]);
      return;
    }
    ::close(to_parent_[0]);
    ::close(to_child_[1]);
    int status = 99;
    try {
      status = work(*this);
    } catch (...) {
    }
    ::_exit(status);
  }
  ~Process() {
    if (child_ > 0) finish();
  }
  // In the child.
  void ready() { (void)!::write(to_parent_[1], "r", 1); }
  void wait_for_finish() {
    char c;
    (void)!::read(to_child_[0], &c, 1);
  }
  // In the parent.
  bool wait_ready() {
    char c;
    return ::read(to_parent_[0], &c, 1) == 1;
  }
  /// Kills the child, for work that has no end.
  void stop() {
    ::kill(child_, SIGKILL);
    finish();
  }
  /// The child's wait status.
  int finish() {
    ::close(to_child_[1]);
    ::close(to_parent_[0]);
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_ = -1;
    return status;
  }

 private:
  int to_parent_[2] = {}, to_child_[2] = {};
  pid_t child_ = -1;
};

inline bridge::SourceOptions options_for(const Folder& folder) {
  bridge::SourceOptions options;
  options.scratch_directory = folder.scratch();
  options.busy_timeout = std::chrono::milliseconds(2000);
  return options;
}

inline std::unique_ptr<bridge::Source> open_source(const Folder& folder, const std::string& name) {
  auto source = bridge::Source::open(folder.path(name), options_for(folder));
  if (!source.ok()) throw std::runtime_error(source.status().message);
  return std::move(source.value());
}

/// The only value of a query on a source; an error is its message.
inline std::string query_one(const bridge::Source& source, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  std::string answer;
  if (sqlite3_prepare_v2(source.connection(), sql.c_str(), -1, &statement, nullptr) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW) {
    const unsigned char* text = sqlite3_column_text(statement, 0);
    answer = text ? reinterpret_cast<const char*>(text) : "NULL";
  } else {
    answer = sqlite3_errmsg(source.connection());
  }
  sqlite3_finalize(statement);
  return answer;
}

inline bridge::Catalog catalog_of(const bridge::Source& source) {
  auto catalog = bridge::read_catalog(source);
  if (!catalog.ok()) throw std::runtime_error(catalog.status().message);
  return std::move(catalog.value());
}

/// The table of that name; an exception where there is none.
inline const bridge::Table& table_of(const bridge::Catalog& catalog, const std::string& name) {
  for (const bridge::Table& table : catalog.tables) {
    if (table.name == name) return table;
  }
  throw std::runtime_error("no table " + name);
}

}  // namespace rowhouse::test
