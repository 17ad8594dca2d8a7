#include "models/tensor_rules.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <set>

#include "models/tensor_transforms.h"
#include "ops/executor.h"
#include "quant/codec.h"

namespace galago::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Names = std::vector<std::string>;

TEST(TensorRules, MatchNumbersAndText) {
  EXPECT_THAT(*match("model.layers.{}.experts.{}.w1", "model.layers.12.experts.7.w1"), ElementsAre("12", "7"));
  EXPECT_THAT(*match("vision_tower.{*}", "vision_tower.encoder.0.weight"), ElementsAre("encoder.0.weight"));
  EXPECT_THAT(*match("{*}.bias", "a.b.bias"), ElementsAre("a.b"));
  EXPECT_THAT(*match("lm_head.weight", "lm_head.weight"), ElementsAre());
  for (const std::string_view other : {"model.layers.x.w", "model.layers..w", "model.layers.1.w2", "model.layers.1",
                                       "odel.layers.1.w", "model.layers.1.2.w", ""}) {
    EXPECT_FALSE(match("model.layers.{}.w", other)) << other;
  }
  EXPECT_FALSE(match("vision_tower.{*}", "vision_tower."));
}

TEST(TensorRules, NameTheirSourcesWhenAllAreThere) {
  const std::set<std::string, std::less<>> file = {"blk.3.q", "blk.3.k", "e.3.0.w", "e.3.1.w", "e.3.3.w"};
  const auto is_there = [&file](std::string_view name) { return file.contains(name); };
  const Names layer = {"3"};
  EXPECT_EQ(*source_names({"", {"blk.{}.q", "blk.{}.k"}}, layer, is_there), (Names{"blk.3.q", "blk.3.k"}));
  EXPECT_FALSE(source_names({"", {"blk.{}.q", "blk.{}.v"}}, layer, is_there));
  EXPECT_EQ(*source_names({"", {"e.{}.{n}.w"}}, layer, is_there), (Names{"e.3.0.w", "e.3.1.w"})) << "to the first gap";
  EXPECT_FALSE(source_names({"", {"e.{}.{n}.v"}}, layer, is_there));
}

// Matrices whose value in row r and column c is 100 r + c.
Tensor numbered(std::int64_t rows, std::int64_t cols, float first = 0.0f) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < rows * cols; ++i) {
    values.push_back(first + 100.0f * static_cast<float>(i / cols) + static_cast<float>(i % cols));
  }
  return Tensor::from(std::span<const float>(values), {rows, cols}).with_name("stored");
}

Tensor vector(std::vector<float> values) {
  const auto size = static_cast<std::int64_t>(values.size());
  return Tensor::from(std::span<const float>(values), {size}).with_name("stored");
}

std::vector<float> row_of(const Tensor& tensor, std::int64_t row) {
  std::vector<float> values(static_cast<std::size_t>(tensor.size(-1)));
  ops::view_of(tensor).decode_row(row, values.data());
  return values;
}

std::vector<float> first_column(const Tensor& tensor) {
  std::vector<float> values;
  for (std::int64_t row = 0; row < tensor.shape().max_rows().value_or(0); ++row)
    values.push_back(row_of(tensor, row)[0]);
  return values;
}

class TransformTest : public ::testing::Test {
 protected:
  Result<Tensor> apply(const Transform& transform, std::vector<Tensor> sources) const {
    return transform(std::move(sources), {config_, "m.gguf", "model.layers.1.w", {1}});
  }
  Tensor made(const Transform& transform, std::vector<Tensor> sources) const {
    auto result = apply(transform, std::move(sources));
    EXPECT_TRUE(result.ok()) << result.error().message;
    return result.ok() ? *result : Tensor();
  }
  std::string failure(const Transform& transform, std::vector<Tensor> sources) const {
    const auto result = apply(transform, std::move(sources));
    return result.ok() ? "" : result.error().message;
  }

