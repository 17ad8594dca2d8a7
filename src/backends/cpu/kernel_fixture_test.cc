#include "backends/cpu/kernel_fixture_test.h"

#include <utility>

#include "quant/half.h"

namespace galago::cpu {
namespace {

void set_half(std::byte* at, float value) {
  const std::uint16_t half = quant::f32_to_f16(value);
  std::memcpy(at, &half, 2);
}

// Sets the scales of a block, where they lie, to values near 0.01; its other bytes stay.
void set_scales(DType dtype, std::byte* block, std::mt19937* random) {
  std::uniform_real_distribution<float> near(0.005f, 0.02f);
  const float scale = near(*random);
  switch (dtype) {
    case DType::kQ4_1:
    case DType::kQ5_1:
    case DType::kQ4_K:
    case DType::kQ5_K:
      set_half(block, scale);
      set_half(block + 2, near(*random));
      break;
    case DType::kQ2_K:
      set_half(block + 80, scale);
      set_half(block + 82, near(*random));
      break;
    case DType::kQ3_K: set_half(block + 108, scale); break;
    case DType::kQ6_K: set_half(block + 208, scale); break;
    case DType::kTQ1_0: set_half(block + 52, scale); break;
    case DType::kTQ2_0: set_half(block + 64, scale); break;
    case DType::kIQ1_M:
      for (int i = 0; i < 4; ++i) {  // a nibble on top of each word
        const unsigned nibble = quant::f32_to_f16(scale) >> (4 * i) & 0xfu;
        block[49 + 2 * i] = (block[49 + 2 * i] & std::byte{0x0f}) | static_cast<std::byte>(nibble << 4);
      }
      break;
    case DType::kMXFP4: block[0] = static_cast<std::byte>(118 + (*random)() % 4); break;
    case DType::kNVFP4: break;  // every byte is a finite scale
    default:
      if (info(dtype).block_elements > 1) set_half(block, scale);
  }
}

}  // namespace

TestMatrix matrix_of(DType dtype, std::int64_t rows, std::int64_t cols, std::vector<std::byte> blocks) {
  const DTypeInfo& type = info(dtype);
  TestMatrix m{dtype, rows, cols, cols / type.block_elements * type.block_bytes, std::move(blocks), {}, {}, {}};
  m.decoded.resize(static_cast<std::size_t>(rows * cols));
  quant::codec(dtype).decode_row(m.blocks.data(), m.decoded.data(), rows * cols);
  if (weight_kind(dtype) == WeightKind::kRows) {
    m.view = rows_view(dtype, rows, cols, m.blocks.data(), m.row_bytes, nullptr).value();
  } else {
    m.packed.resize(packed_bytes(dtype, rows, cols));
    const auto source = [&](std::int64_t row) { return m.blocks.data() + row * m.row_bytes; };
    pack_tile_range(source, dtype, rows, cols, 0, tile_count(rows), m.packed.data()).value();
    m.view = packed_view(dtype, rows, cols, m.packed.data());
  }
  return m;
}

TestMatrix make_filled_matrix(DType dtype, std::int64_t rows, std::int64_t cols, unsigned seed,
                              const std::function<std::byte(std::mt19937*)>& fill) {
  const DTypeInfo& type = info(dtype);
  std::mt19937 random(seed);
  std::vector<std::byte> blocks(static_cast<std::size_t>(rows * cols / type.block_elements * type.block_bytes));
  for (std::byte& byte : blocks) byte = fill(&random);
  for (std::size_t at = 0; at < blocks.size(); at += static_cast<std::size_t>(type.block_bytes)) {
    set_scales(dtype, blocks.data() + at, &random);
  }
  return matrix_of(dtype, rows, cols, std::move(blocks));
}

TestMatrix make_matrix(DType dtype, std::int64_t rows, std::int64_t cols, unsigned seed) {
  const quant::Codec& codec = quant::codec(dtype);
  if (codec.encode_row == nullptr) {
    return make_filled_matrix(dtype, rows, cols, seed,
                              [](std::mt19937* random) { return static_cast<std::byte>((*random)() & 0xff); });
  }
  const std::vector<float> values = random_values(static_cast<std::size_t>(rows * cols), seed, 0.05f);
  std::vector<std::byte> blocks(row_bytes(dtype, static_cast<std::uint64_t>(rows * cols)).value());
  codec.encode_row(values.data(), blocks.data(), rows * cols);
  return matrix_of(dtype, rows, cols, std::move(blocks));
}

std::vector<QuantBlock> quantized(const KernelTable& kernels, const std::vector<float>& x, std::int64_t rows,
                                  std::int64_t cols) {
  std::vector<QuantBlock> blocks(static_cast<std::size_t>(rows * quant_blocks(cols)));
  kernels.quantize_rows({x.data(), cols, blocks.data(), quant_blocks(cols), cols, 0, rows});
  return blocks;
}

}  // namespace galago::cpu
