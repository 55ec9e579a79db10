#include "layer_state.hpp"

#include <mutex>
#include <utility>

namespace rowhouse::detail {

MigrationMode LayerState::mode(std::string_view company_id) const {
  const std::shared_lock lock(mutex_);
  const auto at = modes_.find(company_id);
  return at == modes_.end() ? default_mode_ : at->second;
}

void LayerState::set_mode(MigrationMode mode) {
  const std::lock_guard lock(mutex_);
  default_mode_ = mode;
}

void LayerState::set_mode(std::string_view company_id, MigrationMode mode) {
  const std::lock_guard lock(mutex_);
  modes_.insert_or_assign(std::string(company_id), mode);
}

void LayerState::on_difference(Handler handler) {
  const std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
}

void LayerState::tell(std::string_view company_id, const ObjectKey& key, std::vector<std::string> columns,
                      std::optional<std::string> sqlstate, std::string message) const {
  Handler handler;
  {
    const std::shared_lock lock(mutex_);
    handler = handler_;
  }
  if (!handler) return;
  handler({std::string(company_id), key.platform, key.object_type, key.original_id, std::move(columns),
           std::move(sqlstate), std::move(message)});
}

RetryOptions of_company(std::string_view company_id, bool read_only) {
  RetryOptions options;
  options.transaction.tenant = std::string(company_id);
  options.transaction.read_only = read_only;
  return options;
}

}  // namespace rowhouse::detail
