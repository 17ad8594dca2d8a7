#include "ops/unary.h"

#include <gtest/gtest.h>

#include <cmath>

#include "galago/ops.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"

namespace galago::ops {
namespace {

TEST(Unary, AgreesWithTorch) {
  const Tensor x = golden("unary/x");
  EXPECT_TRUE(is_close(silu(x), golden("unary/silu"), 1e-7));
  EXPECT_TRUE(is_close(gelu(x), golden("unary/gelu"), 1e-7));
  EXPECT_TRUE(is_close(gelu_tanh(x), golden("unary/gelu_tanh"), 1e-7));
  EXPECT_TRUE(is_close(quick_gelu(x), golden("unary/quick_gelu"), 1e-7));
  EXPECT_TRUE(is_close(relu(x), golden("unary/relu"), 0));
  EXPECT_TRUE(is_close(relu2(x), golden("unary/relu2"), 1e-7));
  EXPECT_TRUE(is_close(sigmoid(x), golden("unary/sigmoid"), 1e-7));
  EXPECT_TRUE(is_close(tanh(x), golden("unary/tanh"), 1e-7));
}

TEST(Unary, FindsActivationsByTheNamesOfConfigs) {
  EXPECT_EQ(unary_kind("silu"), UnaryKind::kSilu);
  EXPECT_EQ(unary_kind("swish"), UnaryKind::kSilu);
  EXPECT_EQ(unary_kind("gelu"), UnaryKind::kGelu);
  EXPECT_EQ(unary_kind("gelu_pytorch_tanh"), UnaryKind::kGeluTanh);
  EXPECT_EQ(unary_kind("gelu_new"), UnaryKind::kGeluTanh);
  EXPECT_EQ(unary_kind("quick_gelu"), UnaryKind::kQuickGelu);
  EXPECT_EQ(unary_kind("relu2"), UnaryKind::kRelu2);
  EXPECT_EQ(unary_kind("snake"), std::nullopt);
  for (int kind = 0; kind <= static_cast<int>(UnaryKind::kTanh); ++kind) {
    EXPECT_EQ(unary_kind(to_string(static_cast<UnaryKind>(kind))), static_cast<UnaryKind>(kind));
  }
}

TEST(Unary, KeepsNaN) {
  for (int kind = 0; kind <= static_cast<int>(UnaryKind::kTanh); ++kind) {
    EXPECT_TRUE(std::isnan(apply(static_cast<UnaryKind>(kind), std::nanf(""))))
        << to_string(static_cast<UnaryKind>(kind));
  }
}

TEST(Unary, TakesF32) {
  EXPECT_EQ(inferred(Unary{}, {f32({Dim::symbol("tokens", 8), 3})}), "f32 (tokens, 3)");
  EXPECT_EQ(inferred(Unary{}, {i32({3})}), "unary: input 0 (x) is i32 (3); expected f32");
}

}  // namespace
}  // namespace galago::ops
