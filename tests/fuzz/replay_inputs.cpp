// Runs inputs through a fuzz target without a fuzzer: each file of a folder, and mutants of it, the same for the same
// seed.
//   replay_TARGET FOLDER [MUTANTS [SEED]]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/damage.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int count, char** arguments) {
  if (count < 2) return std::fprintf(stderr, "usage: %s FOLDER [MUTANTS [SEED]]\n", arguments[0]), 2;
  const unsigned long mutants = count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 0;
  const unsigned long seed = count > 3 ? std::strtoul(arguments[3], nullptr, 10) : 1;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::mt19937 random(static_cast<std::uint32_t>(seed));
  const auto run = [](const std::string& input) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  };
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(file), {}};
    run(input);
    for (unsigned long i = 0; i < mutants; ++i) {
      std::string mutant = input;
      rowhouse::fuzz::damage(mutant, random);
      run(mutant);
    }
  }
  std::printf("seed %lu: %zu inputs, %lu mutants of each\n", seed, paths.size(), mutants);
  return paths.empty();
}
