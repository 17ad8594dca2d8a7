#include "graph/symbol_binding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace galago::graph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TraceInput input(const char* name, Shape shape) { return {name, {DType::kF32, std::move(shape)}}; }

// The values of the inputs' symbols, or what is wrong.
Result<std::vector<std::int64_t>> bind(const std::vector<TraceInput>& inputs, const std::vector<std::int64_t>& sizes) {
  std::vector<TensorType> types;
  for (const TraceInput& each : inputs) types.push_back(each.type);
  const std::vector<SymbolBound> found = symbols(types);
  std::vector<std::int64_t> values(found.size(), -1);
  const Status status = bind_symbols("entry", inputs, found, sizes, values);
  if (!status.ok()) return status.error();
  return values;
}

std::string error_of(const std::vector<TraceInput>& inputs, const std::vector<std::int64_t>& sizes) {
  const auto values = bind(inputs, sizes);
  return values.ok() ? "" : values.error().message;
}

const Dim kTokens = Dim::symbol("tokens", 64), kPatches = Dim::symbol("patches", 100);

TEST(BindSymbols, FindsThemInTheOrderOfTheirFirstUse) {
  const std::vector<TraceInput> inputs = {input("ids", {kTokens}), input("media", {kPatches, 8}),
                                          input("positions", {3, kTokens})};
  EXPECT_THAT(bind(inputs, {5, 0, 8, 3, 5}).value(), ElementsAre(5, 0));
}

TEST(BindSymbols, SolvesProductsAndSums) {
  EXPECT_THAT(bind({input("x", {kTokens * 4 + 3})}, {43}).value(), ElementsAre(10));
  EXPECT_THAT(bind({input("x", {kTokens * -2 + 200})}, {180}).value(), ElementsAre(10));
  EXPECT_THAT(error_of({input("x", {kTokens * 4 + 3})}, {44}),
              HasSubstr("\"x\" is (44); (tokens * 4 + 3) is expected"));
}

TEST(BindSymbols, AQuotientLeavesOpenWhatAnotherInputTells) {
  const TraceInput merged = input("merged", {kPatches / 4, 16}), pixels = input("pixels", {kPatches, 12});
  EXPECT_THAT(bind({merged, pixels}, {2, 16, 11, 12}).value(), ElementsAre(11));
  EXPECT_THAT(bind({pixels, merged}, {11, 12, 2, 16}).value(), ElementsAre(11));
  EXPECT_EQ(error_of({merged}, {2, 16}),
            "entry: the sizes of its inputs do not tell \"patches\", which may be 8 to 11");
  EXPECT_EQ(error_of({merged, pixels}, {2, 16, 12, 12}),
            "entry: \"patches\" is 8 to 11 by the input \"merged\" and 12 by \"pixels\"");
  // floor(patches * 3 / 2) tells an even number of patches from the odd one after it.
  EXPECT_THAT(bind({input("x", {kPatches * 3 / 2})}, {16}).value(), ElementsAre(11));
  // The last quotient below the bound.
  EXPECT_THAT(bind({merged, pixels}, {25, 16, 100, 12}).value(), ElementsAre(100));
  EXPECT_THAT(bind({merged}, {25, 16}).value(), ElementsAre(100));
}

TEST(BindSymbols, NamesInputsThatDoNotFit) {
  const std::vector<TraceInput> inputs = {input("ids", {kTokens}), input("positions", {3, kTokens})};
  EXPECT_EQ(error_of(inputs, {5, 3, 4}), "entry: \"tokens\" is 5 by the input \"ids\" and 4 by \"positions\"");
  EXPECT_EQ(error_of(inputs, {5, 1, 5}),
            "entry: the input \"positions\" is (1, 5); (3, tokens) is expected, (3, 64) at most");
  EXPECT_EQ(error_of(inputs, {65, 3, 65}), "entry: the input \"ids\" is (65); (tokens) is expected, (64) at most");
  EXPECT_EQ(error_of(inputs, {-1, 3, -1}), "entry: the input \"ids\" is (-1); (tokens) is expected, (64) at most");
  EXPECT_EQ(error_of(inputs, {5, 3}), "entry: 2 sizes of inputs were given; expected 3");
  EXPECT_EQ(error_of(inputs, {5, 3, 5, 1}), "entry: 4 sizes of inputs were given; expected 3");
}

TEST(BindSymbols, ReadsTensors) {
  const std::vector<TraceInput> inputs = {input("pixels", {kPatches, 12}), {"ids", {DType::kI32, {kTokens}}}};
  const Tensor pixels = Tensor::zeros({7, 12}), ids = Tensor::from(std::vector<std::int32_t>{1, 2}, {2});
  EXPECT_THAT(bind_symbols("entry", inputs, std::vector{pixels, ids}).value(), ElementsAre(7, 2));
  const auto error_with = [&](const std::vector<Tensor>& tensors) {
    return bind_symbols("entry", inputs, tensors).error().message;
  };
  EXPECT_EQ(error_with({pixels}), "entry: 1 inputs were given; expected 2");
  EXPECT_EQ(error_with({pixels, pixels}), "entry: the input \"ids\" is f32 (7, 12); i32 (tokens) is expected");
  EXPECT_EQ(error_with({Tensor::zeros({12}), ids}),
            "entry: the input \"pixels\" is f32 (12); f32 (patches, 12) is expected");
  EXPECT_EQ(error_with({pixels, Tensor::failed({ErrorCode::kCorrupt, "no ids"})}), "no ids");
}

}  // namespace
}  // namespace galago::graph
