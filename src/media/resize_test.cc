#include "media/resize.h"

#include "media/media_test_data.h"
#include "media/transform.h"

namespace galago::media {
namespace {

int side(const Json& pair, std::size_t i) { return pair[i].get<int>(); }

TEST(ResizeTest, RepeatsTheGeneratorsNoise) {
  EXPECT_EQ(fnv1a_of(noise(37, 29, 11).rgb), expected_media()["noise_fnv"].get<std::string>());
}

TEST(ResizeTest, GivesPillowsBytes) {
  const Json& cases = expected_media()["resize"];
  ASSERT_GE(cases.size(), 100u);
  for (const Json& row : cases) {
    const int width = side(row["from"], 0);
    const int height = side(row["from"], 1);
    const Image image = noise(width, height, static_cast<std::uint32_t>(width + height));
    const auto resized =
        resize(image, side(row["to"], 0), side(row["to"], 1), static_cast<Filter>(row["filter"].get<int>()));
    ASSERT_TRUE(resized.ok()) << resized.error().message;
    EXPECT_EQ(fnv1a_of(resized->rgb), row["fnv"].get<std::string>()) << row;
  }
}

// Any window of any canvas is what scaling everything and cropping gives.
TEST(ResizeTest, AWindowIsAPartOfTheWhole) {
  const Image picture = noise(71, 23, 1);
  const auto square = pad_to_square(picture, {122, 116, 104});
  ASSERT_TRUE(square.ok());
  const Canvas canvas = square_canvas(picture, {122, 116, 104}).value();
  for (int number = 0; number <= 5; ++number) {
    const auto filter = static_cast<Filter>(number);
    for (const Size size : {Size{40, 40}, Size{71, 30}, Size{100, 71}, Size{71, 71}, Size{9, 200}}) {
      const Image whole = resize(*square, size.width, size.height, filter).value();
      EXPECT_EQ(resize_window(canvas, size.width, size.height, filter, {0, 0, size.width, size.height})->rgb,
                whole.rgb);
      for (const Window window : {Window{1, 2, 7, 11}, Window{size.width - 3, 0, 3, size.height},
                                  Window{0, size.height / 2, size.width, 1}, Window{4, size.height - 5, 1, 5}}) {
        const auto part = resize_window(canvas, size.width, size.height, filter, window);
        ASSERT_TRUE(part.ok()) << part.error().message;
        EXPECT_EQ(part->rgb, crop(whole, window)->rgb) << number << ' ' << size.width << 'x' << size.height;
      }
    }
  }
}

TEST(ResizeTest, RefusesWhatHasNoMeaning) {
  const Image image = noise(8, 8, 1);
  EXPECT_EQ(resize(image, 0, 5, Filter::kBox).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(resize(image, 5, -1, Filter::kBox).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(resize(image, 1 << 25, 5, Filter::kBox).error().code, ErrorCode::kOutOfRange);
  EXPECT_EQ(resize(image, 100000, 100000, Filter::kBox).error().code, ErrorCode::kOutOfRange);
  EXPECT_EQ(resize({8, 8, {1, 2, 3}}, 5, 5, Filter::kBox).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(resize({0, 0, {}}, 5, 5, Filter::kBox).error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(resize_window(canvas_of(image), 5, 5, Filter::kBox, {3, 3, 3, 1}).ok());
  EXPECT_FALSE(resize_window(canvas_of(image), 5, 5, Filter::kBox, {INT32_MAX, 0, 1, 1}).ok());
  EXPECT_FALSE(resize_window({&image, 9, 9, 2, 0, {}}, 5, 5, Filter::kBox, {0, 0, 1, 1}).ok());
}

// The same pixels whether the background is in the picture or beyond it, on every side and in both orders of the
// passes.
TEST(ResizeTest, ABackgroundIsLikePixels) {
  const Image picture = noise(20, 30, 4);
  for (const Canvas& canvas :
       {Canvas{&picture, 97, 41, 3, 5, {1, 200, 90}}, Canvas{&picture, 20, 260, 0, 130, {255, 0, 7}},
        Canvas{&picture, 150, 30, 130, 0, {3, 3, 255}}, Canvas{&picture, 60, 400, 31, 0, {9, 99, 199}}}) {
    const Image flat =
        resize_window(canvas, canvas.width, canvas.height, Filter::kBox, {0, 0, canvas.width, canvas.height}).value();
    for (int number = 0; number <= 5; ++number) {
      for (const Size size : {Size{13, 11}, Size{90, 5}, Size{20, 300}, Size{150, 30}, Size{333, 7}}) {
        const auto filter = static_cast<Filter>(number);
        const auto scaled = resize_window(canvas, size.width, size.height, filter, {0, 0, size.width, size.height});
        ASSERT_TRUE(scaled.ok()) << scaled.error().message;
        EXPECT_EQ(scaled->rgb, resize(flat, size.width, size.height, filter)->rgb) << number << ' ' << size.width;
      }
    }
  }
}

// Only the window costs anything: the whole would be 1.6 TB.
TEST(ResizeTest, AffordsASmallWindowOfAHugeCanvas) {
  const Image strip = noise(2000, 2, 1);
  const auto part = resize_window(canvas_of(strip), 16'000'000, 16'000, Filter::kBicubic, {8'000'000, 8'000, 4, 4});
  ASSERT_TRUE(part.ok()) << part.error().message;
  EXPECT_EQ(part->width, 4);
}

}  // namespace
}  // namespace galago::media
