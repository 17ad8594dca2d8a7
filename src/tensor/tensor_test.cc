#include "galago/tensor.h"

#include <gtest/gtest.h>

#include <array>

namespace galago {
namespace {

TEST(Tensor, HoldsNumbersOfItsShape) {
  const std::array<float, 6> values = {1, 2, 3, 4, 5, 6};
  const Tensor x = Tensor::from(values, {2, 3});
  ASSERT_TRUE(x.ok());
  EXPECT_EQ(x.to_string(), "f32 (2, 3) [1, 2, 3, 4, 5, 6]");
  EXPECT_FALSE(Tensor::from(values, {2, 4}).ok());
  EXPECT_FALSE(Tensor::zeros({Dim::up_to(4)}).ok());
  EXPECT_FALSE(Tensor::zeros({INT64_MAX, 3}).ok());
  EXPECT_FALSE(Tensor::zeros({2, 31}, DType::kQ4_0).ok()) << "a row is no whole number of blocks";
}

TEST(Tensor, SeesRowsInAnotherOrderWithoutACopy) {
  const std::array<float, 6> values = {1, 2, 3, 4, 5, 6};
  const Tensor x = Tensor::from(values, {3, 2});
  const auto order = std::make_shared<const std::vector<std::int32_t>>(std::vector<std::int32_t>{2, 0, 1});
  const Tensor turned = x.with_rows(order).with_rows(order);  // 2,0,1 after 2,0,1 is 1,2,0
  EXPECT_EQ(turned.row(0), x.row(1));
  EXPECT_EQ(turned.row(2), x.row(0));
  const auto outside = std::make_shared<const std::vector<std::int32_t>>(std::vector<std::int32_t>{3});
  EXPECT_FALSE(x.with_rows(outside).ok());
}

TEST(Shape, ResolvesSymbolsWithinTheirBounds) {
  const Dim tokens = Dim::symbol("tokens", 512);
  const Shape shape = {tokens / 4 + 1, 64};
  EXPECT_EQ(shape.to_string(), "(tokens / 4 + 1, 64)");
  EXPECT_EQ(*shape.max_elements(), 129 * 64);
  SymbolValues values;
  ASSERT_TRUE(values.bind("tokens", 8).ok());
  EXPECT_EQ(*shape.resolve(values), (std::vector<std::int64_t>{3, 64}));
  EXPECT_FALSE(values.bind("tokens", 9).ok());
  SymbolValues too_many;
  ASSERT_TRUE(too_many.bind("tokens", 513).ok());
  EXPECT_EQ(shape.resolve(too_many).error().code, ErrorCode::kOutOfRange);
  EXPECT_FALSE(shape.resolve({}).ok());
}

TEST(Dim, DividesExactlyOrNotAtAll) {
  const Dim n = Dim::symbol("n", 10);
  EXPECT_EQ(((n / 4) * 4).at(10), 8);
  EXPECT_EQ((n * 4 / 4), n);
  EXPECT_EQ((n / 2 / 2).at(7), 1);
  EXPECT_EQ(((n / 4) * 4 + 1).to_string(), "n / 4 * 4 + 1");
  EXPECT_EQ(((n + 3) / 2).bound(), -1);
  EXPECT_FALSE(Shape({(n + 3) / 2, 4}).max_elements());
}

}  // namespace
}  // namespace galago
