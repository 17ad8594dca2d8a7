#include "ops/splice.h"

#include <gtest/gtest.h>

#include <vector>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"

namespace galago::ops {
namespace {

TEST(Splice, PutsRowsWhereTheIndexNamesThem) {
  const Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2});
  const Tensor rows = Tensor::from(std::vector<float>{10, 20, 30, 40}, {2, 2});
  EXPECT_EQ(splice(x, rows, Tensor::from(std::vector<std::int32_t>{1, -1, 0}, {3})).to_string(),
            "f32 (3, 2) [30, 40, 3, 4, 10, 20]");
  EXPECT_EQ(splice(x, Tensor::zeros({0, 2}), Tensor::from(std::vector<std::int32_t>{-1, -1, -1}, {3})).to_string(),
            x.to_string());
}

TEST(Splice, RefusesRowsOutside) {
  const Tensor x = Tensor::zeros({2, 2});
  EXPECT_EQ(splice(x, Tensor::zeros({1, 2}), Tensor::from(std::vector<std::int32_t>{0, 1}, {2})).error().message,
            "splice: input 2 (index) has 1 at 1; expected less than 1, the rows to insert");
}

TEST(Splice, SaysWhatDoesNotFit) {
  const Dim tokens = Dim::symbol("tokens", 512), patches = Dim::symbol("patches", 64);
  EXPECT_EQ(inferred(Splice{}, {f32({tokens, 4}), f32({patches, 4}), i32({tokens})}), "f32 (tokens, 4)");
  EXPECT_EQ(inferred(Splice{}, {f32({tokens, 4}), f32({patches, 5}), i32({tokens})}),
            "splice: input 1 (rows) is f32 (patches, 5); expected size 4 in dim 1");
  EXPECT_EQ(inferred(Splice{}, {f32({tokens, 4}), f32({patches, 4}), i32({patches})}),
            "splice: input 2 (index) is i32 (patches); expected size tokens in dim 0");
}

}  // namespace
}  // namespace galago::ops
