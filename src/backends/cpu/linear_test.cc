// linear_int8, linear_f32 and linear_bf16: against double precision, bit for bit across row counts, and against the
// reference codecs.
#include <algorithm>
#include <functional>
#include <utility>

#include "backends/cpu/kernel_fixture_test.h"

namespace galago::cpu {
namespace {

constexpr DType kPacked[] = {
    DType::kF32,
    DType::kF16,
    DType::kBF16,
#define GALAGO_WEIGHT_KIND(kind, bytes) DType::kind,
#include "backends/cpu/weight_kinds.def"
#undef GALAGO_WEIGHT_KIND
};

// Columns of a type's test matrices come in these.
std::int64_t unit_of(DType dtype) { return std::max<std::int64_t>(32, info(dtype).block_elements); }

// y = x W^T + bias + residual in double.
std::vector<double> expected_linear(const TestMatrix& m, const std::vector<float>& x, std::int64_t rows,
                                    const std::vector<float>& bias, const std::vector<float>& residual) {
  std::vector<double> y(static_cast<std::size_t>(rows * m.rows));
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t n = 0; n < m.rows; ++n) {
      double sum = bias.empty() ? 0.0 : bias[n];
      if (!residual.empty()) sum += residual[r * m.rows + n];
      for (std::int64_t k = 0; k < m.cols; ++k) {
        sum += static_cast<double>(m.decoded[n * m.cols + k]) * x[r * m.cols + k];
      }
      y[r * m.rows + n] = sum;
    }
  }
  return y;
}

struct Shape {
  std::int64_t outputs, cols, rows;
};

class Linear : public KernelTest {
 protected:
  LinearArgs args(const TestMatrix& m, const std::vector<float>& x, const std::vector<QuantBlock>& q,
                  std::vector<float>* y, std::int64_t rows) const {
    LinearArgs a{};
    a.weight = m.view;
    a.x = x.data();
    a.x_stride = m.cols;
    a.quantized = q.data();
    a.quantized_stride = quant_blocks(m.cols);
    a.y = y->data();
    a.y_stride = m.rows;
    a.last_row = rows;
    a.last_tile = tile_count(m.rows);
    return a;
  }

  // Both forms, with and without the epilogue (residual in place).
  void check(DType dtype, Shape s, bool epilogue) {
    SCOPED_TRACE(testing::Message() << name(dtype) << " outputs " << s.outputs << " cols " << s.cols << " rows "
                                    << s.rows << (epilogue ? " with bias and residual" : ""));
    const TestMatrix m = make_matrix(dtype, s.outputs, s.cols, 7);
    const std::vector<float> x = random_values(static_cast<std::size_t>(s.rows * s.cols), 3);
    std::vector<float> bias, residual;
    if (epilogue) bias = random_values(static_cast<std::size_t>(s.outputs), 4);
    if (epilogue) residual = random_values(static_cast<std::size_t>(s.rows * s.outputs), 5);
    const std::vector<double> expected = expected_linear(m, x, s.rows, bias, residual);
    const std::vector<QuantBlock> q = quantized(kernels(), x, s.rows, s.cols);
    std::vector<float> y = epilogue ? residual : std::vector<float>(expected.size(), -1.0f);
    LinearArgs a = args(m, x, q, &y, s.rows);
    if (epilogue) a.bias = bias.data(), a.residual = y.data(), a.residual_stride = s.outputs;
    kernels().linear_f32(a);
    EXPECT_LE(nmse(y, expected), 1e-12);
    if (!takes_int8(m.view.kind)) return;
    if (epilogue) std::copy(residual.begin(), residual.end(), y.begin());
    kernels().linear_int8(a);
    EXPECT_LE(nmse(y, expected), 5e-4);
  }

  std::vector<std::uint16_t> narrowed(const std::vector<float>& x, std::int64_t rows, std::int64_t cols) const {
    std::vector<std::uint16_t> halves(x.size());
    kernels().narrow_rows({x.data(), cols, halves.data(), cols, cols, 0, rows});
    return halves;
  }

