#pragma once

#include <sqlite3.h>

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace rowhouse::detail {

// A new SQLite file, written as PATH.part and moved to its place by finish(). What goes wrong is a SourceError, and a
// file that was not finished goes away with the object.
class SqliteWriter {
 public:
  // Refuses where a file is there (58P02) unless it may be replaced, where the journal of one is there, or another
  // process writes the same file (55006). `interrupted` is asked every few thousand steps.
  SqliteWriter(std::string path, bool overwrite, std::function<bool()> interrupted);
  ~SqliteWriter();
  SqliteWriter(const SqliteWriter&) = delete;
  SqliteWriter& operator=(const SqliteWriter&) = delete;

  void run(const std::string& sql);
  // Runs the first statement of a script that a stranger may have written: it makes a table or an index and does no more.
  // Returns the rest of the script.
  std::string_view make(std::string_view script);
  sqlite3_stmt* prepare(const std::string& sql);  // finalized with the writer
  void insert(sqlite3_stmt* statement);
  // The first column of each row.
  std::vector<std::string> ask(const std::string& sql);
  // Names of the columns that can be written to, in lower case.
  std::set<std::string> writable_columns(const std::string& table);
  bool has(const std::string& name);  // a table or index of this name
  // Checks, syncs and moves the file to its place.
  void finish();

 private:
  [[noreturn]] void fail(int code, const std::string& doing) const;
  [[noreturn]] void fail_system(const std::string& doing) const;
  void check_place() const;
  void close();

  const std::string path_, part_;
  const bool overwrite_;
  const std::function<bool()> interrupted_;
  int lock_ = -1;
  bool ours_ = false;  // the part file is this writer's to remove
  sqlite3* connection_ = nullptr;
  std::vector<sqlite3_stmt*> statements_;
};

}  // namespace rowhouse::detail
