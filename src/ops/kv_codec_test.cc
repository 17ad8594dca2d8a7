#include "ops/kv_codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "galago/tensor.h"

namespace galago::ops {
namespace {

std::vector<float> stored(KvType type, const std::vector<float>& values) {
  std::vector<std::byte> row(kv_row_bytes(type, values.size()).value());
  std::vector<float> out(values.size());
  encode_kv_row(type, values.data(), row.data(), static_cast<std::int64_t>(values.size()));
  decode_kv_row(type, row.data(), out.data(), static_cast<std::int64_t>(values.size()));
  return out;
}

TEST(KvCodec, NamesEveryType) {
  EXPECT_EQ(kv_types().size(), 5u);
  for (const KvType type : kv_types()) EXPECT_EQ(kv_type(name(type)), type);
  EXPECT_EQ(name(KvType::kQ8), "q8");
  EXPECT_FALSE(kv_type("q6").has_value());
}

TEST(KvCodec, SizesRows) {
  EXPECT_EQ(kv_row_bytes(KvType::kF32, 5), 20u);
  EXPECT_EQ(kv_row_bytes(KvType::kBF16, 5), 10u);
  EXPECT_EQ(kv_row_bytes(KvType::kQ8, 80), 82u);
  EXPECT_EQ(kv_row_bytes(KvType::kQ8, 5), 18u);
  EXPECT_EQ(kv_row_bytes(KvType::kQ4, 64), 36u);
  EXPECT_EQ(kv_row_bytes(KvType::kQ4, 80), 54u);
  EXPECT_EQ(kv_row_bytes(KvType::kQ4, 0), 0u);
  EXPECT_FALSE(kv_row_bytes(KvType::kQ8, UINT64_MAX).has_value());
  EXPECT_FALSE(kv_row_bytes(KvType::kF32, UINT64_MAX).has_value());
}

// Each element spreads over its block alone, evenly; the columns found are orthonormal.
TEST(KvCodec, RotatesBlocksOrthonormally) {
  using Blocks = std::vector<std::size_t>;
  for (const Blocks& blocks : {Blocks{1}, Blocks{4, 1}, Blocks{64}, Blocks{64, 16}, Blocks{64, 32}, Blocks{128, 64},
                               Blocks{128, 128}, Blocks{128, 128, 128, 128, 64}}) {
    const std::size_t dim = std::accumulate(blocks.begin(), blocks.end(), std::size_t{0});
    std::vector<std::vector<float>> columns(dim, std::vector<float>(dim, 0.0f));
    std::size_t begin = 0;
    for (const std::size_t n : blocks) {
      for (std::size_t i = begin; i < begin + n; ++i) {
        columns[i][i] = 1.0f;
        rotate_kv_row(columns[i].data(), static_cast<std::int64_t>(dim));
        for (std::size_t j = 0; j < dim; ++j) {
          const bool inside = j >= begin && j < begin + n;
          EXPECT_EQ(std::fabs(columns[i][j]), inside ? std::sqrt(1.0f / static_cast<float>(n)) : 0.0f) << dim;
        }
        EXPECT_GT(columns[i][begin], 0.0f);
      }
      for (std::size_t i = begin; i < begin + n; ++i) {
        for (std::size_t j = begin; j < begin + n; ++j) {
          const float dot = std::inner_product(columns[i].begin(), columns[i].end(), columns[j].begin(), 0.0f);
          EXPECT_NEAR(dot, i == j ? 1.0f : 0.0f, 1e-5f) << dim << " " << i << " " << j;
        }
      }
      begin += n;
    }
  }
}

TEST(KvCodec, RotatingTwiceChangesNothing) {
  for (const std::int64_t dim : {1, 3, 33, 64, 80, 96, 128, 192, 256, 576}) {
    const Tensor random = Tensor::random({dim}, static_cast<std::uint64_t>(dim));
    std::vector<float> row(random.floats().begin(), random.floats().end());
    rotate_kv_row(row.data(), dim);
    rotate_kv_row(row.data(), dim);
    for (std::size_t i = 0; i < row.size(); ++i) EXPECT_NEAR(row[i], random.floats()[i], 1e-6f) << dim;
  }
}

// The step of a type is what its scale counts: the largest rotated element over 127 or 8.
TEST(KvCodec, RoundsToTheNearestStep) {
  for (const std::int64_t dim : {1, 5, 32, 33, 64, 80}) {
    const Tensor random = Tensor::random({dim}, static_cast<std::uint64_t>(dim));
    const std::vector<float> values(random.floats().begin(), random.floats().end());
    std::vector<float> rotated = values, q8 = stored(KvType::kQ8, values), q4 = stored(KvType::kQ4, values);
    const std::vector<float> q8_again = stored(KvType::kQ8, q8), q4_again = stored(KvType::kQ4, q4);
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_NEAR(q8_again[i], q8[i], 1e-5f) << "what was rounded once is rounded to itself";
      EXPECT_NEAR(q4_again[i], q4[i], 1e-5f);
    }
    for (std::vector<float>* row : {&rotated, &q8, &q4}) rotate_kv_row(row->data(), dim);
    float largest = 0.0f;
    for (const float value : rotated) largest = std::max(largest, std::fabs(value));
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_LE(std::fabs(q8[i] - rotated[i]), 0.503f * largest / 127.0f) << i;
      EXPECT_LE(std::fabs(q4[i] - rotated[i]), 1.1f * largest / 8.0f) << i;  // the far end of the other sign is cut
    }
  }
}

double squared_error(KvType type, const std::vector<float>& values) {
  const std::vector<float> found = stored(type, values);
  double sum = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) sum += std::pow(double{found[i]} - values[i], 2.0);
  return sum;
}

// What the rotation is for: with one channel 50 times larger than the others, a step of q8 would be 50 / 127 of their
// size without it, and q4 would leave nothing of those that share its scale.
TEST(KvCodec, ALargeChannelDoesNotDrownTheOthers) {
  double q8 = 0.0, q4 = 0.0, others = 0.0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Tensor random = Tensor::random({64}, seed);
    std::vector<float> values(random.floats().begin(), random.floats().end());
    for (const float value : values) others += double{value} * value;
    values[5] = 50.0f;
    q8 += squared_error(KvType::kQ8, values);
    q4 += squared_error(KvType::kQ4, values);
  }
  EXPECT_LT(q8 / others, 6e-4);
  EXPECT_LT(q4 / others, 0.2);
}

TEST(KvCodec, TakesEveryInput) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const KvType type : {KvType::kQ8, KvType::kQ4}) {
    for (const float value : {0.0f, 1e-30f, 1e-8f, 1e30f, kInfinity, -kInfinity, std::nanf("")}) {
      for (const float found : stored(type, {value, 0.0f, -value})) {
        EXPECT_TRUE(std::isfinite(found)) << name(type) << " " << value;
      }
    }
    EXPECT_EQ(stored(type, std::vector<float>(40, 0.0f)), std::vector<float>(40, 0.0f));
  }
}

}  // namespace
}  // namespace galago::ops
