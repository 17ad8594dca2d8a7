// The kernels that work row by row: quantize, norms, elementwise, rope. References are double precision.
#include <algorithm>
#include <limits>

#include "backends/cpu/kernel_fixture_test.h"
#include "backends/cpu/rope_table.h"

namespace galago::cpu {
namespace {

constexpr std::int64_t kCols[] = {1, 7, 16, 31, 32, 33, 64, 100, 576, 1021};

class Rows : public KernelTest {};

TEST_P(Rows, QuantizeRoundsToNearestEven) {
  for (const std::int64_t cols : kCols) {
    const std::vector<float> x = random_values(static_cast<std::size_t>(3 * cols), 1);
    const std::vector<QuantBlock> blocks = quantized(kernels(), x, 3, cols);
    for (std::int64_t row = 0; row < 3; ++row) {
      for (std::int64_t b = 0; b < quant_blocks(cols); ++b) {
        const QuantBlock& block = blocks[row * quant_blocks(cols) + b];
        float absmax = 0.0f;
        const std::int64_t filled = std::min<std::int64_t>(32, cols - b * 32);
        for (std::int64_t i = 0; i < filled; ++i) absmax = std::max(absmax, std::fabs(x[row * cols + b * 32 + i]));
        int total = 0, high = 0;
        double products = 0, squares = 0;
        for (std::int64_t i = 0; i < 32; ++i) {
          const float value = i < filled ? x[row * cols + b * 32 + i] : 0.0f;
          ASSERT_EQ(block.codes[i], static_cast<int>(std::nearbyint(value * (127.0f / absmax))));
          total += block.codes[i];
          products += static_cast<double>(value) * block.codes[i];
          squares += block.codes[i] * block.codes[i];
          if (i >= 16) high += block.codes[i];
        }
        ASSERT_NEAR(block.scale, products / squares, 1e-6 * block.scale);  // the best fit to these codes
        ASSERT_EQ(block.bias, -8 * total);
        ASSERT_EQ(block.high_bias, -8 * high);
        ASSERT_EQ(block.scaled_sum, block.scale * static_cast<float>(total));
      }
    }
  }
}

TEST_P(Rows, QuantizeSurvivesExtremes) {
  std::vector<float> x(96, 0.0f);
  std::fill(x.begin() + 32, x.begin() + 64, 1e-39f);
  x[64] = std::numeric_limits<float>::quiet_NaN();
  x[65] = std::numeric_limits<float>::infinity();
  const std::vector<QuantBlock> blocks = quantized(kernels(), x, 1, 96);
  for (int b = 0; b < 2; ++b) {
    EXPECT_EQ(blocks[b].scale, 0.0f);
    EXPECT_TRUE(std::all_of(blocks[b].codes, blocks[b].codes + 32, [](int code) { return code == 0; }));
  }
  EXPECT_TRUE(std::all_of(blocks[2].codes, blocks[2].codes + 32, [](int code) { return code >= -127; }));
  EXPECT_FALSE(std::isfinite(blocks[2].scale));
}

// All outputs of a norm at once: the sum, f32, quantized.
struct NormCase {
  bool centered, residual, weight, bias, plus_one;
};

void check_norm(const KernelTable& kernels, NormCase c, std::int64_t cols) {
  constexpr std::int64_t kRows = 3;
  const auto count = static_cast<std::size_t>(kRows * cols);
  std::vector<float> x = random_values(count, 1, 2.0f);
  for (float& value : x) value += 0.5f;
  const std::vector<float> residual = random_values(count, 2);
  const std::vector<float> weight = random_values(static_cast<std::size_t>(cols), 3);
  const std::vector<float> bias = random_values(static_cast<std::size_t>(cols), 4);
  std::vector<double> expected(count);
  for (std::int64_t row = 0; row < kRows; ++row) {
    double mean = 0.0, square = 0.0;
    const auto at = [&](std::int64_t k) {
      return static_cast<double>(x[row * cols + k]) + (c.residual ? residual[row * cols + k] : 0.0);
    };
    for (std::int64_t k = 0; k < cols && c.centered; ++k) mean += at(k) / static_cast<double>(cols);
    for (std::int64_t k = 0; k < cols; ++k) square += (at(k) - mean) * (at(k) - mean) / static_cast<double>(cols);
    for (std::int64_t k = 0; k < cols; ++k) {
      double y = (at(k) - mean) / std::sqrt(square + 1e-5);
      if (c.weight) y *= static_cast<double>(weight[k]) + (c.plus_one ? 1.0 : 0.0);
      expected[row * cols + k] = y + (c.bias ? bias[k] : 0.0);
    }
  }
  std::vector<float> sum(count), y(count), alone(count);
  std::vector<QuantBlock> q(static_cast<std::size_t>(kRows * quant_blocks(cols)));
  NormArgs a{};
  a.x = x.data(), a.x_stride = cols;
  if (c.residual) a.residual = residual.data(), a.residual_stride = cols;
  if (c.weight) a.weight = weight.data();
  if (c.bias) a.bias = bias.data();
  a.cols = cols, a.eps = 1e-5f, a.weight_plus_one = c.plus_one, a.last_row = kRows;
  a.y = alone.data(), a.y_stride = cols;
  const auto norm = c.centered ? kernels.layer_norm : kernels.rms_norm;
  norm(a);
  EXPECT_LE(nmse(alone, expected), 1e-7);
  a.y = y.data(), a.sum = sum.data(), a.sum_stride = cols;
  a.quantized = q.data(), a.quantized_stride = quant_blocks(cols);
  norm(a);
  EXPECT_TRUE(same_bits(y.data(), alone.data(), count));
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(sum[i], c.residual ? x[i] + residual[i] : x[i]);
  const std::vector<QuantBlock> separate = quantized(kernels, y, kRows, cols);
  EXPECT_EQ(std::memcmp(q.data(), separate.data(), q.size() * sizeof(QuantBlock)), 0) << "fused quantization differs";
}

TEST_P(Rows, Norms) {
  for (const std::int64_t cols : kCols) {
    for (const bool centered : {false, true}) {
      if (centered && cols == 1) continue;  // 0 / sqrt(eps): nothing to compare
      for (const NormCase c :
           {NormCase{centered, false, false, false, false}, NormCase{centered, true, true, false, false},
            NormCase{centered, false, true, true, false}, NormCase{centered, true, true, true, true}}) {
        SCOPED_TRACE(testing::Message() << (centered ? "layer_norm " : "rms_norm ") << cols);
        check_norm(kernels(), c, cols);
      }
    }
  }
}

double reference(UnaryOp op, double x) {
  switch (op) {
    case UnaryOp::kCopy: return x;
    case UnaryOp::kSilu: return x / (1.0 + std::exp(-x));
    case UnaryOp::kGelu: return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case UnaryOp::kGeluTanh: return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
    case UnaryOp::kQuickGelu: return x / (1.0 + std::exp(-1.702 * x));
    case UnaryOp::kRelu: return std::max(x, 0.0);
    case UnaryOp::kTanh: return std::tanh(x);
    case UnaryOp::kSigmoid: return 1.0 / (1.0 + std::exp(-x));
    case UnaryOp::kExp: return std::exp(x);
    case UnaryOp::kErf: return std::erf(x);
  }
  return 0.0;
}

constexpr UnaryOp kUnaryOps[] = {UnaryOp::kCopy,      UnaryOp::kSilu, UnaryOp::kGelu, UnaryOp::kGeluTanh,
                                 UnaryOp::kQuickGelu, UnaryOp::kRelu, UnaryOp::kTanh, UnaryOp::kSigmoid,
                                 UnaryOp::kExp,       UnaryOp::kErf};

TEST_P(Rows, UnaryIsAccurateEverywhere) {
  constexpr int kCount = 40001;
  for (const UnaryOp op : kUnaryOps) {
    std::vector<float> x(kCount), y(kCount);
    for (int i = 0; i < kCount; ++i)
      x[i] = static_cast<float>(i - kCount / 2) * (op == UnaryOp::kExp ? 86.0f : 12.0f) / (kCount / 2);
    kernels().unary({op, 1.0f, x.data(), kCount, y.data(), kCount, kCount, 0, 1});
    for (int i = 0; i < kCount; ++i) {
      const double expected = reference(op, x[i]);
      // Relative near 1e-6; where tails vanish, absolute. gelu_tanh and quick_gelu scale the exponent's rounding up.
      const double bound = 4e-6 * std::fabs(expected) + 1e-9;
      ASSERT_LE(std::fabs(y[i] - expected), bound) << "op " << static_cast<int>(op) << " at " << x[i];
    }
  }
}

TEST_P(Rows, UnaryLimits) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {-kInf, -1000.0f, -90.0f, 0.0f, 90.0f, 1000.0f, kInf, std::nanf("")};
  std::vector<float> y(x.size());
  const auto n = static_cast<std::int64_t>(x.size());
  const auto run = [&](UnaryOp op) {
    kernels().unary({op, 1.0f, x.data(), n, y.data(), n, n, 0, 1});
    EXPECT_TRUE(std::isnan(y[7])) << static_cast<int>(op);
    return y;
  };
  run(UnaryOp::kExp);
  EXPECT_EQ(std::vector<float>(y.begin(), y.begin() + 7), (std::vector<float>{0, 0, 0, 1, kInf, kInf, kInf}));
  run(UnaryOp::kTanh);
  EXPECT_EQ(std::vector<float>(y.begin(), y.begin() + 7), (std::vector<float>{-1, -1, -1, 0, 1, 1, 1}));
  run(UnaryOp::kErf);
  EXPECT_EQ(std::vector<float>(y.begin(), y.begin() + 7), (std::vector<float>{-1, -1, -1, 0, 1, 1, 1}));
  run(UnaryOp::kSigmoid);
  EXPECT_EQ(y[0], 0.0f);
  EXPECT_EQ(y[6], 1.0f);
  run(UnaryOp::kGelu);
  EXPECT_EQ(y[1], 0.0f);
  EXPECT_EQ(y[5], 1000.0f);
  run(UnaryOp::kSilu);
  EXPECT_EQ(y[1], 0.0f);
  EXPECT_EQ(y[5], 1000.0f);
}

TEST_P(Rows, UnaryAndGatedOnOddColumns) {
  for (const std::int64_t cols : kCols) {
    const auto count = static_cast<std::size_t>(3 * cols);
    const std::vector<float> gate = random_values(count, 1, 3.0f), up = random_values(count, 2);
    for (const UnaryOp op : kUnaryOps) {
      std::vector<double> expected(count), product(count);
      for (std::size_t i = 0; i < count; ++i)
        expected[i] = 0.5 * reference(op, gate[i]), product[i] = reference(op, gate[i]) * up[i];
      std::vector<float> y(count), both(count);
      kernels().unary({op, 0.5f, gate.data(), cols, y.data(), cols, cols, 0, 3});
      EXPECT_LE(nmse(y, expected), 1e-11);
      std::vector<QuantBlock> q(static_cast<std::size_t>(3 * quant_blocks(cols)));
      kernels().gated(
          {op, gate.data(), cols, up.data(), cols, both.data(), cols, q.data(), quant_blocks(cols), cols, 0, 3});
      EXPECT_LE(nmse(both, product), 1e-11);
      if (op == UnaryOp::kExp || op == UnaryOp::kSigmoid)
        continue;  // op(0) * 0 beyond the row is 0, too, but not for these
      const std::vector<QuantBlock> separate = quantized(kernels(), both, 3, cols);
      EXPECT_EQ(std::memcmp(q.data(), separate.data(), q.size() * sizeof(QuantBlock)), 0);
    }
  }
}

TEST_P(Rows, Binary) {
  for (const std::int64_t cols : kCols) {
    const auto count = static_cast<std::size_t>(2 * cols);
    const std::vector<float> a = random_values(count, 1), b = random_values(count, 2);
    for (const std::int64_t b_stride : {cols, std::int64_t{0}}) {
      for (const BinaryOp op : {BinaryOp::kAdd, BinaryOp::kMul, BinaryOp::kSub}) {
        std::vector<float> y(count + 1, 42.0f);
        kernels().binary({op, a.data(), cols, b.data(), b_stride, y.data(), cols, cols, 0, 2});
        for (std::size_t i = 0; i < count; ++i) {
          const float u = a[i], v = b[b_stride == 0 ? i % cols : i];
          ASSERT_EQ(y[i], op == BinaryOp::kAdd ? u + v : op == BinaryOp::kMul ? u * v : u - v);
        }
        ASSERT_EQ(y[count], 42.0f) << "wrote beyond the row";
      }
    }
  }
}

TEST_P(Rows, Rope) {
  constexpr std::int64_t kRows = 4, kHeads = 3;
  for (const auto& [head_dim, rope_dim] :
       {std::pair<int, int>{64, 64}, {80, 32}, {20, 20}, {6, 2}, {128, 128}, {96, 74}}) {
    const std::int64_t half = rope_dim / 2;
    std::vector<float> inv_freq(static_cast<std::size_t>(half));
    for (std::int64_t i = 0; i < half; ++i)
      inv_freq[i] = std::pow(10000.0f, -2.0f * static_cast<float>(i) / static_cast<float>(rope_dim));
    const std::vector<std::int32_t> positions = {0, 5, 1000, 77};
    std::vector<float> cos(static_cast<std::size_t>(kRows * half)), sin(cos);
    rope_table(positions, inv_freq, 1.25f, cos.data(), sin.data());
    const auto count = static_cast<std::size_t>(kRows * kHeads * head_dim);
    const std::vector<float> x = random_values(count, 1);
    for (const bool interleaved : {false, true}) {
      std::vector<double> expected(x.begin(), x.end());
      for (std::int64_t row = 0; row < kRows; ++row) {
        for (std::int64_t head = 0; head < kHeads; ++head) {
          for (std::int64_t i = 0; i < half; ++i) {
            const std::int64_t base = (row * kHeads + head) * head_dim;
            const std::int64_t first = base + (interleaved ? 2 * i : i),
                               second = base + (interleaved ? 2 * i + 1 : i + half);
            const double angle = static_cast<float>(positions[row]) * inv_freq[i];
            const double c = std::cos(angle) * 1.25, s = std::sin(angle) * 1.25;
            expected[first] = x[first] * c - x[second] * s;
            expected[second] = x[second] * c + x[first] * s;
          }
        }
      }
      std::vector<float> y(count), in_place = x;
      RopeArgs a{x.data(), kHeads * head_dim, y.data(), kHeads * head_dim, cos.data(), sin.data(), half,
                 kHeads,   head_dim,          rope_dim, interleaved,       0,          kRows};
      kernels().rope(a);
      EXPECT_LE(nmse(y, expected), 1e-12) << head_dim << " " << rope_dim << " interleaved " << interleaved;
      a.x = a.y = in_place.data();
      kernels().rope(a);
      EXPECT_TRUE(same_bits(in_place.data(), y.data(), count));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, Rows, every_isa(), isa_name);

}  // namespace
}  // namespace galago::cpu
