#include "tests/fuzz/damage.hpp"

#include <algorithm>

namespace rowhouse::fuzz {
namespace {

std::size_t below(std::mt19937& random, std::size_t limit) { return limit == 0 ? 0 : random() % limit; }

void damage_once(std::string& image, std::mt19937& random) {
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

}  // namespace

void damage(std::string& image, std::mt19937& random) {
  for (std::size_t times = 1 + below(random, 6); times > 0; --times) damage_once(image, random);
}

}  // namespace rowhouse::fuzz
