// Generations on a tiny random model that sees: alone and in company, sliding, and running out of pages.
#include "runtime/generation.h"

#include <gtest/gtest.h>

#include "runtime/generation_driver.h"
#include "runtime/prompt_builder.h"

namespace galago::runtime {
namespace {

std::shared_ptr<const Engine> seeing_engine() {
  static const std::shared_ptr<const Engine> kEngine =
      Engine::open(GALAGO_SOURCE_DIR "/tests/data/goldens/multimodal/mobilevlm_v2",
                   {.n_threads = 2, .prefill_chunk = 64})
          .value();
  return kEngine;
}

Image stripes(int width, int height, int period) {
  Image image{width, height, {}};
  for (int i = 0; i < width * height; ++i) {
    const auto value = static_cast<std::uint8_t>(i % width % period * 255 / period);
    image.rgb.insert(image.rgb.end(), {value, static_cast<std::uint8_t>(255 - value), 90});
  }
  return image;
}

GenerateOptions likeliest_tokens(int n) {
  GenerateOptions options{.max_tokens = n, .ignore_end = true};
  options.sampling.temperature = 0.0f;
  return options;
}

// A store with some prefixes, whose generations share steps.
class Requests {
 public:
  Requests(int n, std::int64_t context, std::int64_t store_context = 0)
      : engine_(seeing_engine()),
        store_(engine_->make_state(store_context > 0 ? store_context : context, std::nullopt, store_context > 0 ? 1 : n)
                   .value()),
        stepper_(
            Stepper::create(engine_->model(), engine_->make_executor().value(), store_, engine_->limits(), n).value()),
        driver_(stepper_) {
    for (int i = 0; i < n; ++i) prefixes_.emplace_back(Sequence(store_), context);
  }

  PromptRows rows_of(const models::PreparedPrompt& prompt) {
    return PromptRows::create(prompt, media_.encode(prompt.encoders, stepper_.executor()).value(),
                              engine_->model().info())
        .value();
  }
  Result<Generation> begin(int prefix, const models::PreparedPrompt& prompt, const GenerateOptions& options) {
    return Generation::create(*engine_, prefixes_[static_cast<std::size_t>(prefix)], rows_of(prompt), options);
  }
  Prefix& prefix(int i) { return prefixes_[static_cast<std::size_t>(i)]; }

  struct Answer {
    std::string text;
    std::vector<std::int32_t> tokens;
    FinishReason reason = FinishReason::kNone;
    bool operator==(const Answer&) const = default;
  };
  // Steps until all are done; a generation takes part from the step of its number times `stagger` on.
  std::vector<Answer> run(std::vector<Generation>& generations, std::size_t stagger = 0) {
    std::vector<Answer> answers(generations.size());
    for (std::size_t step = 0;; ++step) {
      std::vector<Generation*> present;
      bool all_done = true;
      for (std::size_t i = 0; i < generations.size(); ++i) {
        all_done = all_done && generations[i].done();
        if (i * stagger <= step) present.push_back(&generations[i]);
      }
      if (all_done) break;
      driver_.step(present);
      for (std::size_t i = 0; i < generations.size(); ++i) {
        while (const std::optional<Piece> piece = generations[i].take_piece()) {
          answers[i].text += piece->text;
          if (piece->token >= 0) answers[i].tokens.push_back(piece->token);
        }
      }
    }
    for (std::size_t i = 0; i < generations.size(); ++i) answers[i].reason = generations[i].finish_reason();
    return answers;
  }
  Answer run_one(int prefix, const models::PreparedPrompt& prompt, const GenerateOptions& options) {
    std::vector<Generation> one;
    one.push_back(begin(prefix, prompt, options).value());
    return run(one)[0];
  }

