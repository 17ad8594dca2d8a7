#include "backends/cpu/layout_fingerprint.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <vector>

#include "backends/cpu/packing.h"
#include "base/hash.h"

namespace galago::cpu {
namespace {

// More than one tile with a partial last one, and more than one block of every format along K.
constexpr std::int64_t kRows = 2 * kTileRows + 3, kCols = 512;

std::uint64_t compute(DType dtype) {
  const std::uint64_t bytes = packed_bytes(dtype, kRows, kCols);
  const auto row = row_bytes(dtype, kCols);
  if (bytes == 0 || !row) return 0;
  // All bits of the source vary from place to place (a Weyl sequence's upper byte), so every move of a bit shows.
  std::vector<std::byte> source(static_cast<std::size_t>(*row) * kRows);
  std::uint32_t state = 0;
  for (std::byte& byte : source) byte = static_cast<std::byte>((state += 0x9E3779B9u) >> 24);
  std::vector<std::byte> packed(bytes);
  const auto row_at = [&](std::int64_t index) { return source.data() + static_cast<std::uint64_t>(index) * *row; };
  if (!pack_tile_range(row_at, dtype, kRows, kCols, 0, tile_count(kRows), packed.data()).ok()) return 0;
  return hash_bytes(packed) | 1u;  // never 0
}

}  // namespace

std::uint64_t layout_fingerprint(DType dtype) {
  static std::array<std::atomic<std::uint64_t>, 256> known{};  // each is computed when it is first asked for
  std::atomic<std::uint64_t>& slot = known[static_cast<std::uint8_t>(dtype)];
  std::uint64_t fingerprint = slot.load(std::memory_order_relaxed);
  if (fingerprint == 0) slot.store(fingerprint = compute(dtype), std::memory_order_relaxed);
  return fingerprint;
}

}  // namespace galago::cpu