  Json config_ = {{"heads", 2}, {"per_layer", {1, 2}}};
};

TEST_F(TransformTest, StackExpertsThatArePublishedOneByOne) {
  const Tensor a = numbered(2, 3), b = numbered(2, 3, 1000);
  const Tensor stack = made(transforms::stacked(), {a, b});
  EXPECT_EQ(stack.shape(), Shape({2, 2, 3}));
  EXPECT_EQ(stack.row(3), b.row(1)) << "nothing is copied";
  EXPECT_THAT(failure(transforms::stacked(), {a, numbered(3, 3)}), HasSubstr("cannot be joined"));
}

TEST_F(TransformTest, JoinShardsAndVectors) {
  EXPECT_EQ(made(transforms::concatenated(), {numbered(2, 3), numbered(1, 3)}).shape(), Shape({3, 3}));
  const Tensor bias = made(transforms::concatenated(), {vector({1, 2}), vector({3})});
  EXPECT_THAT(bias.floats(), ElementsAre(1, 2, 3));
}

TEST_F(TransformTest, CutFusedRowsBySizesOfTheLayer) {
  const transforms::Sizes sizes = [](const RuleCall& call) -> Result<std::vector<std::int64_t>> {
    const auto heads = call.config["per_layer"][static_cast<std::size_t>(call.numbers.at(0))].get<std::int64_t>();
    return std::vector<std::int64_t>{2 * heads, heads, heads};
  };
  const Tensor fused = numbered(8, 3);
  EXPECT_THAT(first_column(made(transforms::piece(0, sizes), {fused})), ElementsAre(0, 100, 200, 300));
  EXPECT_THAT(first_column(made(transforms::piece(2, sizes), {fused})), ElementsAre(600, 700));
  EXPECT_EQ(made(transforms::piece(1, sizes), {fused}).data(), fused.row(4));
  EXPECT_THAT(made(transforms::piece(1, sizes), {vector({0, 1, 2, 3, 4, 5, 6, 7})}).floats(), ElementsAre(4, 5));
  EXPECT_EQ(failure(transforms::piece(1, sizes), {numbered(9, 3)}),
            "m.gguf: the tensor \"stored\" has 9 rows; the model's configuration asks for 8 (4 + 2 + 2)");
}

TEST_F(TransformTest, CutHalvesOrTurns) {
  const Tensor fused = numbered(4, 3);
  EXPECT_THAT(first_column(made(transforms::equal_piece(1, 2), {fused})), ElementsAre(200, 300));
  EXPECT_THAT(first_column(made(transforms::every(1, 2), {fused})), ElementsAre(100, 300));
  EXPECT_THAT(made(transforms::every(0, 2), {vector({1, 2, 3, 4})}).floats(), ElementsAre(1, 3));
  EXPECT_FALSE(failure(transforms::equal_piece(0, 3), {fused}).empty());
  EXPECT_FALSE(failure(transforms::every(0, 3), {fused}).empty());
}

// gpt-oss: (experts, in, 2 out), gate and up in turns.
TEST_F(TransformTest, ReadFusedTransposedExperts) {
  std::vector<float> values(2 * 3 * 4);
  std::iota(values.begin(), values.end(), 0.0f);
  const Tensor fused = Tensor::from(std::span<const float>(values), {2, 3, 4});
  const Transform up = transforms::of_each(transforms::in_order({transforms::transposed(), transforms::every(1, 2)}));
  const Tensor stack = made(up, {fused});
  EXPECT_EQ(stack.shape(), Shape({2, 2, 3}));
  EXPECT_THAT(row_of(stack, 0), ElementsAre(1, 5, 9));
  EXPECT_THAT(row_of(stack, 1), ElementsAre(3, 7, 11));
  EXPECT_THAT(row_of(stack, 3), ElementsAre(15, 19, 23));
  const Tensor biases = Tensor::from(std::span<const float>(values).first(8), {2, 4});
  const Tensor gate_bias = made(transforms::of_each(transforms::every(0, 2)), {biases});
  EXPECT_EQ(gate_bias.shape(), Shape({2, 2}));
  EXPECT_THAT(row_of(gate_bias, 1), ElementsAre(4, 6));
}

