// Sessions on a tiny random model that sees (tests/data/goldens/multimodal/mobilevlm_v2): its text is noise, its
// bookkeeping is not.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "galago/session.h"

namespace galago {
namespace {

const Model& model() {
  static const Model kModel = Model::open(GALAGO_SOURCE_DIR "/tests/data/goldens/multimodal/mobilevlm_v2",
                                          {.n_threads = 2, .prefill_chunk = 64})
                                  .value();
  return kModel;
}

Image gradient(int width, int height) {
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (const int value : {x * 255 / width, y * 255 / height, 128}) {
        image.rgb.push_back(static_cast<std::uint8_t>(value));
      }
    }
  }
  return image;
}

GenerateOptions greedy(int max_tokens) {
  GenerateOptions options{.max_tokens = max_tokens, .ignore_end = true};
  options.sampling.temperature = 0.0f;
  return options;
}

TEST(Session, AnswersTheSameWithAndWithoutACachedPrefix) {
  Session one(model());
  one.add(user("Count to three."));
  const std::string first = one.reply(greedy(12)).text().value();
  one.add(user("And now backwards."));
  Reply second_reply = one.reply(greedy(12));
  const std::string second = second_reply.text().value();
  EXPECT_GT(second_reply.stats().reused_tokens, 0);

  Session fresh(model());
  fresh.add(user("Count to three."));
  fresh.add(assistant(first));
  fresh.add(user("And now backwards."));
  Reply fresh_reply = fresh.reply(greedy(12));
  EXPECT_EQ(fresh_reply.text().value(), second);
  EXPECT_EQ(fresh_reply.stats().reused_tokens, 0);
  EXPECT_EQ(one.messages().size(), 4u);
}

TEST(Session, LooksAtPicturesAndTellsThemApart) {
  Session chat(model());
  chat.add(user({gradient(40, 30), "What is this?"}));
  Reply reply = chat.reply(greedy(8));
  const std::string seen = reply.text().value();
  EXPECT_GT(reply.stats().prompt_tokens, 144);
  Session other(model());
  other.add(user({gradient(30, 40), "What is this?"}));
  EXPECT_NE(other.reply(greedy(8)).text().value(), seen);
  Session missing(model());
  missing.add(user({image("/no/such/picture.png"), "What is this?"}));
  Reply failed = missing.reply(greedy(8));
  EXPECT_EQ(failed.text().error().code, ErrorCode::kNotFound);
  EXPECT_EQ(failed.finish_reason(), FinishReason::kError);
}

TEST(Session, EncodesAPictureOnce) {
  Session chat(model());
  chat.add(user({gradient(40, 30), "What is this?"}));
  Reply first = chat.reply(greedy(4));
  ASSERT_TRUE(first.text().ok());
  EXPECT_EQ(first.stats().encoder_runs, 1);
  for (int turn = 0; turn < 3; ++turn) {
    chat.add(user("And then?"));
    Reply more = chat.reply(greedy(4));
    ASSERT_TRUE(more.text().ok());
    EXPECT_EQ(more.stats().encoder_runs, 0);
    EXPECT_GT(more.stats().reused_tokens, 144);
  }
  chat.add(user({"Beside it:", gradient(40, 30), gradient(31, 30), gradient(31, 30), "Which?"}));
  Reply both = chat.reply(greedy(4));
  ASSERT_TRUE(both.text().ok());
  EXPECT_EQ(both.stats().encoder_runs, 1);
  // Of what no message shows any more nothing is kept.
  chat.reset();
  chat.add(user("No picture."));
  ASSERT_TRUE(chat.reply(greedy(2)).text().ok());
  chat.reset();
  chat.add(user({gradient(40, 30), "What is this?"}));
  Reply again = chat.reply(greedy(4));
  ASSERT_TRUE(again.text().ok());
  EXPECT_EQ(again.stats().encoder_runs, 1);
}

