#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace galago {
namespace {

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  const std::filesystem::path folder_ = std::filesystem::path(::testing::TempDir()) / "galago_file_test";
};

TEST_F(FileTest, WritesAtomicallyAndReadsBack) {
  const auto path = folder_ / "text";
  ASSERT_TRUE(write_atomically(path, "first").ok());
  ASSERT_TRUE(write_atomically(path, "second").ok());
  EXPECT_EQ(*read_text(path), "second");
  EXPECT_EQ((*Mapping::open(path))->bytes().size(), 6u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1) << "a temporary was left behind";
}

TEST_F(FileTest, ReadsTheSameThroughHugePages) {
  const auto path = folder_ / "long";
  const std::string text((std::size_t{5} << 20) + 7, 'x');
  ASSERT_TRUE(write_atomically(path, text).ok());
  const auto mapping = *Mapping::open(path);
  Mapping::prefer_huge_pages(mapping->bytes());
  const Bytes bytes = mapping->bytes();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), text);
  Mapping::prefer_huge_pages({});
}

TEST_F(FileTest, RefusesAFifoInsteadOfWaitingForItsWriter) {
  const auto path = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(Mapping::open(path).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(read_text(path).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(FileTest, SaysWhatIsWrong) {
  EXPECT_EQ(Mapping::open(folder_ / "absent").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Mapping::open(folder_).error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(write_atomically(folder_ / "long", std::string(100, 'x')).ok());
  EXPECT_EQ(read_text(folder_ / "long", 99).error().code, ErrorCode::kOutOfRange);
  EXPECT_FALSE(write_atomically("/proc/none/such", "x").ok());
  ASSERT_TRUE(write_atomically(folder_ / "empty", "").ok());
  EXPECT_TRUE((*Mapping::open(folder_ / "empty"))->bytes().empty());
}

}  // namespace
}  // namespace galago
