// Runs images through the bridge without a fuzzer: named files, or mutants of the seeds, the same for the same seed.
//   replay_images FILE...   replay_images --mutants N --seed S   replay_images --write-seeds FOLDER
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <random>

#include "tests/fuzz/read_image.hpp"
#include "tests/fuzz/seed_images.hpp"

namespace {

using rowhouse::fuzz::read_image;

std::size_t below(std::mt19937& random, std::size_t limit) { return limit == 0 ? 0 : random() % limit; }

void damage(std::string& image, std::mt19937& random) {
  if (image.empty()) return;
  const std::size_t at = below(random, image.size());
  switch (random() % 8) {
    case 0:
      image.resize(at);
      break;
    case 1:  // another page's bytes
      for (std::size_t from = below(random, image.size()), i = 0; i < 512 && std::max(at, from) + i < image.size(); ++i)
        image[at + i] = image[from + i];
      break;
    case 2:  // noise
      for (std::size_t i = at; i < std::min(image.size(), at + 64); ++i) image[i] = static_cast<char>(random());
      break;
    case 3:  // the header's fields
      image[below(random, std::min<std::size_t>(100, image.size()))] = static_cast<char>(random());
      break;
    case 4:  // numbers at their ends
      image[at] = random() % 2 ? '\xFF' : '\0';
      break;
    default:
      image[at] = static_cast<char>(image[at] ^ (1 << random() % 8));
      break;
  }
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
    std::mt19937 random(static_cast<std::uint32_t>(seed * 1000003 + i));
    std::string image = seeds[i % seeds.size()].bytes;
    for (std::size_t times = 1 + below(random, 6); times > 0; --times) damage(image, random);
    const std::string outcome = read_image(image);
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

}  // namespace

int main(int count, char** arguments) {
  if (count == 5 && std::strcmp(arguments[1], "--mutants") == 0 && std::strcmp(arguments[3], "--seed") == 0)
    return run_mutants(std::strtoul(arguments[2], nullptr, 10), std::strtoul(arguments[4], nullptr, 10));
  if (count == 3 && std::strcmp(arguments[1], "--write-seeds") == 0) return write_seeds(arguments[2]);
  if (count < 2 || arguments[1][0] == '-') {
    std::fprintf(stderr, "usage: %s FILE... | --mutants N --seed S | --write-seeds FOLDER\n", arguments[0]);
    return 2;
  }
  for (int i = 1; i < count; ++i) {
    std::ifstream file(arguments[i], std::ios::binary);
    const std::string image{std::istreambuf_iterator<char>(file), {}};
    std::printf("%s: %s\n", arguments[i], read_image(image).c_str());
  }
  return 0;
}
