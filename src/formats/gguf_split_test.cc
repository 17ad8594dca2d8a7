#include <gmock/gmock.h>

#include "formats/checkpoint.h"
#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "formats/testing/byte_builder.h"

namespace galago::formats {
namespace {

using ::testing::HasSubstr;

const std::vector<float> kPartData = {1, 2, 3, 4};

struct Part {
  std::uint16_t index;
  std::uint16_t count;
  std::int32_t n_tensors;
  std::string tensor;
};

void write_part(const std::filesystem::path& path, const Part& part) {
  GgufWriter writer;
  if (part.index == 0) writer.set("general.architecture", "llama");
  writer.set("split.no", part.index);
  writer.set("split.count", part.count);
  writer.set("split.tensors.count", part.n_tensors);
  if (!part.tensor.empty())
    writer.add({part.tensor, DType::kF32, {2, 2}, std::as_bytes(std::span(kPartData)), nullptr});
  const Status written = writer.write(path);
  ASSERT_TRUE(written.ok()) << written.error().message;
}

std::string file_name(std::string_view suffix) { return std::string("m").append(suffix); }

class GgufSplitTest : public ::testing::Test {
 protected:
  void write(std::string_view suffix, const Part& part) { write_part(folder_.path() / file_name(suffix), part); }
  std::string error_of(std::string_view suffix) {
    const auto opened = Checkpoint::open(folder_.path() / file_name(suffix));
    return opened.ok() ? "opened" : opened.error().message;
  }
  TemporaryFolder folder_{"split"};
};

TEST_F(GgufSplitTest, TheFirstOpensAll) {
  write("-00001-of-00003.gguf", {0, 3, 2, ""});
  write("-00002-of-00003.gguf", {1, 3, 2, "a"});
  write("-00003-of-00003.gguf", {2, 3, 2, "b"});
  const auto opened = Checkpoint::open(folder_.path() / "m-00001-of-00003.gguf");
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ((*opened)->architecture(), "llama");
  EXPECT_EQ((*opened)->files().size(), 3u);
  ASSERT_NE((*opened)->find("b"), nullptr);
  EXPECT_EQ((*opened)->find("b")->file, (*opened)->files()[2]);
  EXPECT_THAT(error_of("-00002-of-00003.gguf"), HasSubstr("is file 2 of a model split in 3; open the first"));
}

TEST_F(GgufSplitTest, NamesAreDerivedFromTheFirst) {
  EXPECT_EQ(gguf_split_path("/x/m-00001-of-00012.gguf", 10, 12)->string(), "/x/m-00011-of-00012.gguf");
  EXPECT_FALSE(gguf_split_path("/x/m.gguf", 1, 2).ok());
  EXPECT_FALSE(gguf_split_path("/x/m-00001-of-00003.gguf", 1, 2).ok());
}

TEST_F(GgufSplitTest, PartsThatDisagreeAreRefused) {
  write("-00001-of-00002.gguf", {0, 2, 2, "a"});
  EXPECT_THAT(error_of("-00001-of-00002.gguf"), HasSubstr("m-00002-of-00002.gguf: cannot open it"));
  write("-00002-of-00002.gguf", {1, 3, 2, "b"});
  EXPECT_THAT(error_of("-00001-of-00002.gguf"), HasSubstr("says it is file 2 of 3, but its name says 2 of 2"));
  write("-00002-of-00002.gguf", {1, 2, 2, "a"});
  EXPECT_THAT(error_of("-00001-of-00002.gguf"), HasSubstr("tensor \"a\" occurs twice"));
  write("-00002-of-00002.gguf", {1, 2, 2, ""});
  EXPECT_THAT(error_of("-00001-of-00002.gguf"), HasSubstr("hold 1 tensors, but split.tensors.count is 2"));
  write("-00001-of-00002.gguf", {5, 2, 2, "a"});
  EXPECT_THAT(error_of("-00001-of-00002.gguf"), HasSubstr("split.no"));
  write(".gguf", {0, 2, 1, "a"});
  EXPECT_THAT(error_of(".gguf"), HasSubstr("its name must end in -00001-of-00002.gguf"));
}

}  // namespace
}  // namespace galago::formats