 private:
  std::shared_ptr<const Engine> engine_;
  StateStore store_;
  Stepper stepper_;
  GenerationDriver driver_;
  MediaCache media_;
  std::vector<Prefix> prefixes_;
};

struct MixedRequest {
  models::PreparedPrompt prompt;
  GenerateOptions options;
};

std::vector<MixedRequest> mixed_requests() {
  PromptBuilder prompts(seeing_engine());
  std::vector<MixedRequest> requests;
  const auto add = [&](Result<models::PreparedPrompt> prompt, GenerateOptions options) {
    requests.push_back({std::move(prompt).value(), std::move(options)});
  };
  add(prompts.of_text("Once upon a time", {}), likeliest_tokens(40));
  GenerateOptions warm{.max_tokens = 30, .ignore_end = true};
  warm.sampling = {.temperature = 1.3f, .top_k = 20, .top_p = 0.9f, .seed = 7};
  const std::vector<Message> looking = {user({stripes(40, 30, 7), "What is this?"})};
  add(prompts.of_messages(looking), warm);
  GenerateOptions penalized = likeliest_tokens(25);
  penalized.sampling.repetition_penalty = 1.3f;
  penalized.sampling.presence_penalty = 0.5f;
  std::string many;
  for (int i = 0; i < 60; ++i) many += "word " + std::to_string(i) + " ";
  add(prompts.of_text(many, {}), penalized);
  const std::vector<Message> comparing = {user({stripes(20, 50, 3), "and", stripes(64, 64, 9), "differ how?"})};
  add(prompts.of_messages(comparing), likeliest_tokens(12));
  add(prompts.of_text("a", {}), likeliest_tokens(2));
  GenerateOptions stopping = likeliest_tokens(60);
  const models::PreparedPrompt prompt = prompts.of_text("Stop at some letter", {}).value();
  const std::string unstopped = Requests(1, 512).run_one(0, prompt, stopping).text;
  std::size_t at = unstopped.size() / 4;  // of a text that was not said before
  while (unstopped.find(unstopped.substr(at, 6)) < unstopped.size() / 4) ++at;
  stopping.stop = {"never said", unstopped.substr(at, 6)};
  add(prompt, stopping);
  return requests;
}

TEST(Generation, SaysTheSameAloneAndTogether) {
  const std::vector<MixedRequest> requests = mixed_requests();
  const int n = static_cast<int>(requests.size());
  std::vector<Requests::Answer> alone;
  for (const MixedRequest& request : requests) {
    alone.push_back(Requests(1, 512).run_one(0, request.prompt, request.options));
    EXPECT_FALSE(alone.back().tokens.empty()) << "request " << alone.size() - 1;
  }
  EXPECT_EQ(alone.back().reason, FinishReason::kStop);
  EXPECT_EQ(alone[1].tokens.size(), 30u);
  for (const std::size_t stagger : {0u, 1u, 3u}) {
    Requests together(n, 512);
    std::vector<Generation> generations;
    for (int i = 0; i < n; ++i) {
      const MixedRequest& request = requests[static_cast<std::size_t>(i)];
      generations.push_back(together.begin(i, request.prompt, request.options).value());
    }
    const std::vector<Requests::Answer> answers = together.run(generations, stagger);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      EXPECT_EQ(answers[i].tokens, alone[i].tokens) << "request " << i << ", stagger " << stagger;
      EXPECT_EQ(answers[i].text, alone[i].text) << "request " << i << ", stagger " << stagger;
      EXPECT_EQ(answers[i].reason, alone[i].reason) << "request " << i << ", stagger " << stagger;
    }
  }
}

TEST(Generation, MoreDecodeTogetherThanOneStepTakes) {
  PromptBuilder prompts(seeing_engine());
  const int n = seeing_engine()->limits().decode_tokens + 3;
  Requests together(n, 128);
  std::vector<Generation> generations;
  std::vector<Requests::Answer> alone;
  for (int i = 0; i < n; ++i) {
    const models::PreparedPrompt prompt = prompts.of_text("Number " + std::to_string(i * 7), {}).value();
    alone.push_back(Requests(1, 128).run_one(0, prompt, likeliest_tokens(6)));
    generations.push_back(together.begin(i, prompt, likeliest_tokens(6)).value());
  }
  EXPECT_EQ(together.run(generations), alone);
}

// Cuts rows out of a prompt by hand.
models::PreparedPrompt cut(models::PreparedPrompt prompt, std::size_t first, std::size_t last) {
  const auto erase = [=](auto& rows) {
    rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(first), rows.end() - static_cast<std::ptrdiff_t>(last));
  };
  erase(prompt.ids);
  erase(prompt.splice_index);
  return prompt;
}

models::PreparedPrompt long_prompt_with_picture() {
  PromptBuilder prompts(seeing_engine());
  std::vector<Message> messages = {user({"Something before it.", stripes(30, 40, 5), "What is this, then?"})};
  return prompts.of_messages(messages).value();
}

