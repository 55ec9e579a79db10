// Small sound SQLite files of every shape, to be damaged.
#pragma once

#include <string>
#include <vector>

namespace rowhouse::fuzz {

struct SeedImage {
  std::string name;
  std::string bytes;
};

/// The file that a script makes.
std::string image_of(const std::string& sql);
/// The same images from the same SQLite library.
std::vector<SeedImage> seed_images();

}  // namespace rowhouse::fuzz
