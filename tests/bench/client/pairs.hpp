// Two ways of doing the same, run in turn: what is compared is each pair of neighbours, for the machine is another one
// a moment later. Medians of the ratios count.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bench {

// One side of a comparison, or the median of many.
struct Cost {
  double wall = 0;  // seconds
  double cpu = 0;   // seconds of this process, user and system: without the server
};

struct Comparison {
  std::string name;
  std::string peer;                      // whom we are compared with
  std::optional<double> at_most{};       // of the ratio ours / theirs
  std::optional<double> times_faster{};  // at least: of the ratio theirs / ours
};

struct Outcome {
  Comparison comparison;
  Cost theirs, ours;      // medians
  double wall_ratio = 0;  // medians of the pairs' ratios, ours / theirs
  double cpu_ratio = 0;
  bool ok() const;
};

// Runs both once for nothing, then `rounds` pairs, each first in every other one.
Outcome compare(const Comparison& comparison, std::size_t rounds, const std::function<void()>& theirs,
                const std::function<void()>& ours);

class Report {
 public:
  explicit Report(bool as_json) : as_json_(as_json) {}
  void add(const Outcome& outcome);
  int finish() const;  // the exit status: 1 where a limit is passed

 private:
  const bool as_json_;
  std::vector<Outcome> outcomes_;
};

}  // namespace bench