TEST(Session, ReadsAnotherPictureInTheSamePlaceAnew) {
  Session fresh(model());
  fresh.add(user({gradient(30, 40), "What is this?"}));
  const std::string expected = fresh.reply(greedy(8)).text().value();
  Session chat(model());
  chat.add(user({gradient(40, 30), "What is this?"}));
  ASSERT_NE(chat.reply(greedy(8)).text().value(), expected);
  chat.reset();
  chat.add(user({gradient(30, 40), "What is this?"}));
  Reply other = chat.reply(greedy(8));
  EXPECT_EQ(other.text().value(), expected);
  EXPECT_LT(other.stats().reused_tokens, other.stats().prompt_tokens - 144);
  EXPECT_EQ(other.stats().encoder_runs, 1);
}

TEST(Session, TakesAPlaceholderThatAUserTypedForText) {
  Session chat(model());
  chat.add(user("What does the <image> tag mean?"));
  ASSERT_TRUE(chat.reply(greedy(4)).text().ok());
  chat.add(user({gradient(40, 30), "And is <image> in it?"}));
  Reply seen = chat.reply(greedy(4));
  EXPECT_TRUE(seen.text().ok()) << seen.status().error().message;
  EXPECT_EQ(seen.stats().encoder_runs, 1);
  // A raw prompt is the caller's: there it is a place.
  EXPECT_TRUE(chat.complete("<image> shows", {gradient(40, 30)}, greedy(4)).text().ok());
  EXPECT_FALSE(chat.complete("<image> shows", {}, greedy(4)).text().ok());
}

// A copy of a model's folder with another template.
class TemplatedModel {
 public:
  TemplatedModel(const std::filesystem::path& original, const std::string& name, const char* chat_template)
      : folder_(std::filesystem::path(testing::TempDir()) / ("galago_templated_" + name)) {
    std::filesystem::remove_all(folder_);
    std::filesystem::copy(original, folder_, std::filesystem::copy_options::recursive);
    std::ofstream(folder_ / "chat_template.jinja") << chat_template;
  }
  ~TemplatedModel() { std::filesystem::remove_all(folder_); }
  Model open() const {
    return Model::open(folder_.string(), {.n_threads = 1, .pack_cache = {.enabled = false}}).value();
  }

 private:
  std::filesystem::path folder_;
};

// As the published processors of llava-hf write it.
constexpr const char* kTypedParts =
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
    "{% for item in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\\n' }}{% endfor %}"
    "{% for item in message['content'] | selectattr('type', 'equalto', 'text') %}{{ item['text'] + ' ' }}{% endfor %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}";

std::int64_t prompt_tokens(const Model& model, Message message) {
  Session chat(model);
  chat.add(std::move(message));
  Reply reply = chat.reply(greedy(1));
  EXPECT_TRUE(reply.text().ok()) << reply.status().error().message;
  return reply.stats().prompt_tokens;
}

TEST(Session, AsksTemplatesOfTypedParts) {
  const TemplatedModel copy(GALAGO_SOURCE_DIR "/tests/data/goldens/multimodal/mobilevlm_v2", "typed", kTypedParts);
  const Model typed = copy.open();
  EXPECT_GT(prompt_tokens(typed, user("a much longer question")), prompt_tokens(typed, user("short")) + 3);
  Session raw(typed);
  Reply rendered = raw.complete("USER: <image>\nWhat is this? ASSISTANT:", {gradient(40, 30)}, greedy(8));
  const std::string expected = rendered.text().value();
  Session chat(typed);
  chat.add(user({gradient(40, 30), "What is this?"}));
  EXPECT_EQ(chat.reply(greedy(8)).text().value(), expected);
}

// Here the placeholder is a token of the vocabulary.
TEST(Session, TakesTheTextOfAnImageTokenForText) {
  const std::filesystem::path llava = GALAGO_SOURCE_DIR "/../shared/goldens/multimodal/llava";
  if (!std::filesystem::exists(llava)) {
    const char* ci = std::getenv("CI");
    ASSERT_FALSE(ci != nullptr && std::string_view(ci) == "true") << "../shared is missing";
    GTEST_SKIP() << "../shared, which holds more models, is not beside this checkout";
  }
  const TemplatedModel copy(llava, "llava", kTypedParts);
  const Model typed = copy.open();
  // As text it is the four tokens <, i, mage and >.
  EXPECT_EQ(prompt_tokens(typed, user("the <image> tag")), prompt_tokens(typed, user("the  tag")) + 4);
  const std::int64_t seen = prompt_tokens(typed, user({gradient(40, 30), "the  tag"}));
  EXPECT_GT(seen, prompt_tokens(typed, user("the  tag")) + 30);
  EXPECT_EQ(prompt_tokens(typed, user({gradient(40, 30), "the <image> tag"})), seen + 4);
}

