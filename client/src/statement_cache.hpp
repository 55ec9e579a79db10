#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace rowhouse::detail {

// The statements that one connection has prepared, by text; the one unused for longest makes room. Statements are known
// to the server by names that no other connection uses, so behind a pooler that shares server sessions a name is never
// another client's statement.
class StatementCache {
 public:
  explicit StatementCache(std::size_t capacity);

  bool enabled() const noexcept { return capacity_ > 0; }
  // The name of the statement, which becomes the most recently used; null when it is not prepared.
  const std::string* find(std::string_view sql);
  std::string new_name();
  // Remembers a statement that the server has prepared.
  void add(std::string sql, std::string name);
  // Leaves out what the capacity does not hold, or nothing; the name is the server's to deallocate.
  std::optional<std::string> make_room();
  void forget(std::string_view sql);
  void clear() noexcept;
  std::size_t size() const noexcept { return by_text_.size(); }

 private:
  struct Entry {
    std::string sql;
    std::string name;
  };
  std::size_t capacity_;
  std::string prefix_;
  std::size_t made_ = 0;
  std::list<Entry> used_;                                                     // the most recently used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_text_;  // keys point into used_
};

}  // namespace rowhouse::detail
