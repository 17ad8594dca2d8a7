// rope's keys of configurations against the frequencies that transformers makes of them
// (tests/goldens/generate_rope.py).
#include "models/rope_config.h"

#include <gtest/gtest.h>

#include <fstream>

namespace galago::models {
namespace {

std::vector<Json> goldens() {
  std::ifstream file(GALAGO_SOURCE_DIR "/tests/data/models/rope.jsonl");
  std::vector<Json> cases;
  for (std::string line; std::getline(file, line);) cases.push_back(parse_json(line, "rope.jsonl").value());
  return cases;
}

TEST(RopeConfig, AgreesWithTransformers) {
  const std::vector<Json> cases = goldens();
  ASSERT_GE(cases.size(), 39u);
  for (const Json& golden : cases) {
    SCOPED_TRACE(golden["name"].get<std::string>());
    const Json& config = golden["config"];
    const std::int64_t hidden = config["hidden_size"].get<std::int64_t>();
    const std::int64_t head_dim = config.contains("head_dim") ? config["head_dim"].get<std::int64_t>() : hidden / 4;
    const std::int64_t length = golden["length"].is_null() ? 0 : golden["length"].get<std::int64_t>();
    const std::string layer_type = golden["layer_type"].is_null() ? "" : golden["layer_type"].get<std::string>();
    const auto rope = rope_config(ConfigReader(config, "test"), head_dim, length, layer_type);
    ASSERT_TRUE(rope.ok()) << rope.error().message;
    const auto frequencies = nn::rope_frequencies(*rope);
    ASSERT_TRUE(frequencies.ok()) << frequencies.error().message;
    ASSERT_EQ(frequencies->inv_freq.size(), golden["inv_freq"].size());
    for (std::size_t i = 0; i < frequencies->inv_freq.size(); ++i) {
      const float expected = golden["inv_freq"][i].get<float>();
      // transformers computes in float32, and near 1 / theta its powers are off by some ulps.
      EXPECT_NEAR(frequencies->inv_freq[i], expected, 2e-6f * expected) << i;
    }
    EXPECT_FLOAT_EQ(frequencies->attention_factor, golden["attention_factor"].get<float>());
  }
}

// Cases that differ by one key differ in what transformers makes of them; otherwise the table above proves nothing.
TEST(RopeConfig, EveryGoldenDiffersFromEveryOther) {
  const std::vector<Json> cases = goldens();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const bool same =
          cases[i]["inv_freq"] == cases[j]["inv_freq"] && cases[i]["attention_factor"] == cases[j]["attention_factor"];
      // By their definitions these come to the same.
      const bool may = cases[j]["name"] == "default" || cases[i]["config"] == cases[j]["config"] ||
                       cases[i]["name"].get<std::string>().starts_with("dynamic, short") ||
                       cases[j]["name"].get<std::string>().starts_with("dynamic, short");
      EXPECT_TRUE(!same || may) << cases[i]["name"] << " and " << cases[j]["name"];
    }
  }
}

Result<nn::RopeConfig> read_rope(const std::string& text) {
  const Json json = parse_json(text, "test").value();
  return rope_config(ConfigReader(json, "m"), 8, 0);
}

TEST(RopeConfig, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(read_rope(R"({"rope_scaling": {"rope_type": "wishful"}})").error().message,
            "m (rope_scaling): the rope scaling \"wishful\" is not known here; linear, dynamic, yarn, llama3, longrope "
            "and proportional are");
  EXPECT_EQ(read_rope(R"({"rope_scaling": {"rope_type": "linear", "factor": 0}})").error().message,
            "m (rope_scaling): \"factor\" is 0; a positive number is expected");
  EXPECT_EQ(read_rope(R"({"rope_theta": -1})").error().message,
            "m: \"rope_theta\" is -1; a positive number is expected");
  EXPECT_EQ(read_rope(R"({"partial_rotary_factor": 1.5})").error().message,
            "m: \"partial_rotary_factor\" is 1.5; at most 1 is expected");
  EXPECT_EQ(read_rope(R"({"rotary_dim": 9})").error().message, "m: \"rotary_dim\" is 9; 1 to 8 are expected");
  EXPECT_EQ(read_rope(R"({"rotary_dim": 3})").error().message,
            "m: rope: 3 rotary dimensions; a positive even number is expected");
  EXPECT_EQ(read_rope(R"({"rope_scaling": {"type": "longrope", "short_factor": [1], "long_factor": [1, 2, "x", 4]}})")
                .error()
                .message,
            "m (rope_scaling): \"long_factor\" has the element \"x\"; finite numbers are expected");
  EXPECT_EQ(read_rope(R"({"rope_scaling": "linear"})").error().message,
            "m: \"rope_scaling\" is string; an object is expected");
}

TEST(RopeConfig, TakesLlamaCppsDimensionsAndDivisors) {
  const auto rope = read_rope(R"({"rotary_dim": 4, "rope_divisors": [1, 2]})");
  ASSERT_TRUE(rope.ok()) << rope.error().message;
  EXPECT_EQ(rope->rotary_dim, 4);
  EXPECT_EQ(rope->divisors, (std::vector<float>{1, 2}));
  EXPECT_FALSE(read_rope(R"({"rotary_dim": 4, "rope_divisors": [1, 2, 3]})").ok());
}

TEST(RopeConfig, ReadsTheOldNameOfLongRope) {
  const auto rope = read_rope(R"({"original_max_position_embeddings": 64, "rope_scaling": {"type": "su",
      "short_factor": [1, 1, 1, 1], "long_factor": [2, 2, 2, 2]}})");
  ASSERT_TRUE(rope.ok()) << rope.error().message;
  EXPECT_TRUE(std::holds_alternative<nn::LongScaling>(rope->scaling));
}

}  // namespace
}  // namespace galago::models
