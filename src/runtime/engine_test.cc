// What a folder's generation_config.json says: each key changes what sessions do without being asked.
#include "runtime/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace galago::runtime {
namespace {

class GenerationConfig : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::copy(GALAGO_SOURCE_DIR "/tests/data/goldens/multimodal/mobilevlm_v2", folder_,
                          std::filesystem::copy_options::recursive);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Result<Model> open_with(const std::string& generation_config) const {
    std::ofstream(folder_ / "generation_config.json") << generation_config;
    return Model::open(folder_.string(), {.n_threads = 1, .pack_cache = {.enabled = false}});
  }
  SamplingSettings settings(const std::string& generation_config) const {
    return open_with(generation_config).value().engine()->sampling_defaults();
  }
  struct Answer {
    std::vector<std::int32_t> tokens;
    FinishReason reason = FinishReason::kNone;
    bool operator==(const Answer&) const = default;
  };
  Answer answer(const std::string& generation_config, GenerateOptions options) const {
    Session session(open_with(generation_config).value());
    Reply reply = session.complete("Once upon a time", {}, options);
    Answer answer;
    for (const Piece& piece : reply) {
      if (piece.token >= 0) answer.tokens.push_back(piece.token);
    }
    answer.reason = reply.finish_reason();
    return answer;
  }

  // Tests run as processes of their own, at the same time.
  const std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) /
      (std::string("galago_generation_config_") + testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(GenerationConfig, GivesTheDefaultsOfSampling) {
  const SamplingSettings plain = settings("{}");
  EXPECT_EQ(plain.temperature, 0.8f);
  EXPECT_EQ(plain.top_k, 40);
  EXPECT_EQ(plain.top_p, 0.95f);
  EXPECT_EQ(plain.min_p, 0.05f);
  EXPECT_EQ(plain.repetition_penalty, 1.0f);
  const SamplingSettings given = settings(
      R"({"temperature": 0.25, "top_k": 7, "top_p": 0.5, "min_p": 0.125, "repetition_penalty": 1.5, "do_sample": true})");
  EXPECT_EQ(given.temperature, 0.25f);
  EXPECT_EQ(given.top_k, 7);
  EXPECT_EQ(given.top_p, 0.5f);
  EXPECT_EQ(given.min_p, 0.125f);
  EXPECT_EQ(given.repetition_penalty, 1.5f);
}

TEST_F(GenerationConfig, TakesTheLikeliestTokenWhenItDoesNotSample) {
  GenerateOptions likeliest{.max_tokens = 12, .ignore_end = true};
  likeliest.sampling.temperature = 0.0f;
  const Answer greedy = answer("{}", likeliest);
  GenerateOptions seeded{.max_tokens = 12, .ignore_end = true};
  seeded.sampling.seed = 3;
  EXPECT_EQ(answer(R"({"do_sample": false, "temperature": 1.5})", seeded), greedy);
  EXPECT_NE(answer(R"({"do_sample": true, "temperature": 1.5})", seeded), greedy);
}

TEST_F(GenerationConfig, EndsAtItsTokens) {
  GenerateOptions options{.max_tokens = 8};
  options.sampling.temperature = 0.0f;
  const Answer whole = answer("{}", options);
  ASSERT_EQ(whole.reason, FinishReason::kMaxTokens);
  const std::int32_t third = whole.tokens[2];
  const auto first = std::find(whole.tokens.begin(), whole.tokens.end(), third);
  const Answer expected{{whole.tokens.begin(), first}, FinishReason::kEnd};
  EXPECT_EQ(answer(R"({"eos_token_id": )" + std::to_string(third) + "}", options), expected);
  EXPECT_EQ(answer(R"({"eos_token_id": [2, )" + std::to_string(third) + "]}", options), expected);
  options.ignore_end = true;
  EXPECT_EQ(answer(R"({"eos_token_id": )" + std::to_string(third) + "}", options), whole);
}

TEST_F(GenerationConfig, NamesWhatItCannotRead) {
  const std::pair<const char*, const char*> broken[] = {{R"({"eos_token_id": "x"})", "eos_token_id"},
                                                        {R"({"temperature": "hot"})", "temperature"},
                                                        {R"({"do_sample": 1})", "do_sample"}};
  for (const auto& [config, key] : broken) {
    const Result<Model> model = open_with(config);
    ASSERT_FALSE(model.ok()) << config;
    EXPECT_NE(model.error().message.find(key), std::string::npos) << model.error().message;
  }
}

}  // namespace
}  // namespace galago::runtime