TEST(Generation, SlidesALongPromptWithItsPicture) {
  const models::PreparedPrompt prompt = long_prompt_with_picture();
  ASSERT_GT(prompt.ids.size(), 200u);
  GenerateOptions options = likeliest_tokens(8);
  options.overflow = ContextOverflow::kSlide;
  options.keep_tokens = 10;
  const Requests::Answer slid = Requests(1, 200).run_one(0, prompt, options);
  // Half of what is not kept goes: 10 first and 95 last rows stay, among them rows of the picture.
  const models::PreparedPrompt by_hand = cut(prompt, 10, 95);
  ASSERT_GT(by_hand.splice_index[10], 0);
  EXPECT_EQ(slid.tokens, Requests(1, 200).run_one(0, by_hand, likeliest_tokens(8)).tokens);
  // The same tokens with other rows of the picture read otherwise.
  models::PreparedPrompt shifted = by_hand;
  std::int32_t row = 0;
  for (std::int32_t& index : shifted.splice_index) index = index < 0 ? -1 : row++;
  EXPECT_NE(slid.tokens, Requests(1, 200).run_one(0, shifted, likeliest_tokens(8)).tokens);
}

TEST(Generation, SlidesWhileItDecodes) {
  models::PreparedPrompt prompt = long_prompt_with_picture();
  const std::size_t context = prompt.ids.size() + 10;
  GenerateOptions options = likeliest_tokens(20);
  options.overflow = ContextOverflow::kSlide;
  options.keep_tokens = 6;
  const Requests::Answer slid = Requests(1, static_cast<std::int64_t>(context)).run_one(0, prompt, options);
  ASSERT_EQ(slid.tokens.size(), 20u);
  // At as many rows as the context has the last token is read anew with what is kept.
  for (std::size_t i = 0; i < 10; ++i) {
    prompt.ids.push_back(slid.tokens[i]);
    prompt.splice_index.push_back(-1);
  }
  const models::PreparedPrompt kept = cut(prompt, 6, (context - 6) / 2);
  ASSERT_GT(kept.splice_index[6], 0);
  const Requests::Answer fresh = Requests(1, static_cast<std::int64_t>(context)).run_one(0, kept, likeliest_tokens(10));
  EXPECT_EQ(fresh.tokens, std::vector<std::int32_t>(slid.tokens.begin() + 10, slid.tokens.end()));
}

TEST(Generation, SlidesInAContextOfOneToken) {
  GenerateOptions options = likeliest_tokens(5);
  options.overflow = ContextOverflow::kSlide;
  const models::PreparedPrompt prompt = PromptBuilder(seeing_engine()).of_text("some words", {}).value();
  const Requests::Answer answer = Requests(1, 1).run_one(0, prompt, options);
  EXPECT_EQ(answer.tokens.size(), 5u);
  EXPECT_EQ(answer.reason, FinishReason::kMaxTokens);
}

TEST(Generation, RunsOutOfPagesAlone) {
  PromptBuilder prompts(seeing_engine());
  const models::PreparedPrompt prompt = prompts.of_text("short", {}).value();
  Requests requests(2, 512, 128);  // two pages for both
  std::vector<Generation> generations;
  generations.push_back(requests.begin(0, prompt, likeliest_tokens(100)).value());
  generations.push_back(requests.begin(1, prompt, likeliest_tokens(20)).value());
  const std::vector<Requests::Answer> answers = requests.run(generations);
  EXPECT_EQ(answers[0].reason, FinishReason::kError);
  EXPECT_EQ(generations[0].status().error().code, ErrorCode::kOutOfRange);
  EXPECT_EQ(answers[1].reason, FinishReason::kMaxTokens);
  EXPECT_EQ(answers[1].tokens.size(), 20u);
}

TEST(Generation, RefusesRowsThatTheModelLacks) {
  models::PreparedPrompt prompt = long_prompt_with_picture();
  prompt.ids[3] = 100000;
  const auto info = seeing_engine()->model().info();
  EXPECT_EQ(PromptRows::create(prompt, {}, info).error().code, ErrorCode::kInvalidArgument);
  prompt = long_prompt_with_picture();  // and its media rows are not there
  EXPECT_EQ(PromptRows::create(prompt, {}, info).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Requests(1, 64).begin(0, long_prompt_with_picture(), {}).error().code, ErrorCode::kOutOfRange);
}

}  // namespace
}  // namespace galago::runtime
