#include "ops/paged_attention.h"

#include <gtest/gtest.h>

#include <array>

#include "galago/ops.h"
#include "ops/kv_append.h"
#include "ops/paged_state_test.h"
#include "ops/shape_rule_test.h"
#include "ops/torch_golden_test.h"

namespace galago::ops {
namespace {

constexpr Paged kSpec{2, 8, 4};
constexpr std::int32_t kLong = kPageTokens + 5;

// Both sequences of the goldens, whole, in a state whose pages lie in no particular order.
TestState filled_state(DType dtype) {
  TestState state(kSpec, dtype, {{4, 1}, {2}}, 5);
  EXPECT_TRUE(kv_append(golden("paged/a/k"), golden("paged/a/v"), 0, state.step(rows_of(0, 0, kLong))).ok());
  EXPECT_TRUE(kv_append(golden("paged/b/k"), golden("paged/b/v"), 0, state.step(rows_of(1, 0, 3))).ok());
  return state;
}

std::vector<std::pair<std::int32_t, std::int32_t>> golden_rows() {
  auto rows = rows_of(0, kLong - 6, kLong);
  for (const auto& row : rows_of(1, 0, 3)) rows.push_back(row);
  return rows;
}

Tensor queries() { return concat(std::array{golden("paged/a/q"), golden("paged/b/q")}, 0); }

constexpr PagedAttention kOp{.state = 0, .kv_heads = 2, .v_dim = 4, .scale = 0.35f};

TEST(PagedAttention, AgreesWithTorch) {
  TestState state = filled_state(DType::kF32);
  PagedAttention op = kOp;
  EXPECT_TRUE(is_close(paged_attention(queries(), op, state.step(golden_rows())), golden("paged/y"), 1e-6));
  op.window = 5;
  EXPECT_TRUE(is_close(paged_attention(queries(), op, state.step(golden_rows())), golden("paged/window"), 1e-6));
  op.window = 0;
  op.soft_cap = 1.5f;
  EXPECT_TRUE(is_close(paged_attention(queries(), op, state.step(golden_rows())), golden("paged/capped"), 1e-6));
}

TEST(PagedAttention, ReadsHalfPrecision) {
  TestState state = filled_state(DType::kF16);  // multiples of 1/64 are exact in f16
  EXPECT_TRUE(is_close(paged_attention(queries(), kOp, state.step(golden_rows())), golden("paged/y"), 1e-6));
}

TEST(PagedAttention, GivesTheSameBitsRowByRow) {
  TestState state = filled_state(DType::kF32);
  const auto rows = golden_rows();
  const Tensor whole = paged_attention(queries(), kOp, state.step(rows));
  ASSERT_TRUE(whole.ok());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    const Tensor one = paged_attention(slice(queries(), 0, row, 1), kOp, state.step({rows[i]}));
    EXPECT_TRUE(is_close(one, slice(whole, 0, row, 1), 0)) << "row " << i;
  }
}

TEST(PagedAttention, NeedsNoPagesBeforeTheWindow) {
  TestState state(kSpec, DType::kF32, {{-1, 0}}, 1);
  const auto rows = rows_of(0, kPageTokens, kLong);
  const Tensor k = slice(golden("paged/a/k"), 0, kPageTokens, 5), v = slice(golden("paged/a/v"), 0, kPageTokens, 5);
  ASSERT_TRUE(kv_append(k, v, 0, state.step(rows)).ok());
  PagedAttention op = kOp;
  op.window = 5;
  const Tensor q = slice(golden("paged/a/q"), 0, 5, 1);  // of the last token, which sees this page alone
  const Tensor y = paged_attention(q, op, state.step({{0, kLong - 1}}));
  EXPECT_TRUE(is_close(y, slice(golden("paged/window"), 0, 5, 1), 1e-6));
  op.window = 6;
  EXPECT_EQ(paged_attention(q, op, state.step({{0, kLong - 1}})).error().message,
            "paged_attention: token 63 of sequence 0 lies in page -1; the state has 1 pages");
}

TEST(PagedAttention, SaysWhatDoesNotFit) {
  const Dim tokens = Dim::symbol("tokens", 512);
  EXPECT_EQ(inferred(kOp, {f32({tokens, 4, 8})}), "f32 (tokens, 4, 4)");
  EXPECT_EQ(inferred(kOp, {f32({tokens, 3, 8})}),
            "paged_attention: input 0 (q) is f32 (tokens, 3, 8); expected a multiple of 2 heads (kv_heads) in dim 1");
  EXPECT_EQ(inferred(PagedAttention{}, {f32({tokens, 4, 8})}),
            "paged_attention: state=0, kv_heads=0, v_dim=0, window=0, soft_cap=0; expected no negative value, and at "
            "least 1 kv_heads and v_dim");
  EXPECT_EQ(paged_attention(Tensor::zeros({1, 4, 8}), kOp, nullptr).error().message,
            "paged_attention: there is no step; it reads state and runs only within one");
}

}  // namespace
}  // namespace galago::ops
