#include "media/transform.h"

#include "media/media_test_data.h"

namespace galago::media {
namespace {

TEST(TransformTest, TruncatesTheLongSide) {
  EXPECT_EQ(*shortest_edge_size({640, 427}, 336), (Size{503, 336}));
  EXPECT_EQ(*shortest_edge_size({427, 640}, 336), (Size{336, 503}));
  EXPECT_EQ(*shortest_edge_size({5, 5}, 7), (Size{7, 7}));
  EXPECT_EQ(shortest_edge_size({1, 100'000'000}, 224).error().code, ErrorCode::kOutOfRange);
  EXPECT_FALSE(shortest_edge_size({0, 3}, 224).ok());
}

// Offsets of transformers' center_crop for every parity: floor((size - crop) / 2), and ceil of the padding.
TEST(TransformTest, CropsAndPadsAboutTheCentre) {
  const Image image = noise(5, 4, 1);
  const Image smaller = center_crop(image, {2, 3}).value();
  EXPECT_EQ(smaller.rgb, crop(image, {1, 0, 2, 3})->rgb);
  const Image larger = center_crop(image, {8, 7}).value();
  EXPECT_EQ(crop(larger, {2, 2, 5, 4})->rgb, image.rgb) << "ceil(3 / 2) = 2 columns and rows before the picture";
  EXPECT_EQ(crop(larger, {0, 0, 8, 2})->rgb, std::vector<std::uint8_t>(48, 0));
  const Image mixed = center_crop(image, {3, 9}).value();
  EXPECT_EQ(crop(mixed, {0, 3, 3, 4})->rgb, crop(image, {1, 0, 3, 4})->rgb);
  EXPECT_FALSE(center_crop(image, {0, 3}).ok());
  EXPECT_FALSE(crop(image, {4, 0, 2, 1}).ok());
  EXPECT_FALSE(crop(image, {-1, 0, 2, 1}).ok());
}

TEST(TransformTest, PadsToASquare) {
  const Image wide = noise(6, 3, 2);
  const Image square = pad_to_square(wide, {9, 8, 7}).value();
  ASSERT_EQ(square.height, 6);
  EXPECT_EQ(crop(square, {0, 1, 6, 3})->rgb, wide.rgb) << "(6 - 3) / 2 rounds down";
  EXPECT_EQ(crop(square, {5, 5, 1, 1})->rgb, (std::vector<std::uint8_t>{9, 8, 7}));
  EXPECT_EQ(crop(*pad_to_square(noise(3, 6, 2), {}), {1, 0, 3, 6})->rgb, noise(3, 6, 2).rgb);
}

TEST(TransformTest, NormalizesInPlanes) {
  const Image image{2, 1, {0, 128, 255, 10, 20, 30}};
  const auto planes = to_planes(image, {.mean = {0.5, 0.25, 0.0}, .std = {0.5, 0.25, 2.0}});
  ASSERT_TRUE(planes.ok());
  ASSERT_EQ(planes->size(), 6u);
  EXPECT_FLOAT_EQ((*planes)[0], -1.0f);
  EXPECT_FLOAT_EQ((*planes)[1], (10.0f / 255 - 0.5f) / 0.5f);
  EXPECT_FLOAT_EQ((*planes)[2], (128.0f / 255 - 0.25f) / 0.25f);
  EXPECT_FLOAT_EQ((*planes)[4], 0.5f);
  EXPECT_EQ(*to_planes(image, {.rescale = false, .normalize = false}), (std::vector<float>{0, 10, 128, 20, 255, 30}));
  EXPECT_FALSE(to_planes({3, 1, {1}}, {}).ok());
}

}  // namespace
}  // namespace galago::media
