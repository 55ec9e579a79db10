#include "object_key.hpp"

#include <map>

namespace rowhouse::detail {

std::vector<std::string> differing_columns(const Found& here, const Found& there) {
  if (!here && !there) return {};
  if (!here || !there) return {"the whole row"};
  std::vector<std::string> columns;
  const auto compare = [&](const char* name, const auto& left, const auto& right) {
    if (left != right) columns.emplace_back(name);
  };
  compare("original_data", here->original_data, there->original_data);
  compare("integrated_content", here->integrated_content, there->integrated_content);
  compare("summary", here->summary, there->summary);
  compare("metadata", here->metadata, there->metadata);
  return columns;
}

Comparison::Comparison(const std::vector<IntegratedObject>& here, const std::vector<IntegratedObject>& there) {
  std::map<ObjectKey, const IntegratedObject*> left;
  for (const IntegratedObject& object : here) left.emplace(ObjectKey::of(object), &object);
  for (const IntegratedObject& object : there) {
    const auto same = left.find(ObjectKey::of(object));
    if (same == left.end() || !differing_columns(*same->second, object).empty())
      different.push_back(ObjectKey::of(object));
    if (same != left.end()) left.erase(same);
  }
  for (const auto& [key, object] : left) different.push_back(key);
  compared = there.size() + left.size();
}

}  // namespace rowhouse::detail
