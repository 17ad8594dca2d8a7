#include "verify/stage_comparison.h"

#include <gtest/gtest.h>

#include <limits>

namespace galago::verify {
namespace {

TEST(RelativeError, IsRelativeToTheSpreadOfTheExpectedValues) {
  const std::vector<float> expected = {-2, 2, -2, 2};
  const std::vector<float> values = {-2, 2, -2, 3};
  EXPECT_DOUBLE_EQ(standard_deviation(expected), 2.0);
  EXPECT_DOUBLE_EQ(*relative_error(values, expected), 0.5);
  EXPECT_DOUBLE_EQ(*relative_error(expected, expected), 0.0);
}

TEST(RelativeError, OfEqualExpectedValuesIsAbsolute) {
  const std::vector<float> expected = {1, 1}, values = {1, 1.25f};
  EXPECT_DOUBLE_EQ(*relative_error(values, expected), 0.25);
}

TEST(RelativeError, IsNothingWhereSomethingIsNotFinite) {
  const std::vector<float> expected = {1, 2}, values = {1, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_FALSE(relative_error(values, expected).has_value());
  EXPECT_FALSE(relative_error(expected, values).has_value());
}

}  // namespace
}  // namespace galago::verify
