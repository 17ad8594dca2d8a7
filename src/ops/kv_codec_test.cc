#include "ops/kv_codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
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

// The step of a type is what its scale counts: the largest element over 127 or 8.
TEST(KvCodec, RoundsToTheNearestStep) {
  for (const std::int64_t dim : {1, 5, 32, 33, 64, 80}) {
    const Tensor random = Tensor::random({dim}, static_cast<std::uint64_t>(dim));
    const std::vector<float> values(random.floats().begin(), random.floats().end());
    float largest = 0.0f;
    for (const float value : values) largest = std::max(largest, std::fabs(value));
    const std::vector<float> q8 = stored(KvType::kQ8, values), q4 = stored(KvType::kQ4, values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_LE(std::fabs(q8[i] - values[i]), 0.502f * largest / 127.0f) << i;
      EXPECT_LE(std::fabs(q4[i] - values[i]), 1.01f * largest / 8.0f) << i;  // the far end of the other sign is cut
    }
    EXPECT_EQ(stored(KvType::kQ8, q8), q8) << "what was rounded once is rounded to itself";
    EXPECT_EQ(stored(KvType::kQ4, q4), q4);
  }
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
