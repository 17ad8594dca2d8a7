#include "media/image_encode.h"

#include "media/image_decode.h"
#include "media/media_test_data.h"

namespace galago::media {
namespace {

TEST(ImageEncodeTest, WritesWhatItReads) {
  for (const auto& [width, height] : {std::pair{1, 1}, std::pair{37, 29}, std::pair{300, 2}}) {
    const Image image = noise(width, height, 3);
    const auto png = encode_png(image);
    ASSERT_TRUE(png.ok()) << png.error().message;
    const auto back = decode_image(*png, "memory");
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(back->width, width);
    EXPECT_EQ(back->rgb, image.rgb);
  }
}

TEST(ImageEncodeTest, SavesWholeFilesOnly) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / "galago_image_encode_test";
  std::filesystem::create_directories(folder);
  EXPECT_TRUE(save_png(folder / "a.png", noise(9, 7, 1)).ok());
  EXPECT_EQ(load_image(folder / "a.png")->rgb, noise(9, 7, 1).rgb);
  EXPECT_FALSE(save_png(folder / "b.png", {2, 2, {1, 2, 3}}).ok());
  EXPECT_FALSE(save_png(folder / "absent" / "b.png", noise(9, 7, 1)).ok());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace galago::media
