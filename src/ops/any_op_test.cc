#include "ops/any_op.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace galago::ops {
namespace {

TEST(AnyOp, PrintsFieldsAsTheyAreWritten) {
  EXPECT_EQ(fields_to_string(RmsNorm{}), "eps=1e-06, weight_plus_one=false");
  EXPECT_EQ(fields_to_string(Rope{.interleaved = true, .sections = {16, 24, 24}}),
            "interleaved=true, attention_factor=1, sections=[16, 24, 24]");
  EXPECT_EQ(fields_to_string(Reshape{{Dim::symbol("tokens", 8), 64}}), "shape=(tokens, 64)");
  EXPECT_EQ(fields_to_string(Unary{UnaryKind::kGeluTanh}), "kind=gelu_tanh");
  EXPECT_EQ(fields_to_string(Scale{0.1f}), "factor=0.1");
  EXPECT_EQ(fields_to_string(Add{}), "");
}

template <std::size_t... I>
std::set<std::string_view> names(std::index_sequence<I...>) {
  return {name(AnyOp(std::in_place_index<I>))...};
}

TEST(AnyOp, HasANameForEachOp) {
  constexpr std::size_t kOps = std::variant_size_v<AnyOp>;
  EXPECT_EQ(names(std::make_index_sequence<kOps>{}).size(), kOps);
  EXPECT_EQ(name(KvAppend{}), "kv_append");
}

TEST(AnyOp, KnowsWhatKeepsState) {
  EXPECT_TRUE(has_state(KvAppend{}));
  EXPECT_TRUE(has_state(PagedAttention{}));
  EXPECT_FALSE(has_state(DenseAttention{}));
  EXPECT_FALSE(has_state({}));
}

TEST(AnyOp, RefusesToRunNothing) {
  EXPECT_EQ(infer({}, {}).error().code, ErrorCode::kInternal);
  EXPECT_EQ(run_reference({}, {}).error().code, ErrorCode::kInternal);
}

}  // namespace
}  // namespace galago::ops
