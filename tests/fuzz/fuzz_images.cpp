#include <cstddef>
#include <cstdint>

#include "tests/fuzz/read_image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rowhouse::fuzz::read_image({reinterpret_cast<const char*>(data), size});
  return 0;
}
