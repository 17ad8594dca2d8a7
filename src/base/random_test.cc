#include "base/random.h"

#include <gtest/gtest.h>

namespace galago {
namespace {

// The first numbers of the published generator with seed 1234567.
TEST(RandomBits, AreThoseOfSplitMix64) {
  RandomBits bits(1234567);
  EXPECT_EQ(bits.next(), 6457827717110365317u);
  EXPECT_EQ(bits.next(), 3203168211198807973u);
  EXPECT_EQ(bits.next(), 9817491932198370423u);
}

TEST(RandomNormals, HaveTheMomentsOfTheNormalDistribution) {
  RandomNormals normals(7);
  constexpr int kCount = 200'000;
  double sum = 0.0, squares = 0.0, fourth = 0.0, neighbours = 0.0, last = 0.0;
  for (int i = 0; i < kCount; ++i) {
    const double x = static_cast<double>(normals.next());
    sum += x, squares += x * x, fourth += x * x * x * x, neighbours += x * last, last = x;
  }
  EXPECT_NEAR(sum / kCount, 0.0, 0.01);
  EXPECT_NEAR(squares / kCount, 1.0, 0.02);
  EXPECT_NEAR(fourth / kCount, 3.0, 0.1);
  EXPECT_NEAR(neighbours / kCount, 0.0, 0.01);
}

}  // namespace
}  // namespace galago
