#include "runtime/prefill_chunk.h"

#include "backends/cpu/packing.h"

namespace galago::runtime {
namespace {

constexpr int kShort = 256, kLong = 512;

bool mostly_floats(std::span<const formats::StoredTensor> weights) {
  std::uint64_t floats = 0, all = 0;
  for (const formats::StoredTensor& tensor : weights) {
    const std::uint64_t bytes = tensor.stored_bytes();
    all += bytes;
    if (!cpu::takes_int8(cpu::weight_kind(tensor.dtype))) floats += bytes;
  }
  return floats > all / 2;
}

}  // namespace

int choose_prefill_chunk(int asked, const cpu::KernelTable& kernels, Precision precision,
                         std::span<const formats::StoredTensor> weights) {
  if (asked > 0) return asked;
  if (precision != Precision::kFast) return kShort;
  switch (kernels.bf16_tiles) {
    case cpu::Bf16Tiles::kNone: return kShort;
    case cpu::Bf16Tiles::kFloatWeights: return mostly_floats(weights) ? kLong : kShort;
    case cpu::Bf16Tiles::kAllWeights: return kLong;
  }
  return kShort;
}

}  // namespace galago::runtime
