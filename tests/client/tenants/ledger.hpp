// The tenants, the mark that each of their rows carries, and what was seen.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <string>

#include "rowhouse/error.hpp"
#include "rowhouse/integrated_object.hpp"

namespace tenants {

using Random = std::mt19937_64;

struct Tenant {
  explicit Tenant(std::string id) : name(std::move(id)) {}
  const std::string name;
  std::atomic<std::int64_t> row{0};    // the id of one of its rows; 0: it has none yet
  std::atomic<std::uint64_t> rows{0};  // whose commit was answered
};

// A row that tells its tenant in its key and in every text of its contents.
inline rowhouse::IntegratedObjectData marked(const Tenant& tenant) {
  static std::atomic<std::uint64_t> made{0};
  const std::uint64_t number = ++made;
  rowhouse::IntegratedObjectData row;
  row.company_id = tenant.name;
  row.original_id = tenant.name + '/' + std::to_string(number);
  row.original_data = {{"tenant", tenant.name}, {"number", number}};
  row.integrated_content = tenant.name + '/' + std::string(number % 200, 'c');
  row.summary = tenant.name + '/';
  return row;
}

inline bool is_of(const Tenant& tenant, const rowhouse::IntegratedObjectData& row) {
  const std::string mark = tenant.name + '/';
  return row.company_id == tenant.name && row.original_id.starts_with(mark) &&
         row.original_data.value("tenant", "") == tenant.name &&
         row.integrated_content.value_or("").starts_with(mark) && row.summary.value_or("").starts_with(mark);
}

// As the server sees it: rows whose marks are not their tenant's.
inline constexpr const char* kStrangeRows =
    "SELECT count(*) FROM integrated_objects WHERE company_id <> original_data ->> 'tenant'"
    " OR NOT starts_with(original_id, company_id || '/') OR NOT starts_with(integrated_content, company_id || '/')"
    " OR NOT starts_with(summary, company_id || '/')";

// Of all tasks. Thread-safe.
class Ledger {
 public:
  explicit Ledger(std::size_t tenants) {
    for (std::size_t i = 0; i < tenants; ++i) tenants_.emplace_back("tenant-" + std::to_string(i));
  }
  std::deque<Tenant>& tenants() { return tenants_; }
  Tenant& any(Random& random) { return tenants_[random() % tenants_.size()]; }

  // Something that must not be.
  void surprise(const std::string& what) {
    const std::lock_guard lock(mutex_);
    ++surprises_[what];
  }
  void expect(bool right, const char* what) {
    if (!right) surprise(what);
  }
  void expect_state(const std::string& state, const char* wanted, const char* what) {
    if (state != wanted) surprise(what + (": " + state));
  }
  // One that was done, and how it ended.
  void count(const std::string& outcome) {
    const std::lock_guard lock(mutex_);
    ++outcomes_[outcome];
  }
  const std::map<std::string, std::uint64_t>& surprises() const { return surprises_; }
  const std::map<std::string, std::uint64_t>& outcomes() const { return outcomes_; }

  std::atomic<std::uint64_t> strangers{0};  // rows that a tenant was given and that are not its own
  std::atomic<std::uint64_t> rows_read{0};
  std::atomic<std::uint64_t> rows_in_doubt{0};

 private:
  std::deque<Tenant> tenants_;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, std::uint64_t> surprises_, outcomes_;
};

}  // namespace tenants
