#include "ops/gather_rows.h"

#include <gtest/gtest.h>

#include <vector>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"

namespace galago::ops {
namespace {

TEST(GatherRows, TakesRows) {
  const Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2});
  const Tensor index = Tensor::from(std::vector<std::int32_t>{2, 2, 0}, {3});
  EXPECT_EQ(gather_rows(x, index).to_string(), "f32 (3, 2) [5, 6, 5, 6, 1, 2]");
}

TEST(GatherRows, RefusesRowsOutside) {
  const Tensor x = Tensor::zeros({3, 2});
  EXPECT_EQ(gather_rows(x, Tensor::from(std::vector<std::int32_t>{1, -1}, {2})).error().message,
            "gather_rows: input 1 (index) has -1 at 1; expected 0 to 2, the rows of x");
  EXPECT_FALSE(gather_rows(x, Tensor::from(std::vector<std::int32_t>{3}, {1})).ok());
}

TEST(GatherRows, SaysWhatDoesNotFit) {
  const Dim tokens = Dim::symbol("tokens", 512), wanted = Dim::symbol("wanted", 8);
  EXPECT_EQ(inferred(GatherRows{}, {f32({tokens, 4}), i32({wanted})}), "f32 (wanted, 4)");
  EXPECT_EQ(inferred(GatherRows{}, {f32({tokens, 4}), f32({wanted})}),
            "gather_rows: input 1 (index) is f32 (wanted); expected i32");
}

}  // namespace
}  // namespace galago::ops
