#include "ops/kv_append.h"

#include <gtest/gtest.h>

#include "ops/paged_state_test.h"
#include "ops/shape_rule_test.h"
#include "quant/codec.h"

namespace galago::ops {
namespace {

constexpr Paged kSpec{2, 3, 5};

TEST(KvAppend, WritesPagesAsStepSays) {
  TestState state(kSpec, KvType::kF32, {{1, 3}, {2}}, 4);
  const Tensor k = Tensor::random({3, 2, 3}, 1), v = Tensor::random({3, 2, 5}, 2);
  // Token 65 of the first sequence lies in its second page; token 63 is the last of the second sequence's page.
  ASSERT_TRUE(kv_append(k, v, 0, state.step({{0, 64}, {0, 65}, {1, 63}})).ok());
  const std::size_t page = page_bytes(kSpec, KvType::kF32) / sizeof(float);
  ASSERT_EQ(page, 2 * 64 * 8u);
  const auto key = [&](std::size_t number, std::size_t head, std::size_t token, std::size_t i) {
    return state.stored(number * page + (head * 64 + token) * 3 + i);
  };
  const auto value = [&](std::size_t number, std::size_t head, std::size_t token, std::size_t i) {
    return state.stored(number * page + 2 * 64 * 3 + (head * 64 + token) * 5 + i);
  };
  EXPECT_EQ(key(3, 0, 0, 2), k.floats()[2]);
  EXPECT_EQ(key(3, 1, 1, 0), k.floats()[1 * 6 + 3]);
  EXPECT_EQ(key(2, 1, 63, 2), k.floats()[2 * 6 + 5]);
  EXPECT_EQ(value(3, 0, 1, 4), v.floats()[1 * 10 + 4]);
  EXPECT_EQ(value(2, 1, 63, 0), v.floats()[2 * 10 + 5]);
  std::size_t written = 0;
  for (std::size_t i = 0; i < 4 * page; ++i) written += state.stored(i) == state.stored(i) ? 1 : 0;
  EXPECT_EQ(written, 3 * 2 * 8u) << "what is not NaN was written";
}

TEST(KvAppend, RoundsToHalfPrecision) {
  TestState state({1, 1, 1}, KvType::kF16, {{0}}, 1);
  const Tensor k = Tensor::from(std::vector<float>{1.0002f}, {1, 1, 1});
  ASSERT_TRUE(kv_append(k, k, 0, state.step({{0, 0}})).ok());
  float stored = 0;
  quant::codec(DType::kF16).decode_row(state.bytes().data(), &stored, 1);
  EXPECT_EQ(stored, 1.0f);
}

TEST(KvAppend, RefusesPlacesOutsideTheState) {
  TestState state(kSpec, KvType::kF32, {{0, 7, -1}}, 2);
  const Tensor k = Tensor::zeros({1, 2, 3}), v = Tensor::zeros({1, 2, 5});
  const auto message = [&](std::int32_t sequence, std::int32_t position) {
    return kv_append(k, v, 0, state.step({{sequence, position}})).error().message;
  };
  EXPECT_EQ(message(0, 192), "kv_append: row 0 has position 192; its page table holds 192 tokens");
  EXPECT_EQ(message(0, -1), "kv_append: row 0 has position -1; its page table holds 192 tokens");
  EXPECT_EQ(message(1, 0), "kv_append: row 0 belongs to sequence 1; the step has 1");
  EXPECT_EQ(message(-1, 0), "kv_append: row 0 belongs to sequence -1; the step has 1");
  EXPECT_EQ(message(0, 64), "kv_append: token 64 of sequence 0 lies in page 7; the state has 2 pages");
  EXPECT_EQ(message(0, 128), "kv_append: token 128 of sequence 0 lies in page -1; the state has 2 pages");
  EXPECT_EQ(kv_append(k, v, 1, state.step({{0, 0}})).error().message, "kv_append: state 1 of a step with 1 states");
  EXPECT_EQ(kv_append(k, v, 0, state.step({{0, 0}, {0, 1}})).error().message, "kv_append: 1 rows in a step of 2");
  EXPECT_EQ(kv_append(k, v, 0, nullptr).error().message,
            "kv_append: there is no step; it reads state and runs only within one");
}

TEST(KvAppend, RefusesStatesOfAnotherKind) {
  TestState state(kSpec, KvType::kF32, {{0}}, 1);
  const Tensor wide = Tensor::zeros({1, 2, 4}), v = Tensor::zeros({1, 2, 5});
  EXPECT_EQ(kv_append(wide, v, 0, state.step({{0, 0}})).error().message,
            "kv_append: state 0 has pages of 4096 bytes; paged(heads=2, k_dim=4, v_dim=5) need 4608");
}

TEST(KvAppend, PassesTheErrorOfAnInputOn) {
  const Tensor failed = Tensor::failed({ErrorCode::kCorrupt, "no k"});
  EXPECT_EQ(kv_append(failed, Tensor::zeros({1, 2, 5}), 0, nullptr).error().message, "no k");
}

TEST(KvAppend, SaysWhatDoesNotFit) {
  const Dim tokens = Dim::symbol("tokens", 512);
  EXPECT_EQ(inferred(KvAppend{0}, {f32({tokens, 2, 8}), f32({tokens, 2, 6})}), "");
  EXPECT_EQ(inferred(KvAppend{0}, {f32({tokens, 2, 8}), f32({tokens, 3, 8})}),
            "kv_append: input 1 (v) is f32 (tokens, 3, 8); expected size 2 in dim 1");
  EXPECT_EQ(inferred(KvAppend{-1}, {f32({tokens, 2, 8}), f32({tokens, 2, 8})}),
            "kv_append: state is -1; expected at least 0");
}

}  // namespace
}  // namespace galago::ops
