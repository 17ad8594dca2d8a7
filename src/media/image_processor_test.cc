#include "media/image_processor.h"

#include <gmock/gmock.h>

#include "media/media_test_data.h"

namespace galago::media {
namespace {

TEST(ImageProcessorTest, GivesTransformersValues) {
  const Json& cases = expected_media()["process"];
  ASSERT_GE(cases.size(), 50u);
  for (const Json& row : cases) {
    const auto config = parse_image_processor(write_json(row["config"]), "case");
    ASSERT_TRUE(config.ok()) << config.error().message;
    const Image image = noise(row["width"].get<int>(), row["height"].get<int>(), 5);
    const auto result = process(image, *config, row["pad_to_square"].get<bool>());
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result->channels, 3);
    EXPECT_EQ(result->height, row["shape"][1].get<int>());
    EXPECT_EQ(result->width, row["shape"][2].get<int>());
    EXPECT_EQ(fnv1a_of(result->values), row["fnv"].get<std::string>()) << row;
  }
}

TEST(ImageProcessorTest, ReadsBothStylesOfKeys) {
  const auto old =
      parse_image_processor(R"({"feature_extractor_type": "X", "size": 90, "crop_size": 80, "resample": 2})", "old");
  ASSERT_TRUE(old.ok());
  EXPECT_EQ(old->type, "X");
  EXPECT_EQ(old->size.shortest_edge, 90);
  EXPECT_EQ(old->crop_size, (Size{80, 80}));
  EXPECT_EQ(old->resample, Filter::kBilinear);
  EXPECT_TRUE(old->do_rescale);
  const auto fresh = parse_image_processor(
      R"({"image_processor": {"image_processor_type": "Y", "size": {"height": 30, "width": 40}, "crop_size": null,
          "do_center_crop": false, "resample": "lanczos", "image_mean": 0.5, "image_std": [0.1, 0.2, 0.3]}})",
      "new");
  ASSERT_TRUE(fresh.ok()) << fresh.error().message;
  EXPECT_EQ(fresh->type, "Y");
  EXPECT_EQ(fresh->size.width, 40);
  EXPECT_EQ(fresh->size.shortest_edge, 0);
  EXPECT_EQ(fresh->resample, Filter::kLanczos);
  EXPECT_EQ(fresh->image_mean[2], 0.5);
  EXPECT_EQ(fresh->image_std[2], 0.3);
  ImageProcessorConfig defaults;
  defaults.square_size = true;
  EXPECT_EQ(parse_image_processor(R"({"size": 96})", "square", defaults)->size.height, 96);
}

TEST(ImageProcessorTest, NamesTheBadField) {
  const auto message = [](std::string_view json) {
    const auto config = parse_image_processor(json, "p.json");
    return config.ok() ? std::string("(accepted)") : config.error().message;
  };
  using ::testing::AllOf;
  using ::testing::HasSubstr;
  EXPECT_THAT(message("[]"), HasSubstr("p.json: an object"));
  EXPECT_THAT(message("{"), HasSubstr("p.json"));
  EXPECT_THAT(message(R"({"size": 0})"), HasSubstr("\"size\" is 0"));
  EXPECT_THAT(message(R"({"size": -5})"), HasSubstr("\"size\" is -5"));
  EXPECT_THAT(message(R"({"size": 99999999999})"), HasSubstr("99999999999"));
  EXPECT_THAT(message(R"({"size": "big"})"), HasSubstr("\"size\" is string"));
  EXPECT_THAT(message(R"({"size": {"height": 3}})"), HasSubstr("has a height but no width"));
  EXPECT_THAT(message(R"({"size": {"shortest_edge": 0}})"), HasSubstr("size.shortest_edge"));
  EXPECT_THAT(message(R"({"size": [1, 2, 3]})"), HasSubstr("lists 3 numbers"));
  EXPECT_THAT(message(R"({"crop_size": {"height": 3}})"), HasSubstr("crop_size"));
  EXPECT_THAT(message(R"({"crop_size": 1.5})"), HasSubstr("crop_size"));
  EXPECT_THAT(message(R"({"resample": 9})"), HasSubstr("\"resample\" is 9"));
  EXPECT_THAT(message(R"({"resample": "mitchell"})"), HasSubstr("mitchell"));
  EXPECT_THAT(message(R"({"image_mean": [1, 2]})"), AllOf(HasSubstr("image_mean"), HasSubstr("list of 3")));
  EXPECT_THAT(message(R"({"image_mean": [1, "2", 3]})"), HasSubstr("\"image_mean\"[1] is string"));
  EXPECT_THAT(message(R"({"image_mean": 1e300})"), HasSubstr("finite"));
  EXPECT_THAT(message(R"({"image_std": [1, 0, 1]})"), HasSubstr("above 0"));
  EXPECT_THAT(message(R"({"image_std": [1, 1e-60, 1]})"), HasSubstr("above 0"));
  EXPECT_THAT(message(R"({"image_std": {}})"), HasSubstr("image_std"));
  EXPECT_THAT(message(R"({"rescale_factor": 0})"), HasSubstr("rescale_factor"));
  EXPECT_THAT(message(R"({"do_resize": "yes"})"), HasSubstr("do_resize"));
}

TEST(ImageProcessorTest, RefusesWhatItCannotDo) {
  const auto longest = parse_image_processor(R"({"size": {"longest_edge": 64}})", "p.json");
  ASSERT_TRUE(longest.ok());
  EXPECT_EQ(process(noise(9, 9, 1), *longest).error().code, ErrorCode::kUnsupported);
  const auto both = parse_image_processor(R"({"size": {"shortest_edge": 16, "longest_edge": 64}})", "p.json");
  ASSERT_TRUE(both.ok());
  EXPECT_THAT(process(noise(9, 9, 1), *both).error().message,
              ::testing::HasSubstr("shortest edge 16, longest edge 64; either width and height or the shortest edge"));
  EXPECT_EQ(process({3, 3, {}}, {}).error().code, ErrorCode::kInvalidArgument);
  ImageProcessorConfig huge;
  huge.crop_size = {1 << 24, 1 << 24};
  EXPECT_EQ(process(noise(9, 9, 1), huge).error().code, ErrorCode::kOutOfRange);
}

// 100000 x 2 pixels scaled by the short side would be 11,200,000 x 224: only the middle is computed.
TEST(ImageProcessorTest, AffordsPanoramas) {
  const Image strip = noise(100'000, 2, 1);
  const auto middle = process(strip, {});
  ASSERT_TRUE(middle.ok()) << middle.error().message;
  EXPECT_EQ(middle->width, 224);
  // The square around each of these has 10^10 pixels and more.
  for (const Image& thin : {strip, noise(2, 100'000, 1), noise(1, 1'000'000, 1)}) {
    const auto padded = process(thin, {}, /*pad_to_square=*/true);
    ASSERT_TRUE(padded.ok()) << padded.error().message;
    EXPECT_EQ(padded->height, 224);
  }
}

}  // namespace
}  // namespace galago::media
