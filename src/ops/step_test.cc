#include "ops/step.h"

#include <gtest/gtest.h>

#include <climits>

namespace galago::ops {
namespace {

TEST(Step, SizesPages) {
  EXPECT_EQ(page_bytes({3, 64, 64}, KvType::kF16), 3 * 64 * 128 * 2u);
  EXPECT_EQ(page_bytes({1, 576, 0}, KvType::kF32), 64 * 576 * 4u);
  EXPECT_EQ(page_bytes({3, 64, 64}, KvType::kBF16), page_bytes({3, 64, 64}, KvType::kF16));
  EXPECT_EQ(page_bytes({3, 64, 64}, KvType::kQ8), 3 * 64 * 2 * (64 + 2u));
  EXPECT_EQ(page_bytes({1, 576, 0}, KvType::kQ8), 64 * (576 + 2u));
  EXPECT_EQ(page_bytes({3, 64, 64}, KvType::kQ4), 3 * 64 * 2 * (32 + 4u));
  EXPECT_EQ(page_bytes({1, 5, 33}, KvType::kQ4), 64 * (18 + 36u));
  EXPECT_EQ(page_bytes({INT_MAX, INT_MAX, INT_MAX}, KvType::kF32), UINT64_MAX);
  EXPECT_EQ(page_bytes({-1, 64, 64}, KvType::kF32), UINT64_MAX);
}

TEST(Step, PrintsStates) {
  EXPECT_EQ(to_string(Paged{3, 64, 32}), "paged(heads=3, k_dim=64, v_dim=32)");
  EXPECT_EQ(to_string(Paged{3, 64, 32, 512}), "paged(heads=3, k_dim=64, v_dim=32, window=512)");
  EXPECT_EQ(to_string(Recurrent{128}), "recurrent(elements=128)");
  EXPECT_EQ(to_string(Static{6, 64, 64, 1500}), "static(heads=6, k_dim=64, v_dim=64, max_tokens=1500)");
}

}  // namespace
}  // namespace galago::ops