  LinearArgs bf16_args(const TestMatrix& m, const std::vector<std::uint16_t>& x, std::vector<float>* y,
                       std::int64_t rows) const {
    LinearArgs a = args(m, {}, {}, y, rows);
    a.x_bf16 = x.data();
    a.x_bf16_stride = m.cols;
    return a;
  }
};

TEST_P(Linear, MatchesDouble) {
  for (const DType dtype : kPacked) {
    const std::int64_t unit = unit_of(dtype), some = unit < 128 ? 13 : 3, more = unit < 128 ? 18 : 2;
    for (const bool epilogue : {false, true}) {
      check(dtype, {.outputs = 16, .cols = unit, .rows = 1}, epilogue);
      check(dtype, {.outputs = 37, .cols = some * unit, .rows = 7}, epilogue);
      check(dtype, {.outputs = 65, .cols = more * unit, .rows = 67}, epilogue);
    }
  }
}

TEST_P(Linear, ColumnsOfPlainTypesNeedNoMultiple) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    check(dtype, {.outputs = 19, .cols = 1, .rows = 3}, true);
    check(dtype, {.outputs = 5, .cols = 301, .rows = 14}, false);
  }
}

TEST_P(Linear, TypesWithoutTilesRunFromTheirRows) {
  for (const DType dtype : {DType::kI8, DType::kI16}) {
    ASSERT_EQ(weight_kind(dtype), WeightKind::kRows);
    check(dtype, {.outputs = 21, .cols = 301, .rows = 3}, false);
    check(dtype, {.outputs = 16, .cols = 256, .rows = 1}, true);
  }
}

TEST_P(Linear, RowOrderChoosesSourceRows) {
  TestMatrix m = make_matrix(DType::kIQ4_NL, 33, 64, 1);
  std::vector<std::uint32_t> order(33);
  for (std::uint32_t i = 0; i < 33; ++i) order[i] = (i * 5 + 2) % 33;
  m.view = rows_view(m.dtype, m.rows, m.cols, m.blocks.data(), m.row_bytes, order.data()).value();
  const std::vector<float> x = random_values(64, 2);
  std::vector<float> y(33);
  kernels().linear_f32(args(m, x, {}, &y, 1));
  const std::vector<double> expected = expected_linear(m, x, 1, {}, {});
  for (std::size_t i = 0; i < 33; ++i) EXPECT_NEAR(y[i], expected[order[i]], 1e-4);
}

// The numbers rule: a row's bits do not depend on how many rows, nor on which tiles, a call computes.
TEST_P(Linear, RowsAreIndependentBitForBit) {
  constexpr std::int64_t kRows = 70, kOutputs = 83;
  for (const DType dtype : kPacked) {
    const std::int64_t cols = unit_of(dtype) * (unit_of(dtype) < 256 ? 10 : 3);
    const TestMatrix m = make_matrix(dtype, kOutputs, cols, 11);
    const std::vector<float> x = random_values(static_cast<std::size_t>(kRows * cols), 12);
    const std::vector<QuantBlock> q = quantized(kernels(), x, kRows, cols);
    for (const bool int8 : {false, true}) {
      if (int8 && !takes_int8(m.view.kind)) continue;
      const auto linear = int8 ? kernels().linear_int8 : kernels().linear_f32;
      std::vector<float> whole(kRows * kOutputs), parts(kRows * kOutputs, 1.0f);
      linear(args(m, x, q, &whole, kRows));
      for (const std::int64_t step : {1, 2, 5, 6, 13, 64}) {
        std::fill(parts.begin(), parts.end(), 1.0f);
        for (std::int64_t row = 0; row < kRows; row += step) {
          LinearArgs a = args(m, x, q, &parts, kRows);
          a.first_row = row;
          a.last_row = std::min(row + step, kRows);
          for (const auto& [first, last] : {std::pair<int, int>{0, 1}, {1, 4}, {4, 6}}) {
            a.first_tile = first;
            a.last_tile = last;
            linear(a);
          }
        }
        EXPECT_TRUE(same_bits(parts.data(), whole.data(), whole.size()))
            << name(dtype) << (int8 ? " int8" : " f32") << " in steps of " << step;
      }
    }
  }
}

