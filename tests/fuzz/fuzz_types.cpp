// A column's declared type and values: the type that is decided holds every one of them but text that is no text, and
// each value that a type holds is encoded as its receive function reads it.
//   flags, declared type, then values: class, and eight bytes or a string
#include <cstring>
#include <vector>

#include "bridge/copy_encoder.hpp"
#include "tests/fuzz/promise.hpp"

using namespace rowhouse::bridge;
using namespace rowhouse::fuzz;

namespace {

void check_encoding(const Cell& cell, PgType type, TextCheck how) {
  Value value;
  if (const Refusal refusal = decode(cell, type, how, value)) {
    promise(std::strlen(refusal.sqlstate) == 5 && refusal.reason[0] != '\0', "a refusal with its reason");
    return;
  }
  std::string encoded;
  append_binary(encoded, type, value);
  promise(encoded.size() >= 4, "a length word");
  if (value.null) return promise(encoded == "\xFF\xFF\xFF\xFF", "a NULL of length -1");
  check_field(type, std::string_view(encoded).substr(4));
}

bool is_text(const Cell& cell) { return cell.storage_class != StorageClass::text || !check_text(cell.bytes); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, size);
  const std::uint8_t flags = input.byte();
  const std::string declared(input.string(64));
  const DeclaredKind kind = declared_kind(declared);
  std::vector<Cell> cells;
  while (!input.empty() && cells.size() < 200) cells.push_back(read_cell(input));

  ColumnProfile whole, halves[2];
  for (std::size_t i = 0; i < cells.size(); ++i) {
    whole.add(cells[i], kind);
    halves[i * 2 / cells.size()].add(cells[i], kind);
    if (flags & 4 && !is_text(cells[i])) ++whole.invalid_texts, ++halves[i * 2 / cells.size()].invalid_texts;
  }
  const TypeDecision decision = decide_type(declared, whole, flags & 1, flags & 2);
  promise(!check_text(decision.evidence), "evidence that is text");
  halves[0].add(halves[1]);
  promise(decide_type(declared, halves[0], flags & 1, flags & 2).type == decision.type, "profiles that add up");

  for (const Cell& cell : cells) {
    Value value;
    if (decode(cell, decision.type, TextCheck::json, value)) promise(!is_text(cell), "a type that holds every value");
    for (PgType type : kAllTypes) {
      for (TextCheck how : {TextCheck::none, TextCheck::utf8, TextCheck::json}) check_encoding(cell, type, how);
    }
  }
  return 0;
}
