#include "galago/tensor.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

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

// (first, first + 1, ...) in rows of two.
Tensor counting(std::int64_t rows, float first) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < 2 * rows; ++i) values.push_back(first + static_cast<float>(i));
  return Tensor::from(std::span<const float>(values), {rows, 2});
}

RowOrder order_of(std::vector<std::int32_t> rows) {
  return std::make_shared<const std::vector<std::int32_t>>(std::move(rows));
}

TEST(Tensor, JoinsRowsWhereTheyLie) {
  const Tensor a = counting(3, 0), b = counting(2, 100).with_rows(order_of({1, 0}));
  const Tensor whole = Tensor::concatenated({a, b});
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  EXPECT_EQ(whole.shape(), Shape({5, 2}));
  EXPECT_EQ(whole.row(2), a.row(2));
  EXPECT_EQ(whole.row(3), b.row(0));
  EXPECT_EQ(whole.row(4), b.row(1));
  EXPECT_TRUE(whole.bytes().empty()) << "there is no one place";
  const Tensor picked = whole.with_rows(order_of({4, 0, 3})).slice(1, 2);
  EXPECT_EQ(picked.shape(), Shape({2, 2}));
  EXPECT_EQ(picked.row(0), a.row(0));
  EXPECT_EQ(picked.row(1), b.row(0));
  EXPECT_FALSE(Tensor::concatenated({a, Tensor::zeros({2, 3})}).ok());
  EXPECT_FALSE(Tensor::concatenated({a, Tensor::zeros({2, 2}, DType::kF16)}).ok());
  EXPECT_FALSE(Tensor::concatenated({}).ok());
  EXPECT_FALSE(Tensor::concatenated({a, a.slice(2, 2)}).ok()) << "the first failure is passed on";
}

TEST(Tensor, StacksMatricesWhereTheyLie) {
  const Tensor a = counting(2, 0), b = counting(2, 100);
  const Tensor stack = Tensor::stacked({a, b});
  ASSERT_TRUE(stack.ok()) << stack.error().message;
  EXPECT_EQ(stack.shape(), Shape({2, 2, 2}));
  EXPECT_EQ(stack.row(1), a.row(1));
  EXPECT_EQ(stack.row(2), b.row(0));
  EXPECT_EQ(stack.with_shape({4, 2}).row(3), b.row(1));
  EXPECT_FALSE(stack.with_shape({2, 4}).ok()) << "rows cannot be joined";
  EXPECT_FALSE(Tensor::stacked({a, counting(3, 0)}).ok());
  EXPECT_EQ(Tensor::stacked({Tensor::zeros({3}), Tensor::zeros({3})}).shape(), Shape({2, 3}));
}

TEST(Tensor, KnowsWhetherRowsAreTheSame) {
  const Tensor a = counting(2, 0), b = counting(2, 100);
  EXPECT_TRUE(Tensor::stacked({a, b}).same_rows(Tensor::stacked({a, b})));
  EXPECT_FALSE(Tensor::stacked({a, b}).same_rows(Tensor::stacked({a, a})));
  EXPECT_FALSE(Tensor::stacked({a}).same_rows(a)) << "another shape";
  EXPECT_TRUE(a.with_rows(order_of({1, 0})).same_rows(a.with_rows(order_of({1, 0}))));
  EXPECT_FALSE(a.with_rows(order_of({1, 0})).same_rows(a));
  EXPECT_FALSE(counting(2, 0).same_rows(a)) << "another storage";
}

// Rows of `source`, negated.
class Negated : public RowReader {
 public:
  explicit Negated(Tensor source) : source_(std::move(source)) {}
  void read(std::int64_t row, std::byte* out) const override {
    const float values[] = {-source_.floats()[static_cast<std::size_t>(2 * row)],
                            -source_.floats()[static_cast<std::size_t>(2 * row + 1)]};
    std::memcpy(out, values, sizeof(values));
  }
  std::vector<std::span<const std::byte>> sources() const override { return {source_.bytes()}; }
  std::string_view kind() const override { return "negated"; }

 private:
  Tensor source_;
};

TEST(Tensor, MakesRowsWhenTheyAreRead) {
  const Tensor a = counting(3, 1);
  const auto negated = [&a] { return Tensor::made(DType::kF32, {3, 2}, std::make_shared<Negated>(a)); };
  const Tensor both = Tensor::concatenated({a, negated()}).with_rows(order_of({5, 0}));
  std::array<float, 2> scratch{};
  EXPECT_EQ(both.row(0), nullptr);
  const auto* made = reinterpret_cast<const float*>(both.read_row(0, reinterpret_cast<std::byte*>(scratch.data())));
  EXPECT_EQ(made, scratch.data());
  EXPECT_EQ(scratch, (std::array<float, 2>{-5, -6}));
  EXPECT_EQ(both.read_row(1, nullptr), a.row(0));
  EXPECT_TRUE(negated().same_rows(negated()));
  EXPECT_FALSE(negated().same_rows(a));
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
