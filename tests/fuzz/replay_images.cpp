// Runs images through the bridge without a fuzzer: named files, or mutants of the seeds, the same for the same seed.
//   replay_images FILE...   replay_images --mutants N --seed S
//   replay_images --write-seeds FOLDER   replay_images --write-mutants FOLDER N SEED
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <vector>

#include "tests/fuzz/damage.hpp"
#include "tests/fuzz/read_image.hpp"
#include "tests/fuzz/seed_images.hpp"

namespace {

using rowhouse::fuzz::damage;
using rowhouse::fuzz::read_image;

std::string mutant_of(const std::vector<rowhouse::fuzz::SeedImage>& seeds, unsigned long seed, unsigned long number) {
  std::mt19937 random(static_cast<std::uint32_t>(seed * 1000003 + number));
  std::string image = seeds[number % seeds.size()].bytes;
  damage(image, random);
  return image;
}

int run_mutants(unsigned long count, unsigned long seed) {
  const auto seeds = rowhouse::fuzz::seed_images();
  std::map<std::string, unsigned long> outcomes;
  for (const auto& image : seeds) {
    const std::string outcome = read_image(image.bytes);
    if (outcome.compare(0, 4, "read") != 0) {
      std::fprintf(stderr, "the sound image %s was %s\n", image.name.c_str(), outcome.c_str());
      return 1;
    }
  }
  for (unsigned long i = 0; i < count; ++i) {
    const std::string outcome = read_image(mutant_of(seeds, seed, i));
    ++outcomes[outcome.substr(0, outcome.compare(0, 4, "read") == 0 ? 4 : std::strlen("refused 00000"))];
  }
  std::printf("seed %lu: %lu mutants\n", seed, count);
  for (const auto& [outcome, times] : outcomes) std::printf("%6lu %s\n", times, outcome.c_str());
  return outcomes.size() > 1 ? 0 : 1;
}

int write_seeds(const std::string& folder) {
  for (const auto& image : rowhouse::fuzz::seed_images())
    std::ofstream(folder + "/" + image.name + ".db", std::ios::binary) << image.bytes;
  return 0;
}

int write_mutants(const std::string& folder, unsigned long count, unsigned long seed) {
  const auto seeds = rowhouse::fuzz::seed_images();
  for (unsigned long i = 0; i < count; ++i)
    std::ofstream(folder + "/mutant" + std::to_string(i) + ".db", std::ios::binary) << mutant_of(seeds, seed, i);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 5 && std::strcmp(arguments[1], "--mutants") == 0 && std::strcmp(arguments[3], "--seed") == 0)
    return run_mutants(std::strtoul(arguments[2], nullptr, 10), std::strtoul(arguments[4], nullptr, 10));
  if (count == 3 && std::strcmp(arguments[1], "--write-seeds") == 0) return write_seeds(arguments[2]);
  if (count == 5 && std::strcmp(arguments[1], "--write-mutants") == 0)
    return write_mutants(arguments[2], std::strtoul(arguments[3], nullptr, 10),
                         std::strtoul(arguments[4], nullptr, 10));
  if (count < 2 || arguments[1][0] == '-') {
    std::fprintf(stderr,
                 "usage: %s FILE... | --mutants N --seed S | --write-seeds FOLDER | --write-mutants FOLDER N SEED\n",
                 arguments[0]);
    return 2;
  }
  for (int i = 1; i < count; ++i) {
    std::ifstream file(arguments[i], std::ios::binary);
    const std::string image{std::istreambuf_iterator<char>(file), {}};
    std::printf("%s: %s\n", arguments[i], read_image(image).c_str());
  }
  return 0;
}
