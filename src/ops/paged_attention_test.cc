#include "ops/paged_attention.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

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
TestState filled_state(KvType type) {
  TestState state(kSpec, type, {{4, 1}, {2}}, 5);
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
  TestState state = filled_state(KvType::kF32);
  PagedAttention op = kOp;
  EXPECT_TRUE(is_close(paged_attention(queries(), op, state.step(golden_rows())), golden("paged/y"), 1e-6));
  op.window = 5;
  EXPECT_TRUE(is_close(paged_attention(queries(), op, state.step(golden_rows())), golden("paged/window"), 1e-6));
  op.window = 0;
  op.soft_cap = 1.5f;
  EXPECT_TRUE(is_close(paged_attention(queries(), op, state.step(golden_rows())), golden("paged/capped"), 1e-6));
}

TEST(PagedAttention, ReadsHalfPrecision) {
  TestState state = filled_state(KvType::kF16);  // multiples of 1/64 are exact in f16
  EXPECT_TRUE(is_close(paged_attention(queries(), kOp, state.step(golden_rows())), golden("paged/y"), 1e-6));
}

TEST(PagedAttention, GivesTheSameBitsRowByRow) {
  TestState state = filled_state(KvType::kF32);
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
  TestState state(kSpec, KvType::kF32, {{-1, 0}}, 1);
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

// Keys are all ones and values their token's number: what a row sees is the mean of those numbers.
class Numbered {
 public:
  Numbered() {
    const Tensor keys = Tensor::from(std::vector<float>(6, 1.0f), {6, 1, 1});
    const Tensor values = Tensor::from(std::vector<float>{0, 1, 2, 3, 4, 5}, {6, 1, 1});
    EXPECT_TRUE(kv_append(keys, values, 0, state_.step(rows_of(0, 0, 6))).ok());
  }
  std::vector<float> attend(PagedAttention op, const std::vector<Tensor>& more) {
    op.kv_heads = op.v_dim = 1;
    const Tensor q = Tensor::from(std::vector<float>(6, 1.0f), {6, 1, 1});
    const Tensor y = paged_attention(q, op, state_.step(rows_of(0, 0, 6)), more);
    if (!y.ok()) {
      error = y.error().message;
      return {};
    }
    return {y.floats().begin(), y.floats().end()};
  }
  std::string error;

 private:
  TestState state_{{1, 1, 1}, KvType::kF32, {{0}}, 1};
};

TEST(PagedAttention, SeesTheWholeOfItsSpan) {
  Numbered numbered;
  const Tensor ends = Tensor::from(std::vector<std::int32_t>{0, 4, 4, 4, 0, 6}, {6});
  PagedAttention op{.has_spans = true};
  EXPECT_EQ(numbered.attend(op, {ends}), (std::vector<float>{0.0f, 1.5f, 1.5f, 1.5f, 2.0f, 2.5f}));
  op.window = 2;
  EXPECT_EQ(numbered.attend(op, {ends}), (std::vector<float>{0.0f, 1.5f, 2.0f, 2.5f, 3.5f, 4.5f}));
  const Tensor beyond = Tensor::from(std::vector<std::int32_t>{0, 7, 0, 0, 0, 0}, {6});
  EXPECT_TRUE(numbered.attend(op, {beyond}).empty());
  EXPECT_EQ(numbered.error, "paged_attention: row 1 sees up to position 7; the step has tokens before 6");
}

TEST(PagedAttention, GivesSinksTheirShare) {
  Numbered numbered;
  // Scores are 1; a sink of 1 weighs as much as a key.
  const auto y = numbered.attend({.has_sinks = true}, {Tensor::from(std::vector<float>{1.0f}, {1})});
  for (std::size_t row = 0; row < 6; ++row) {
    const float keys = static_cast<float>(row) + 1.0f;
    EXPECT_NEAR(y[row], keys * static_cast<float>(row) / 2.0f / (keys + 1.0f), 1e-6f);
  }
}

TEST(PagedAttention, FavoursNearKeysBySlopes) {
  Numbered numbered;
  const auto y = numbered.attend({.has_slopes = true}, {Tensor::from(std::vector<float>{std::log(2.0f)}, {1})});
  EXPECT_NEAR(y[1], 2.0f / 3.0f, 1e-6f);            // weights 1/2, 1
  EXPECT_NEAR(y[2], (0.5f + 2.0f) / 1.75f, 1e-6f);  // 1/4, 1/2, 1
}

TEST(PagedAttention, TakesValuesFromKeys) {
  TestState state({1, 3, 0}, KvType::kF32, {{0}}, 1);
  const Tensor k = Tensor::from(std::vector<float>{1, 2, 0, 3, 4, 0}, {2, 1, 3});
  ASSERT_TRUE(kv_append(k, 0, state.step(rows_of(0, 0, 2))).ok());
  const PagedAttention op{.kv_heads = 1, .v_dim = 2, .values_in_keys = true};
  const Tensor y = paged_attention(Tensor::zeros({2, 4, 3}), op, state.step(rows_of(0, 0, 2)));
  ASSERT_TRUE(y.ok()) << y.error().message;
  EXPECT_EQ(y.floats()[8], 2.0f);
  EXPECT_EQ(y.floats()[9], 3.0f);
}

TEST(PagedAttention, SaysWhatDoesNotFit) {
  const Dim tokens = Dim::symbol("tokens", 512);
  EXPECT_EQ(inferred(kOp, {f32({tokens, 4, 8})}), "f32 (tokens, 4, 4)");
  EXPECT_EQ(inferred(kOp, {f32({tokens, 3, 8})}),
            "paged_attention: input 0 (q) is f32 (tokens, 3, 8); expected a multiple of 2 heads (kv_heads) in dim 1");
  EXPECT_EQ(inferred(PagedAttention{}, {f32({tokens, 4, 8})}),
            "paged_attention: state=0, kv_heads=0, v_dim=0, window=0, soft_cap=0; expected no negative value, and at "
            "least 1 kv_heads and v_dim");
  PagedAttention more = kOp;
  more.has_sinks = more.has_spans = true;
  EXPECT_EQ(inferred(more, {f32({tokens, 4, 8})}), "paged_attention: 1 inputs; expected 3 (q, sinks, spans)");
  EXPECT_EQ(inferred(more, {f32({tokens, 4, 8}), f32({4}), f32({tokens})}),
            "paged_attention: input 2 (spans) is f32 (tokens); expected i32");
  PagedAttention latent = kOp;
  latent.values_in_keys = true;
  latent.v_dim = 9;
  EXPECT_EQ(inferred(latent, {f32({tokens, 4, 8})}),
            "paged_attention: input 0 (q) is f32 (tokens, 4, 8); expected at least 9 elements (v_dim) in dim 2");
  EXPECT_EQ(paged_attention(Tensor::zeros({1, 4, 8}), kOp, nullptr).error().message,
            "paged_attention: there is no step; it reads state and runs only within one");
}

}  // namespace
}  // namespace galago::ops
