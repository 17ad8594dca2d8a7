#include "base/logging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace galago {
namespace {

class LoggingTest : public ::testing::Test {
 protected:
  void TearDown() override { set_log_sink({}); }
  std::vector<std::string> lines_;
  void collect(LogLevel least) {
    set_log_sink(
        [this](LogLevel level, std::string_view text) {
          lines_.push_back(std::string(to_string(level)) + ": " + std::string(text));
        },
        least);
  }
};

TEST_F(LoggingTest, SendsWhatIsImportantEnough) {
  collect(LogLevel::kInfo);
  log(LogLevel::kDebug, "unseen {}", 1);
  log(LogLevel::kInfo, "read {} tensors", 3);
  log(LogLevel::kError, "gone");
  EXPECT_THAT(lines_, ::testing::ElementsAre("info: read 3 tensors", "error: gone"));
}

TEST_F(LoggingTest, IsSilentWithoutASink) {
  EXPECT_FALSE(log_enabled(LogLevel::kError));
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  log(LogLevel::kError, "nobody hears this");
  EXPECT_EQ(::testing::internal::GetCapturedStderr() + ::testing::internal::GetCapturedStdout(), "");
  collect(LogLevel::kDebug);
  EXPECT_TRUE(log_enabled(LogLevel::kDebug));
  set_log_sink({});
  log(LogLevel::kError, "nor this");
  EXPECT_TRUE(lines_.empty());
}

TEST_F(LoggingTest, TakesLinesFromManyThreads) {
  collect(LogLevel::kInfo);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 50; ++i) log(LogLevel::kWarning, "thread {} line {}", t, i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(lines_.size(), 200u);
}

}  // namespace
}  // namespace galago
