#include "backends/cpu/kernel_fixture_test.h"

#include "quant/half.h"

namespace galago::cpu {
namespace {

void set_half(std::byte* at, float value) {
  const std::uint16_t half = quant::f32_to_f16(value);
  std::memcpy(at, &half, 2);
}

// Random bytes with the f16 scales of each block set, where they lie, to random values near 0.01; types whose scales
// are not f16 keep random bytes and are retried until finite.
void fill_block(DType dtype, std::byte* block, std::mt19937* random) {
  const DTypeInfo& type = info(dtype);
  for (int i = 0; i < type.block_bytes; ++i) block[i] = static_cast<std::byte>((*random)() & 0xff);
  std::uniform_real_distribution<float> scale(0.005f, 0.02f);
  switch (dtype) {
    case DType::kQ4_K:
    case DType::kQ5_K:
      set_half(block, scale(*random));
      set_half(block + 2, scale(*random));
      break;
    case DType::kQ6_K: set_half(block + 208, scale(*random)); break;
    case DType::kQ2_K:
      set_half(block + 80, scale(*random));
      set_half(block + 82, scale(*random));
      break;
    case DType::kQ3_K: set_half(block + 108, scale(*random)); break;
    default: set_half(block, scale(*random)); break;  // the i-quants start with their scale
  }
}

}  // namespace

TestMatrix make_matrix(DType dtype, std::int64_t rows, std::int64_t cols, unsigned seed) {
  const quant::Codec& codec = quant::codec(dtype);
  const DTypeInfo& type = info(dtype);
  TestMatrix m{dtype, rows, cols, cols / type.block_elements * type.block_bytes, {}, {}, {}, {}};
  m.blocks.resize(static_cast<std::size_t>(rows * m.row_bytes));
  m.decoded.resize(static_cast<std::size_t>(rows * cols));
  std::mt19937 random(seed);
  const std::vector<float> values = random_values(m.decoded.size(), seed, 0.05f);
  for (std::int64_t row = 0; row < rows; ++row) {
    std::byte* blocks = m.blocks.data() + row * m.row_bytes;
    if (codec.encode_row != nullptr) {
      codec.encode_row(values.data() + row * cols, blocks, cols);
    } else {
      for (std::int64_t b = 0; b < cols / type.block_elements; ++b)
        fill_block(dtype, blocks + b * type.block_bytes, &random);
    }
    codec.decode_row(blocks, m.decoded.data() + row * cols, cols);
  }
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

std::vector<QuantBlock> quantized(const KernelTable& kernels, const std::vector<float>& x, std::int64_t rows,
                                  std::int64_t cols) {
  std::vector<QuantBlock> blocks(static_cast<std::size_t>(rows * quant_blocks(cols)));
  kernels.quantize_rows({x.data(), cols, blocks.data(), quant_blocks(cols), cols, 0, rows});
  return blocks;
}

}  // namespace galago::cpu