TEST(Session, RepeatsWithTheSameSeed) {
  GenerateOptions options{.max_tokens = 16, .ignore_end = true};
  options.sampling.seed = 11;
  options.sampling.temperature = 1.5f;
  Session a(model()), b(model());
  const std::string text = a.complete("Once upon a time", {}, options).text().value();
  EXPECT_EQ(b.complete("Once upon a time", {}, options).text().value(), text);
  options.sampling.seed = 12;
  EXPECT_NE(b.complete("Once upon a time", {}, options).text().value(), text);
}

TEST(Session, StopsAtStopTextsAndTokenCounts) {
  Session chat(model());
  Reply counted = chat.complete("abc", {}, greedy(5));
  const std::string text = counted.text().value();
  EXPECT_EQ(counted.stats().generated_tokens, 5);
  EXPECT_EQ(counted.finish_reason(), FinishReason::kMaxTokens);
  ASSERT_GT(text.size(), 2u);
  GenerateOptions stopping = greedy(5);
  stopping.stop = {text.substr(text.size() / 2)};
  Reply stopped = chat.complete("abc", {}, stopping);
  EXPECT_EQ(stopped.text().value(), text.substr(0, text.find(stopping.stop[0])));
  EXPECT_EQ(stopped.finish_reason(), FinishReason::kStop);
  Reply none = chat.complete("abc", {}, greedy(0));
  EXPECT_EQ(none.text().value(), "");
}

TEST(Session, SaysWhenThePromptDoesNotFit) {
  Session small(model(), {.context = 64});
  std::string prompt;
  for (int i = 0; i < 100; ++i) prompt += "word ";
  Reply reply = small.complete(prompt, {}, greedy(4));
  const auto text = reply.text();
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ErrorCode::kOutOfRange);
  EXPECT_NE(text.error().message.find("64"), std::string::npos) << text.error().message;
}

TEST(Session, EndsOrSlidesWhenTheContextIsFull) {
  Session ending(model(), {.context = 64});
  Reply ended = ending.complete("start", {}, greedy(200));
  EXPECT_TRUE(ended.text().ok());
  EXPECT_EQ(ended.finish_reason(), FinishReason::kContext);
  EXPECT_LE(ended.stats().prompt_tokens + ended.stats().generated_tokens, 65);
  Session sliding(model(), {.context = 64});
  GenerateOptions options = greedy(200);
  options.overflow = ContextOverflow::kSlide;
  options.keep_tokens = 4;
  Reply slid = sliding.complete("start", {}, options);
  EXPECT_TRUE(slid.text().ok());
  EXPECT_EQ(slid.stats().generated_tokens, 200);
}

TEST(Session, StopsWhenAnotherThreadCancels) {
  Session chat(model());
  Reply reply = chat.complete("go on", {}, greedy(100000));
  std::thread other;
  int pieces = 0;
  for ([[maybe_unused]] const Piece& piece : reply) {
    if (++pieces == 3) other = std::thread([&chat] { chat.cancel(); });
  }
  other.join();
  EXPECT_EQ(reply.finish_reason(), FinishReason::kCancelled);
  EXPECT_TRUE(chat.complete("and again", {}, greedy(3)).text().ok()) << "a cancelled session goes on";
}

TEST(Session, RunsBesideOthersOnOneModel) {
  const std::string alone = Session(model()).complete("same", {}, greedy(24)).text().value();
  std::vector<std::string> texts(3);
  std::vector<std::thread> threads;
  for (std::string& text : texts) {
    threads.emplace_back([&text] { text = Session(model()).complete("same", {}, greedy(24)).text().value(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : texts) EXPECT_EQ(text, alone);
}

TEST(Session, RefusesTextThatIsNotUtf8) {
  Session chat(model());
  EXPECT_FALSE(chat.complete("abc\xff", {}, greedy(3)).text().ok());
}

}  // namespace
}  // namespace galago