// As many rows as take several passes over the weights.
TEST_P(Linear, PassesOverManyRowsEqualOne) {
  constexpr std::int64_t kRows = 601, kOutputs = 49, kCols = 64;
  const TestMatrix m = make_matrix(DType::kQ4_0, kOutputs, kCols, 11);
  const std::vector<float> x = random_values(kRows * kCols, 12);
  const std::vector<QuantBlock> q = quantized(kernels(), x, kRows, kCols);
  std::vector<float> whole(kRows * kOutputs), parts(kRows * kOutputs, 1.0f);
  kernels().linear_int8(args(m, x, q, &whole, kRows));
  for (std::int64_t row = 0; row < kRows; row += 32) {
    LinearArgs a = args(m, x, q, &parts, kRows);
    a.first_row = row;
    a.last_row = std::min(row + 32, kRows);
    kernels().linear_int8(a);
  }
  EXPECT_TRUE(same_bits(parts.data(), whole.data(), whole.size()));
}

// A block of any bytes whose weights are finite.
void fill_finite(DType dtype, std::byte* block, std::mt19937* random) {
  const DTypeInfo& type = info(dtype);
  std::vector<float> values(static_cast<std::size_t>(type.block_elements));
  do {
    for (int i = 0; i < type.block_bytes; ++i) block[i] = static_cast<std::byte>((*random)() & 0xff);
    quant::codec(dtype).decode_row(block, values.data(), type.block_elements);
  } while (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }));
}

// With one activation at 1 and all others at 0 the output is the weight: from its tiles the exact class decodes what
// the reference does from the file, whatever the bytes are (scales of every size and sign, subnormal ones, codes that
// no quantizer writes).
TEST_P(Linear, WeightsDecodeBitForBit) {
  constexpr std::int64_t kOutputs = 53;
  for (const DType dtype : kPacked) {
    const std::int64_t cols = unit_of(dtype) * (unit_of(dtype) < 256 ? 3 : 2);
    std::mt19937 random(13);
    std::vector<std::byte> blocks(*row_bytes(dtype, static_cast<std::uint64_t>(cols)) * kOutputs);
    const auto block_bytes = static_cast<std::size_t>(info(dtype).block_bytes);
    for (std::size_t at = 0; at < blocks.size(); at += block_bytes) fill_finite(dtype, blocks.data() + at, &random);
    const TestMatrix m = matrix_of(dtype, kOutputs, cols, std::move(blocks));
    std::vector<float> x(static_cast<std::size_t>(cols * cols)), y(static_cast<std::size_t>(cols * kOutputs));
    for (std::int64_t k = 0; k < cols; ++k) x[k * cols + k] = 1.0f;
    kernels().linear_f32(args(m, x, {}, &y, cols));
    for (std::int64_t k = 0; k < cols; ++k) {
      for (std::int64_t n = 0; n < kOutputs; ++n) {
        ASSERT_EQ(y[k * kOutputs + n], m.decoded[n * cols + k]) << name(dtype) << " row " << n << " column " << k;
      }
    }
  }
}

// Activations of +-127 quantize without error, and codes at their extremes, where 16-bit sums would saturate, must give
// exact integers: what is left is the rounding of f32 sums.
TEST_P(Linear, ExtremeCodesDoNotSaturate) {
  const auto ones = [](std::mt19937*) { return std::byte{0xff}; };
  const auto zeros = [](std::mt19937*) { return std::byte{0}; };
  const auto minimum = [](std::mt19937*) { return std::byte{0x80}; };  // -128
  const auto any = [](std::mt19937* random) { return static_cast<std::byte>((*random)() & 0xff); };
  for (const DType dtype : kPacked) {
    if (!takes_int8(weight_kind(dtype))) continue;
    const std::int64_t cols = 256;
    for (const auto& fill : std::vector<std::function<std::byte(std::mt19937*)>>{ones, zeros, minimum, any}) {
      const TestMatrix m = make_filled_matrix(dtype, 16, cols, 17, fill);
      for (const float value : {127.0f, -127.0f}) {
        const std::vector<float> x(static_cast<std::size_t>(cols), value);
        const std::vector<QuantBlock> q = quantized(kernels(), x, 1, cols);
        std::vector<float> y(16);
        kernels().linear_int8(args(m, x, q, &y, 1));
        EXPECT_LE(nmse(y, expected_linear(m, x, 1, {}, {})), 1e-11) << name(dtype);
      }
    }
  }
}

