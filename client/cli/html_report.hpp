#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace rowhouse::cli {

/// A document of plan, migrate, verify or status as one HTML page: no other file, no network, readable in light and dark.
std::string to_html(const nlohmann::json& document);

/// Refuses, before any work, a path that can't be written.
void check_report_path(const std::string& path);
void write_report(const std::string& path, const nlohmann::json& document);

}  // namespace rowhouse::cli
