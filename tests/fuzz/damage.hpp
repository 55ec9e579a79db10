// Mutants of an input, the same for the same seed.
#pragma once

#include <random>
#include <string>

namespace rowhouse::fuzz {

/// Cuts, copies over, scribbles on or flips bits of `image`, once to six times.
void damage(std::string& image, std::mt19937& random);

}  // namespace rowhouse::fuzz