class LinearInTiles : public Linear {};

// Two roundings of at most 2^-9 each, which all err the same way where a group's weights have few magnitudes (iq2).
constexpr double kBf16Bound = 0x1p-16;

TEST_P(LinearInTiles, Bf16TilesMatchDouble) {
  std::vector<DType> dtypes(std::begin(kPacked), std::end(kPacked));
  dtypes.insert(dtypes.end(), {DType::kI8, DType::kI16});
  for (const DType dtype : dtypes) {
    const std::int64_t cols = 544 / unit_of(dtype) * unit_of(dtype) + (unit_of(dtype) < 64 ? 0 : unit_of(dtype));
    for (const Shape s : {Shape{16, cols, 1}, Shape{37, cols, 31}, Shape{17, cols, 32}, Shape{50, cols, 77}}) {
      SCOPED_TRACE(testing::Message() << name(dtype) << " outputs " << s.outputs << " rows " << s.rows);
      const TestMatrix m = make_matrix(dtype, s.outputs, s.cols, 7);
      const std::vector<float> x = random_values(static_cast<std::size_t>(s.rows * s.cols), 3);
      const std::vector<float> bias = random_values(static_cast<std::size_t>(s.outputs), 4);
      const std::vector<float> residual = random_values(static_cast<std::size_t>(s.rows * s.outputs), 5);
      const std::vector<double> expected = expected_linear(m, x, s.rows, bias, residual);
      const std::vector<std::uint16_t> halves = narrowed(x, s.rows, s.cols);
      std::vector<float> y = residual;
      LinearArgs a = bf16_args(m, halves, &y, s.rows);
      a.bias = bias.data(), a.residual = y.data(), a.residual_stride = s.outputs;
      kernels().linear_bf16(a);
      EXPECT_LE(nmse(y, expected), kBf16Bound);
    }
  }
}

TEST_P(LinearInTiles, Bf16RowsAreIndependentBitForBit) {
  constexpr std::int64_t kRows = 530, kOutputs = 33, kCols = 544;  // beyond a panel's rows, tiles and k
  const TestMatrix m = make_matrix(DType::kQ4_0, kOutputs, kCols, 11);
  const std::vector<float> x = random_values(kRows * kCols, 12);
  const std::vector<std::uint16_t> halves = narrowed(x, kRows, kCols);
  std::vector<float> whole(kRows * kOutputs);
  kernels().linear_bf16(bf16_args(m, halves, &whole, kRows));
  for (const std::int64_t step : {9, 47, 512, 529}) {  // which leaves a row alone
    std::vector<float> parts(whole.size(), 1.0f);
    for (std::int64_t row = 0; row < kRows; row += step) {
      for (const auto& [first, last] : {std::pair{0, 1}, std::pair{1, 3}}) {  // tiles
        LinearArgs a = bf16_args(m, halves, &parts, kRows);
        a.first_row = row;
        a.last_row = std::min(row + step, kRows);
        a.first_tile = first;
        a.last_tile = last;
        kernels().linear_bf16(a);
      }
    }
    EXPECT_TRUE(same_bits(whole.data(), parts.data(), whole.size())) << step;
  }
}

