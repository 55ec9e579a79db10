// What a ledger may hold of rows' keys and digests, damaged or not: read whole or not at all, and written again the
// same.
//   number of key columns, their types, length of the keys, keys, digests
#include "bridge/difference.hpp"
#include "tests/fuzz/promise.hpp"

using namespace rowhouse::bridge;
using namespace rowhouse::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, size);
  KeyColumns key;
  for (std::size_t columns = input.byte() % 4; columns > 0; --columns) {
    key.types.push_back(static_cast<PgType>(input.byte() % 10));
    key.names.push_back("k");
    key.places.push_back(key.places.size());
  }
  const PackedMarks found{std::string(input.string(255)), std::string(input.rest())};
  const auto marks = unpack_marks(found.keys, found.digests, key.types);
  if (marks) {
    promise(marks->size() * 8 == found.digests.size(), "a mark for each digest");
    const PackedMarks again = pack_marks(*marks, key.types);
    const auto same = unpack_marks(again.keys, again.digests, key.types);
    promise(same && same->size() == marks->size(), "marks that are read back");
    for (std::size_t i = 0; i < marks->size(); ++i)
      promise((*same)[i].key == (*marks)[i].key && (*same)[i].digest == (*marks)[i].digest, "the same marks");
  }
  Difference difference(key);
  difference.add_marks(found);
  promise(difference.removals().size() <= (marks ? marks->size() : 0), "removals of rows that were there");
  return 0;
}