// A stack of single experts is cut expert by expert, too.
TEST_F(TransformTest, CutEachOfAStackOfParts) {
  const Transform gate =
      transforms::in_order({transforms::stacked(), transforms::of_each(transforms::equal_piece(0, 2))});
  EXPECT_THAT(first_column(made(gate, {numbered(4, 2), numbered(4, 2, 1000)})), ElementsAre(0, 100, 1000, 1100));
}

TEST_F(TransformTest, OrderRopePairsOfWeightsAndBiases) {
  const Transform pairs = transforms::rope_pairs("heads");
  EXPECT_THAT(first_column(made(pairs, {numbered(8, 2)})), ElementsAre(0, 200, 100, 300, 400, 600, 500, 700));
  EXPECT_THAT(made(pairs, {vector({0, 1, 2, 3, 4, 5, 6, 7})}).floats(), ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
  EXPECT_EQ(failure(pairs, {numbered(6, 2)}),
            "m.gguf: the tensor \"stored\" has 6 rows, which are no 2 heads of an even size");
}

// What transformers' convert_moe_packed_tensors() makes of it: neighbours in one byte, the first in the low bits.
TEST_F(TransformTest, PutMxfp4TogetherFromCodesAndExponents) {
  constexpr std::int64_t kRows = 3, kBlocks = 2;
  Tensor codes = Tensor::zeros({1, kRows, kBlocks, 16}, DType::kU8),
         exponents = Tensor::zeros({1, kRows, kBlocks}, DType::kU8);
  for (std::size_t i = 0; i < codes.mutable_bytes().size(); ++i) codes.mutable_bytes()[i] = std::byte(i * 37 % 256);
  for (std::size_t i = 0; i < exponents.mutable_bytes().size(); ++i) exponents.mutable_bytes()[i] = std::byte(120 + i);
  const Tensor stack = made(transforms::mxfp4(), {codes, exponents});
  EXPECT_EQ(stack.type().to_string(), "mxfp4 (1, 3, 64)");
  constexpr float kValues[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, 0, -0.5f, -1, -1.5f, -2, -3, -4, -6};
  for (std::int64_t row = 0; row < kRows; ++row) {
    const std::vector<float> found = row_of(stack, row);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto block = static_cast<std::size_t>(row * kBlocks) + i / 32;
      const auto pair = std::to_integer<unsigned>(codes.bytes()[block * 16 + i % 32 / 2]);
      const int exponent = std::to_integer<int>(exponents.bytes()[block]) - 127;
      EXPECT_EQ(found[i], std::ldexp(kValues[i % 2 == 0 ? pair & 15 : pair >> 4], exponent)) << row << " " << i;
    }
  }
  EXPECT_THAT(failure(transforms::mxfp4(), {codes, Tensor::zeros({1, kRows, 3}, DType::kU8)}),
              HasSubstr("are no MXFP4"));
}

TEST_F(TransformTest, ComputeValues) {
  const Transform less_one = transforms::each_value([](float value) { return value - 1.0f; });
  EXPECT_THAT(made(less_one, {vector({1, 2.5f})}).floats(), ElementsAre(0, 1.5f));
  const transforms::Sizes sizes = [](const RuleCall&) -> Result<std::vector<std::int64_t>> {
    return std::vector<std::int64_t>{4, 1, 3};
  };
  EXPECT_EQ(made(transforms::with_sizes(sizes), {numbered(4, 3)}).shape(), Shape({4, 1, 3}));
  EXPECT_FALSE(failure(transforms::with_sizes(sizes), {numbered(4, 4)}).empty());
}

}  // namespace
}  // namespace galago::models
