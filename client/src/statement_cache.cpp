#include "statement_cache.hpp"

#include <random>

namespace rowhouse::detail {

StatementCache::StatementCache(std::size_t capacity) : capacity_(capacity) {
  std::random_device random;
  prefix_ = "rowhouse_" + std::to_string(random()) + std::to_string(random()) + '_';
}

const std::string* StatementCache::find(std::string_view sql) {
  const auto at = by_text_.find(sql);
  if (at == by_text_.end()) return nullptr;
  used_.splice(used_.begin(), used_, at->second);
  return &at->second->name;
}

std::string StatementCache::new_name() { return prefix_ + std::to_string(++made_); }

void StatementCache::add(std::string sql, std::string name) {
  used_.push_front({std::move(sql), std::move(name)});
  by_text_.emplace(used_.front().sql, used_.begin());
}

std::optional<std::string> StatementCache::make_room() {
  if (used_.size() <= capacity_) return std::nullopt;
  std::string name = std::move(used_.back().name);
  by_text_.erase(used_.back().sql);
  used_.pop_back();
  return name;
}

void StatementCache::forget(std::string_view sql) {
  const auto at = by_text_.find(sql);
  if (at == by_text_.end()) return;
  const auto entry = at->second;
  by_text_.erase(at);
  used_.erase(entry);
}

void StatementCache::clear() noexcept {
  by_text_.clear();
  used_.clear();
}

}  // namespace rowhouse::detail
