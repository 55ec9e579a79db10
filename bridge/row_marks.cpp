#include "bridge/row_marks.hpp"

#include <algorithm>
#include <set>

#include "bridge/big_endian.hpp"

namespace rowhouse::bridge {
namespace {

constexpr char kSteps = 's';   // one bigint: the step from the key before, seven bits a byte
constexpr char kFields = 'f';  // anything else: the fields themselves
constexpr std::size_t kBigintField = 4 + 8;

std::uint64_t take_big_endian(std::string_view& in, std::size_t bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < bytes; ++i) number = (number << 8) | static_cast<unsigned char>(in[i]);
  in.remove_prefix(bytes);
  return number;
}

// The sign goes last, so that small steps either way are short.
void put_step(std::string& out, std::uint64_t step) {
  std::uint64_t rest = (step << 1) ^ (step >> 63 ? ~std::uint64_t{0} : 0);
  for (; rest >= 128; rest >>= 7) out += static_cast<char>(rest | 128);
  out += static_cast<char>(rest);
}

bool take_step(std::string_view& in, std::uint64_t& step) {
  std::uint64_t rest = 0;
  for (int shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    rest |= static_cast<std::uint64_t>(byte & 127) << shift;
    if (byte < 128) {
      step = (rest >> 1) ^ (rest & 1 ? ~std::uint64_t{0} : 0);
      return true;
    }
  }
  return false;
}

// The key at the front of `in`; false when there is no whole one.
bool take_fields(std::string_view& in, std::size_t columns, std::string& key) {
  const std::string_view all = in;
  for (std::size_t i = 0; i < columns; ++i) {
    if (in.size() < 4) return false;
    const std::uint64_t length = take_big_endian(in, 4);
    if (length == 0xffffffff) continue;
    if (length > in.size()) return false;
    in.remove_prefix(length);
  }
  key = all.substr(0, all.size() - in.size());
  return true;
}

std::string head_of(const std::vector<PgType>& types, bool by_steps) {
  std::string head(1, by_steps ? kSteps : kFields);
  head += static_cast<char>(types.size());
  for (PgType type : types) put_big_endian(head, type_oid(type), 4);
  return head;
}

bool is_bigint(const std::vector<PgType>& types) { return types.size() == 1 && types[0] == PgType::bigint; }

}  // namespace

Result<KeyColumns> key_columns(const TablePlan& plan, const std::vector<CopyColumn>& columns) {
  const auto place = [&](const std::string& name) {
    return static_cast<std::size_t>(
        std::find_if(columns.begin(), columns.end(), [&](const CopyColumn& column) { return column.name == name; }) -
        columns.begin());
  };
  const auto lacks = [&](const std::string& name) { return place(name) == columns.size(); };
  KeyColumns key{plan.primary_key, {}, {}};
  if (plan.integrated_objects && std::any_of(key.names.begin(), key.names.end(), lacks))
    key.names = {"platform", "object_type", "original_id"};
  for (const std::string& name : key.names) {
    if (lacks(name))
      return Status{"42703", "table \"" + printable(plan.source_name, 200) + "\" lacks the key column \"" + name + "\"",
                    "Rows of the table in PostgreSQL are known by it.", "Import the file into another schema."};
    key.places.push_back(place(name));
    key.types.push_back(columns[place(name)].type);
  }
  return key;
}

std::string row_key(const Chunk& chunk, std::size_t row, const KeyColumns& key) {
  std::string fields;
  for (std::size_t place : key.places) {
    const std::string_view field = chunk.field(row, place);
    put_big_endian(fields, field.data() == nullptr ? 0xffffffff : field.size(), 4);
    fields += field;
  }
  return fields;
}

std::string merge_xids(std::string_view a, std::string_view b) {
  std::set<std::string> xids;
  for (std::string_view array : {a, b}) {
    while (array.size() > 2) {
      array.remove_prefix(1);
      const std::size_t end = array.find_first_of(",}");
      xids.emplace(array.substr(0, end));
      array.remove_prefix(end);
    }
  }
  std::string merged = "{";
  for (const std::string& xid : xids) merged += (merged.size() > 1 ? "," : "") + xid;
  return merged + "}";
}

PackedMarks pack_marks(const std::vector<RowMark>& marks, const std::vector<PgType>& types) {
  const bool by_steps = is_bigint(types) && std::all_of(marks.begin(), marks.end(), [](const RowMark& mark) {
                          return mark.key.size() == kBigintField;
                        });
  PackedMarks packed{head_of(types, by_steps), ""};
  std::uint64_t before = 0;
  for (const RowMark& mark : marks) {
    put_big_endian(packed.digests, mark.digest, 8);
    if (!by_steps) {
      packed.keys += mark.key;
      continue;
    }
    std::string_view field(mark.key);
    field.remove_prefix(4);
    const std::uint64_t key = take_big_endian(field, 8);
    put_step(packed.keys, key - before);
    before = key;
  }
  return packed;
}

bool are_keys_of(std::string_view keys, const std::vector<PgType>& types) {
  return !keys.empty() && keys.starts_with(head_of(types, keys[0] == kSteps));
}

std::optional<std::vector<RowMark>> unpack_marks(std::string_view keys, std::string_view digests,
                                                 const std::vector<PgType>& types) {
  if (!are_keys_of(keys, types) || digests.size() % 8 != 0) return std::nullopt;
  const bool by_steps = keys[0] == kSteps;
  keys.remove_prefix(head_of(types, by_steps).size());
  std::vector<RowMark> marks(digests.size() / 8);
  std::uint64_t at = 0, step = 0;
  for (RowMark& mark : marks) {
    mark.digest = take_big_endian(digests, 8);
    if (!by_steps) {
      if (!take_fields(keys, types.size(), mark.key)) return std::nullopt;
      continue;
    }
    if (!take_step(keys, step)) return std::nullopt;
    at += step;
    put_big_endian(mark.key, 8, 4);
    put_big_endian(mark.key, at, 8);
  }
  if (!keys.empty()) return std::nullopt;
  return marks;
}

}  // namespace rowhouse::bridge
