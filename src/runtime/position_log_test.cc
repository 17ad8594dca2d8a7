#include "runtime/position_log.h"

#include <gtest/gtest.h>

namespace galago::runtime {
namespace {

TEST(PositionLog, CountsTokensWhereNothingElseIsSaid) {
  const PositionLog log;
  EXPECT_EQ(log.next(0), 0);
  EXPECT_EQ(log.next(70), 70);
}

// Two tokens of text, a picture of 2 x 3 rows, text: positions as Qwen2-VL counts them.
TEST(PositionLog, GoesOnAfterTheLargestPositionOfAnyAxis) {
  PositionLog log;
  const std::vector<std::int32_t> positions = {0, 1, 2, 2, 2, 2, 2, 2,   // time
                                               0, 1, 2, 2, 2, 3, 3, 3,   // rows
                                               0, 1, 2, 3, 4, 2, 3, 4};  // columns
  log.append(0, 8, positions);
  const std::vector<std::int64_t> expected = {0, 1, 2, 3, 4, 5, 5, 5, 5, 6, 7};
  for (std::size_t n = 0; n < expected.size(); ++n) EXPECT_EQ(log.next(static_cast<std::int64_t>(n)), expected[n]) << n;

  // In chunks it is the same.
  PositionLog chunks;
  chunks.append(0, 3, std::vector<std::int32_t>{0, 1, 2, 0, 1, 2, 0, 1, 2});
  chunks.append(3, 5, std::vector<std::int32_t>{2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 2, 3, 4});
  for (std::size_t n = 0; n < expected.size(); ++n) EXPECT_EQ(chunks.next(static_cast<std::int64_t>(n)), expected[n]);
}

TEST(PositionLog, ForgetsWhatWasTruncated) {
  PositionLog log;
  log.append(2, 3, std::vector<std::int32_t>{2, 2, 2});  // tokens 2 to 4 stand at one place
  EXPECT_EQ(log.next(5), 3);
  EXPECT_EQ(log.next(9), 7);
  log.truncate(3);
  EXPECT_EQ(log.next(3), 3);
  EXPECT_EQ(log.next(5), 5) << "tokens read anew count one each";
  log.append(3, 1, std::vector<std::int32_t>{10});
  EXPECT_EQ(log.next(4), 11);
  log.append(3, 1, std::vector<std::int32_t>{3});  // replaces it
  EXPECT_EQ(log.next(4), 4);
}

}  // namespace
}  // namespace galago::runtime
