// What templates make of content, and that a user's text stays text.
#include "runtime/chat_format.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace galago::runtime {
namespace {

// As the published processors of llava-hf write it: content is a list of typed parts and nothing else.
constexpr const char* kTypedTemplate =
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% for item in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\\n' }}{% endfor %}"
    "{% for item in message['content'] | selectattr('type', 'equalto', 'text') %}{{ item['text'] + ' ' }}{% endfor %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}";

constexpr const char* kTextTemplate =
    "{% for message in messages %}{{ message.role ~ ': ' ~ message.content ~ '\\n' }}{% endfor %}";

// Both, with a token of the model's own around a picture.
constexpr const char* kBothTemplate =
    "{% for m in messages %}<|{{ m.role }}|>{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content "
    "%}"
    "{% if p.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ p.text }}{% endif %}{% endfor %}"
    "{% endif %}{% endfor %}";

// Typed parts from users, text from the assistant.
constexpr const char* kMixedTemplate =
    "{% for m in messages %}{% if m.role == 'assistant' %}A{{ m.content.strip() }}{% else %}"
    "{% for p in m.content %}{% if p['type'] == 'text' %}U{{ p['text'] }}{% endif %}{% endfor %}{% endif %}{% endfor "
    "%}";

ChatFormat format_of(const std::string& source, const std::string& placeholder = "<image>") {
  return {text::ChatTemplate::parse(source, "test").value(), {{"bos_token", "<s>"}}, placeholder};
}

const Image kDot{1, 1, {1, 2, 3}};

std::string literal_texts(const RenderedPrompt& prompt) {
  std::string all;
  for (const text::TextRange& range : prompt.literals) {
    all += std::to_string(range.begin) + "=" + prompt.text.substr(range.begin, range.end - range.begin) + ";";
  }
  return all;
}

TEST(ChatFormat, GivesTypedPartsWhereNothingElseIsRead) {
  ChatFormat format = format_of(kTypedTemplate);
  EXPECT_FALSE(format.reads("user").text);
  EXPECT_TRUE(format.reads("user").parts);
  EXPECT_TRUE(format.reads("user").images);
  const std::vector<Message> asked = {user({kDot, "What is this?"})};
  EXPECT_EQ(format.render(asked)->text, "USER: <image>\nWhat is this? ASSISTANT:");
  const std::vector<Message> turns = {system("Be brief."), user("one"), assistant("two"), user("three")};
  EXPECT_EQ(format.render(turns)->text, "Be brief. USER: one ASSISTANT: two USER: three ASSISTANT:");
}

TEST(ChatFormat, GivesTextWhereItIsRead) {
  ChatFormat format = format_of(kTextTemplate);
  EXPECT_TRUE(format.reads("user").text);
  EXPECT_FALSE(format.reads("user").parts) << "a printed list is not read";
  const std::vector<Message> asked = {user({kDot, "What", " is this?"})};
  EXPECT_EQ(format.render(asked)->text, "user: <image>\nWhat is this?\n");
}

TEST(ChatFormat, LetsTheTemplateWriteItsOwnPlaceholder) {
  ChatFormat format = format_of(kBothTemplate, "<|image_pad|>");
  EXPECT_TRUE(format.reads("user").text);
  EXPECT_TRUE(format.reads("user").images);
  const std::vector<Message> asked = {user({"A ", kDot, "B", kDot})};
  const std::string picture = "<|vision_start|><|image_pad|><|vision_end|>";
  EXPECT_EQ(format.render(asked)->text, "<|user|>A " + picture + "B" + picture);
  const std::vector<Message> said = {user("no picture")};
  EXPECT_EQ(format.render(said)->text, "<|user|>no picture");
}

TEST(ChatFormat, AsksForEachRole) {
  ChatFormat format = format_of(kMixedTemplate);
  EXPECT_FALSE(format.reads("user").text);
  EXPECT_TRUE(format.reads("assistant").text);
  const std::vector<Message> turns = {user("one"), assistant("two"), user({kDot, "three"})};
  EXPECT_EQ(format.render(turns)->text, "UoneAtwoU<image>\nthree");
}

TEST(ChatFormat, TakesWhatAUserTypedForText) {
  for (const char* source : {kTextTemplate, kTypedTemplate, kBothTemplate}) {
    ChatFormat format = format_of(source);
    const std::vector<Message> asked = {user(std::vector<Part>{"Is <image> or <ima", "ge> a tag?"}),
                                        assistant("<image> is.")};
    const RenderedPrompt prompt = *format.render(asked);
    EXPECT_EQ(prompt.literals.size(), 3u) << prompt.text;
    EXPECT_NE(prompt.text.find("Is <image> or <image> a tag?"), std::string::npos) << prompt.text;
    for (const text::TextRange& range : prompt.literals) {
      EXPECT_EQ(prompt.text.substr(range.begin, range.end - range.begin), "<image>");
    }
  }
  ChatFormat format = format_of(kTextTemplate);
  const std::vector<Message> both = {user({kDot, "a <image>"})};
  const RenderedPrompt prompt = *format.render(both);
  EXPECT_EQ(prompt.text, "user: <image>\na <image>\n");
  EXPECT_EQ(literal_texts(prompt), "16=<image>;");
}

TEST(ChatFormat, KeepsTheCharactersThatItMarksWith) {
  ChatFormat format = format_of(kTextTemplate);
  const std::string strange =
      "\uFDD0"
      "0\uFDD1<image>\uFDD0";
  const std::vector<Message> asked = {user(strange)};
  const RenderedPrompt prompt = *format.render(asked);
  EXPECT_EQ(prompt.text, "user: " + strange + "\n");
  EXPECT_EQ(prompt.literals.size(), 1u);
}

TEST(ChatFormat, SaysWhatATemplateRefuses) {
  ChatFormat format = format_of("{{ raise_exception('not today') }}");
  const std::vector<Message> asked = {user("hello")};
  const Result<RenderedPrompt> prompt = format.render(asked);
  ASSERT_FALSE(prompt.ok());
  EXPECT_NE(prompt.error().message.find("not today"), std::string::npos) << prompt.error().message;
}

TEST(ChatFormat, ReadsPublishedTemplates) {
  const std::filesystem::path folder = GALAGO_SOURCE_DIR "/../shared/templates";
  if (!std::filesystem::exists(folder)) {
    const char* ci = std::getenv("CI");
    ASSERT_FALSE(ci != nullptr && std::string_view(ci) == "true") << "../shared is missing";
    GTEST_SKIP() << "../shared, which holds published templates, is not beside this checkout";
  }
  const auto published = [&](const char* name, const char* placeholder) {
    std::ifstream in(folder / name, std::ios::binary);
    return format_of({std::istreambuf_iterator<char>(in), {}}, placeholder);
  };
  struct Case {
    const char* name;
    const char* placeholder;
    bool text, images;
  };
  for (const Case& known : {Case{"Qwen3.5-4B.jinja", "<|image_pad|>", true, true},
                            {"google-gemma-4-31B-it.jinja", "<|image|>", true, true},
                            {"MiniMax-M3.jinja", "]<]image[>[", true, true},
                            {"Qwen-Qwen3-0.6B.jinja", "<image>", true, false},
                            {"meta-llama-Llama-3.2-3B-Instruct.jinja", "<image>", true, false}}) {
    ChatFormat format = published(known.name, known.placeholder);
    EXPECT_EQ(format.reads("user").text, known.text) << known.name;
    EXPECT_EQ(format.reads("user").images, known.images) << known.name;
    const std::vector<Message> asked = {user({kDot, "What is this?"})};
    const RenderedPrompt prompt = *format.render(asked);
    const auto place = prompt.text.find(known.placeholder), question = prompt.text.find("What is this?");
    EXPECT_NE(question, std::string::npos) << known.name;
    EXPECT_LT(place, question) << known.name;
    EXPECT_EQ(prompt.text.find(known.placeholder, question), std::string::npos) << known.name;
  }
}

}  // namespace
}  // namespace galago::runtime