TEST_P(LinearInTiles, RowsBecomeBf16WhereTheyLie) {
  const std::vector<float> x = random_values(3 * 96, 2);
  const std::vector<std::uint16_t> apart = narrowed(x, 3, 96);
  std::vector<float> in_place = x;
  auto* halves = reinterpret_cast<std::uint16_t*>(in_place.data());
  kernels().narrow_rows({in_place.data(), 96, halves, 192, 96, 0, 3});
  for (std::int64_t row = 0; row < 3; ++row) {
    EXPECT_EQ(std::memcmp(halves + row * 192, apart.data() + row * 96, 192), 0);
    for (std::int64_t i = 0; i < 96; ++i) {
      const std::uint32_t bits = static_cast<std::uint32_t>(apart[row * 96 + i]) << 16;
      float value;
      std::memcpy(&value, &bits, 4);
      EXPECT_NEAR(value, x[row * 96 + i], std::fabs(x[row * 96 + i]) / 256);
    }
  }
}

#if defined(__x86_64__)
// The check that decides at start whether the machine's tiles can be trusted, itself checked on the model.
TEST(AmxModel, PassesTheCheckOfTheTiles) {
  if (!cpu_features().avx512_vnni) GTEST_SKIP() << "the model is compiled for AVX-512";
  EXPECT_TRUE(amx_model::kKernels.multiply_rightly());
}
#endif

std::vector<const KernelTable*> kernels_with_tiles() {
  std::vector<const KernelTable*> tables = testable_kernels();
  std::erase_if(tables, [](const KernelTable* table) { return table->linear_bf16 == nullptr; });
  return tables;
}

INSTANTIATE_TEST_SUITE_P(Isa, Linear, every_isa(), isa_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LinearInTiles);
INSTANTIATE_TEST_SUITE_P(Isa, LinearInTiles, testing::ValuesIn(kernels_with_tiles()), isa_name);

TEST(Packing, BytesEqualTheFilesOrGrowByLessThanThreePercent) {
  for (const DType dtype : kPacked) {
    for (const std::uint64_t cols : {2048u, 8960u}) {
      const double file = static_cast<double>(*row_bytes(dtype, cols)) * 1536;
      const auto packed = static_cast<double>(packed_bytes(dtype, 1536, static_cast<std::int64_t>(cols)));
      EXPECT_LE(packed, file * 1.03) << name(dtype);
      EXPECT_GE(packed, file) << name(dtype);
    }
  }
}

TEST(Packing, EveryBlockFormatHasTiles) {
#define GALAGO_DTYPE(enumerator, name, ggml_id, block_elements, block_bytes) \
  EXPECT_TRUE(block_elements == 1 || takes_int8(weight_kind(DType::enumerator))) << name;
#include "galago/formats.def"
#undef GALAGO_DTYPE
}

TEST(Packing, SlicesEqualTheWhole) {
  for (const DType dtype : kPacked) {
    const TestMatrix m = make_matrix(dtype, 75, 512, 19);
    std::vector<std::byte> slices(m.packed.size());
    const auto source = [&](std::int64_t row) { return m.blocks.data() + row * m.row_bytes; };
    for (const auto& [first, last] : {std::pair<int, int>{3, 5}, {0, 2}, {2, 3}}) {
      std::byte* out = slices.data() + first * m.view.tile_bytes;
      ASSERT_TRUE(pack_tile_range(source, dtype, 75, 512, first, last, out).ok());
    }
    EXPECT_EQ(slices, m.packed) << name(dtype);
  }
}

TEST(Packing, RefusesWhatHasNoTiles) {
  const auto source = [](std::int64_t) -> const std::byte* { return nullptr; };
  EXPECT_FALSE(pack_tile_range(source, DType::kF64, 16, 256, 0, 1, nullptr).ok());
  EXPECT_FALSE(pack_tile_range(source, DType::kQ4_0, 16, 33, 0, 1, nullptr).ok());
  EXPECT_FALSE(pack_tile_range(source, DType::kQ4_0, 16, 32, 0, 2, nullptr).ok());
  EXPECT_EQ(packed_bytes(DType::kQ4_0, 16, 33), 0u);
  EXPECT_EQ(packed_bytes(DType::kF32, std::int64_t{1} << 40, std::int64_t{1} << 40), 0u);
  EXPECT_FALSE(rows_view(DType::kQ2_K, 16, 100, nullptr, 84, nullptr).ok());
}

}  // namespace
}  // namespace galago::cpu
