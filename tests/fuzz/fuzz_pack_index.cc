// The index of packed weights: whatever is accepted lies inside the input, and survives being written again. The hash
// is made right first, because no fuzzer finds it.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "formats/packed_part.h"

namespace {

using namespace galago::formats;  // NOLINT: a program of one file

volatile std::uint64_t sink;  // keeps the reads

void repair(std::span<std::byte> file) {
  if (file.size() < 40) return;
  std::uint64_t index_bytes = 0, total = file.size();
  std::memcpy(file.data() + 24, &total, sizeof(total));
  std::memcpy(&index_bytes, file.data() + 16, sizeof(index_bytes));
  if (index_bytes < 40 || index_bytes > file.size()) return;
  const std::uint64_t hash = galago::hash_bytes(file.subspan(40, index_bytes - 40), galago::hash_bytes(file.first(32)));
  std::memcpy(file.data() + 32, &hash, sizeof(hash));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::byte> memory(size + kPackAlignment);  // where the file can begin at an aligned address
  const std::uint64_t skip = -reinterpret_cast<std::uintptr_t>(memory.data()) % kPackAlignment;
  const std::span<std::byte> file = std::span(memory).subspan(skip, size);
  if (size > 0) std::memcpy(file.data(), data, size);
  repair(file);
  auto index = parse_pack_index(file, "fuzz");
  if (!index.ok()) {
    if (index.error().message.empty() || index.error().message.find('\n') != std::string::npos) __builtin_trap();
    return 0;
  }
  for (const PackedTensor& tensor : index->tensors) {
    for (std::int64_t matrix = 0; matrix < tensor.matrices; ++matrix) {
      for (const std::byte byte : packed_bytes(tensor, matrix, file))
        sink = sink + std::to_integer<std::uint64_t>(byte);
    }
  }
  std::vector<StoredTensor> tensors = {{.name = std::string(kPackedPart), .data = file}};
  const auto part = take_packed_part(tensors, "fuzz");
  if (part.ok() && !part->has_value()) __builtin_trap();
  if (!index->lay_out().ok()) return 0;
  std::vector<std::byte> again = index->encode();
  if (index->total_bytes > std::uint64_t{1} << 24) return 0;
  again.resize(index->total_bytes);
  const auto second = parse_pack_index(again, "again");
  if (!second.ok() || second->tensors.size() != index->tensors.size()) __builtin_trap();
  return 0;
}
