#include "pairs.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace bench {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Cost cost_of(const std::function<void()>& work) {
  const double cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  return {wall.count(), cpu_seconds() - cpu};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

bool Outcome::ok() const {
  return (!comparison.at_most || wall_ratio <= *comparison.at_most) &&
         (!comparison.times_faster || wall_ratio * *comparison.times_faster <= 1);
}

Outcome compare(const Comparison& comparison, std::size_t rounds, const std::function<void()>& theirs,
                const std::function<void()>& ours) {
  theirs();
  ours();
  std::vector<double> their_wall, their_cpu, our_wall, our_cpu, wall_ratios, cpu_ratios;
  for (std::size_t round = 0; round < rounds; ++round) {
    Cost peer, own;
    if (round % 2 == 0) peer = cost_of(theirs);
    own = cost_of(ours);
    if (round % 2 == 1) peer = cost_of(theirs);
    their_wall.push_back(peer.wall);
    their_cpu.push_back(peer.cpu);
    our_wall.push_back(own.wall);
    our_cpu.push_back(own.cpu);
    wall_ratios.push_back(own.wall / peer.wall);
    cpu_ratios.push_back(own.cpu / std::max(peer.cpu, 1e-6));
  }
  return {comparison,
          {median(their_wall), median(their_cpu)},
          {median(our_wall), median(our_cpu)},
          median(wall_ratios),
          median(cpu_ratios)};
}

void Report::add(const Outcome& outcome) {
  if (!as_json_ && outcomes_.empty()) {
    std::printf("%-26s %-24s %10s %10s %7s %7s %9s\n", "", "compared with", "their ms", "our ms", "ratio", "CPU",
                "limit");
  }
  outcomes_.push_back(outcome);
  if (as_json_) return;
  const Comparison& what = outcome.comparison;
  char limit[32] = "";
  if (what.at_most) std::snprintf(limit, sizeof limit, "%.2f", *what.at_most);
  if (what.times_faster) std::snprintf(limit, sizeof limit, "1/%.0f", *what.times_faster);
  std::printf("%-26s %-24s %10.3f %10.3f %7.2f %7.2f %9s  %s\n", what.name.c_str(), what.peer.c_str(),
              outcome.theirs.wall * 1e3, outcome.ours.wall * 1e3, outcome.wall_ratio, outcome.cpu_ratio, limit,
              outcome.ok() ? "ok" : "over");
  std::fflush(stdout);
}

int Report::finish() const {
  if (as_json_) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const Outcome& outcome : outcomes_) {
      const Comparison& what = outcome.comparison;
      nlohmann::ordered_json row{{"name", what.name},
                                 {"peer", what.peer},
                                 {"their_ms", outcome.theirs.wall * 1e3},
                                 {"our_ms", outcome.ours.wall * 1e3},
                                 {"their_cpu_ms", outcome.theirs.cpu * 1e3},
                                 {"our_cpu_ms", outcome.ours.cpu * 1e3},
                                 {"ratio", outcome.wall_ratio},
                                 {"cpu_ratio", outcome.cpu_ratio}};
      if (what.at_most) row["at_most"] = *what.at_most;
      if (what.times_faster) row["times_faster"] = *what.times_faster;
      row["ok"] = outcome.ok();
      rows.push_back(std::move(row));
    }
    std::printf("%s\n", rows.dump(2).c_str());
  }
  return std::all_of(outcomes_.begin(), outcomes_.end(), [](const Outcome& outcome) { return outcome.ok(); }) ? 0 : 1;
}

}  // namespace bench
