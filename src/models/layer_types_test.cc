#include "models/layer_types.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace galago::models {
namespace {

Json parse(const std::string& text) { return parse_json(text, "test").value(); }

std::string windows(const std::string& text, int n_layers = 4) {
  const Json json = parse(text);
  const auto found = qwen_windows(ConfigReader(json, "m"), n_layers);
  return found.ok() ? fmt::format("{}", fmt::join(*found, " ")) : found.error().message;
}

TEST(QwenWindows, BeginAtMaxWindowLayers) {
  EXPECT_EQ(windows(R"({"use_sliding_window": true, "sliding_window": 6, "max_window_layers": 2})"), "0 0 6 6");
  EXPECT_EQ(windows(R"({"use_sliding_window": true, "sliding_window": 6, "max_window_layers": 3})"), "0 0 0 6");
  EXPECT_EQ(windows(R"({"use_sliding_window": true, "sliding_window": 6, "max_window_layers": 0})"), "6 6 6 6");
  EXPECT_EQ(windows(R"({"use_sliding_window": true, "sliding_window": 6})", 30).substr(54), "0 6 6") << "28 by default";
}

TEST(QwenWindows, AreNoneUnlessUsed) {
  EXPECT_EQ(windows(R"({"sliding_window": 6, "max_window_layers": 2})"), "0 0 0 0");
  EXPECT_EQ(windows(R"({"use_sliding_window": false, "sliding_window": 6, "max_window_layers": 2})"), "0 0 0 0");
  EXPECT_EQ(windows(R"({"use_sliding_window": true, "sliding_window": null, "max_window_layers": 2})"), "0 0 0 0");
}

TEST(QwenWindows, FollowLayerTypesFirst) {
  const std::string types = R"("layer_types": ["sliding_attention", "full_attention", "sliding_attention"])";
  EXPECT_EQ(windows(R"({"use_sliding_window": true, "sliding_window": 6, "max_window_layers": 3, )" + types + "}", 3),
            "6 0 6");
  EXPECT_EQ(windows(R"({"use_sliding_window": true, "sliding_window": 6, )" + types + "}", 4),
            "m: \"layer_types\" has 3 elements; the model has 4 layers");
  EXPECT_EQ(windows(R"({"use_sliding_window": false, "sliding_window": 6, )" + types + "}", 3),
            "m: \"layer_types\" has sliding layers, which have no window without \"use_sliding_window\" and "
            "\"sliding_window\"");
  EXPECT_EQ(windows(R"({"layer_types": ["full_attention", "full_attention"]})", 2), "0 0");
  EXPECT_EQ(windows(R"({"layer_types": ["linear_attention"]})", 1),
            "m: \"layer_types\" has \"linear_attention\"; full_attention and sliding_attention are known here");
}

TEST(QwenWindows, RefuseNonsense) {
  EXPECT_EQ(windows(R"({"use_sliding_window": true, "sliding_window": -6})"),
            "m: \"sliding_window\" is -6; 0 to 268435456 are expected");
  EXPECT_EQ(windows(R"({"max_window_layers": -1})"), "m: \"max_window_layers\" is -1; 0 to 268435456 are expected");
}

TEST(LayerWindows, FollowTheRuleWithoutLayerTypes) {
  const Json json = parse(R"({"sliding_window": 9})");
  const ConfigReader reader(json, "m");
  const auto slides = sliding_layers(reader, 3, [](int layer) { return layer % 2 == 0; });
  ASSERT_TRUE(slides.ok());
  EXPECT_EQ(layer_windows(reader, *slides).value(), (std::vector<int>{9, 0, 9}));
  const Json none = Json::object();
  EXPECT_EQ(layer_windows(ConfigReader(none, "m"), *slides).error().message,
            "m: the configuration lacks \"sliding_window\"");
}

}  // namespace
}  // namespace galago::models
