#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>

#include "base/json.h"
#include "text/gguf_pre_tokenizers.h"

namespace galago::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string read_data(const std::string& name) {
  std::ifstream file(std::string(GALAGO_SOURCE_DIR "/tests/data/text/") + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Json load_cases(const std::string& name) {
  auto parsed = parse_json(read_data(name + ".json"), name);
  EXPECT_TRUE(parsed.ok()) << name;
  return std::move(parsed).value();
}

std::vector<TokenId> ids_of(const Json& list) { return list.get<std::vector<TokenId>>(); }

void expect_cases(const Tokenizer& tokenizer, const Json& cases) {
  ASSERT_GE(cases.size(), 100u);
  for (const Json& item : cases) {
    const auto text = item[0].get<std::string>();
    const auto parsed = tokenizer.encode(text);
    const auto plain = tokenizer.encode(text, {.parse_special = false});
    ASSERT_TRUE(parsed.ok() && plain.ok()) << item[0];
    EXPECT_EQ(*parsed, ids_of(item[1])) << item[0];
    EXPECT_EQ(*plain, ids_of(item[2])) << item[0];
  }
}

// The same vocabulary as a GGUF file would hold it; views point into `file`.
GgufVocabulary as_gguf(const Json& file) {
  GgufVocabulary result;
  result.source = "test.gguf";
  result.model = "gpt2";
  result.pre = file["pre"].get<std::string>();
  const Json& model = file["tokenizer"]["model"];
  result.tokens.resize(model["vocab"].size());
  result.types.assign(model["vocab"].size(), 1);
  for (const auto& [token, id] : model["vocab"].items()) result.tokens[id.get<std::size_t>()] = token;
  for (const Json& added : file["tokenizer"]["added_tokens"]) result.types[added["id"].get<std::size_t>()] = 3;
  return result;
}

class ByteLevel : public ::testing::TestWithParam<std::string> {};

TEST_P(ByteLevel, TokenizerJsonAgreesWithThePythonPackage) {
  const Json file = load_cases(GetParam());
  const auto tokenizer = Tokenizer::from_tokenizer_json(file["tokenizer"].dump(), "");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  expect_cases(*tokenizer, file["cases"]);
  for (const Json& item : file["cases"]) {
    EXPECT_EQ(tokenizer->decode(ids_of(item[1]), false), item[0].get<std::string>());
  }
}

TEST_P(ByteLevel, GgufAgreesWithThePythonPackage) {
  const Json file = load_cases(GetParam());
  GgufVocabulary vocabulary = as_gguf(file);
  std::vector<std::string> merges;
  for (const Json& pair : file["tokenizer"]["model"]["merges"]) {
    merges.push_back(pair[0].get<std::string>() + " " + pair[1].get<std::string>());
  }
  vocabulary.merges.assign(merges.begin(), merges.end());
  const auto tokenizer = Tokenizer::from_gguf(vocabulary);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_THAT(tokenizer->warnings(), ElementsAre());
  expect_cases(*tokenizer, file["cases"]);
}

INSTANTIATE_TEST_SUITE_P(Pre, ByteLevel,
                         ::testing::Values("gpt-2", "smollm", "llama-bpe", "qwen2", "qwen35", "deepseek-coder"));

TEST(SentencePiece, AgreesWithThePythonPackage) {
  const Json file = load_cases("sentence-piece");
  const auto tokenizer = Tokenizer::from_tokenizer_json(file["tokenizer"].dump(), "");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  expect_cases(*tokenizer, file["cases"]);
  EXPECT_TRUE(tokenizer->adds_bos());
  EXPECT_EQ(tokenizer->bos(), 1);
}

TEST(SentencePiece, StreamsWholeCharacters) {
  const Json file = load_cases("sentence-piece");
  const auto tokenizer = Tokenizer::from_tokenizer_json(file["tokenizer"].dump(), "");
  ASSERT_TRUE(tokenizer.ok());
  const std::string text = "Hello \xF0\x9F\xA6\x99 \xE6\x97\xA5";
  StreamDecoder decoder(*tokenizer);
  std::string all;
  const auto ids = tokenizer->encode(text);
  ASSERT_TRUE(ids.ok());
  for (const TokenId id : *ids) {
    const std::string part = decoder.push(id);
    EXPECT_TRUE(parse_json(write_json(part), "part").value() == Json(part)) << "not whole UTF-8";
    all += part;
  }
  EXPECT_EQ(decoder.finish(), "");
  EXPECT_EQ(all, text);
  // A character that never ends, and a byte that can start none.
  EXPECT_EQ(decoder.push(*tokenizer->find("<0xE6>")), "");
  EXPECT_EQ(decoder.push(*tokenizer->find("<0x41>")), "\uFFFDA");
  EXPECT_EQ(decoder.push(*tokenizer->find("<0x80>")), "\uFFFD");
  EXPECT_EQ(decoder.push(*tokenizer->find("<0xF0>")), "");
  EXPECT_EQ(decoder.finish(), "\uFFFD");
}

TEST(Tokenizer, RejectsTextThatIsNotUtf8) {
  const Json file = load_cases("gpt-2");
  const auto tokenizer = Tokenizer::from_tokenizer_json(file["tokenizer"].dump(), "");
  ASSERT_TRUE(tokenizer.ok());
  const auto encoded = tokenizer->encode("abc\xFF");
  ASSERT_FALSE(encoded.ok());
  EXPECT_THAT(encoded.error().message, HasSubstr("0xFF at offset 3"));
  EXPECT_FALSE(tokenizer->encode("\xED\xA0\x80").ok()) << "a surrogate";
}

TEST(Tokenizer, LongTextsTakeTimeInProportion) {
  const Json file = load_cases("smollm");
  const auto tokenizer = Tokenizer::from_tokenizer_json(file["tokenizer"].dump(), "");
  ASSERT_TRUE(tokenizer.ok());
  for (const std::string_view unit : {"a", " ", "\n", "1", "!", " \n", "e\u0301", "<|"}) {
    std::string text;
    while (text.size() < (1u << 20)) text += unit;
    const auto start = std::chrono::steady_clock::now();
    const auto ids = tokenizer->encode(text);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    ASSERT_TRUE(ids.ok());
    EXPECT_EQ(tokenizer->decode(*ids), text);
    EXPECT_LT(took.count(), 20.0) << "1 MB of \"" << unit << "\" (quadratic work takes hours)";
  }
}

TEST(GgufPreTokenizers, EveryNameHasItsScanners) {
  for (const std::string_view name : gguf_pre_tokenizer_names()) {
    EXPECT_TRUE(gguf_pre_tokenizer(name).has_value()) << name;
  }
  EXPECT_FALSE(gguf_pre_tokenizer("no such").has_value());
}

TEST(Gguf, UnknownPreTokenizerIsSaid) {
  GgufVocabulary vocabulary{.source = "x.gguf", .model = "gpt2", .pre = "fancy"};
  vocabulary.tokens = {"a", "b", "ab"};
  vocabulary.merges = {"a b"};
  const auto tokenizer = Tokenizer::from_gguf(vocabulary);
  ASSERT_TRUE(tokenizer.ok());
  ASSERT_EQ(tokenizer->warnings().size(), 1u);
  EXPECT_THAT(tokenizer->warnings()[0], HasSubstr("\"fancy\" is not known"));
  EXPECT_THAT(*tokenizer->encode("abab"), ElementsAre(2, 2));
}

TEST(Gguf, BrokenVocabulariesAreNamed) {
  const auto message = [](const std::function<void(GgufVocabulary&)>& change) {
    GgufVocabulary vocabulary{.source = "x.gguf", .model = "gpt2", .pre = "gpt-2"};
    vocabulary.tokens = {"a", "b", "ab"};
    vocabulary.merges = {"a b"};
    change(vocabulary);
    const auto tokenizer = Tokenizer::from_gguf(vocabulary);
    return tokenizer.ok() ? std::string("ok") : tokenizer.error().message;
  };
  EXPECT_EQ(message([](auto&) {}), "ok");
  EXPECT_THAT(message([](auto& v) { v.model = "rwkv"; }), HasSubstr("tokenizer.ggml.model is \"rwkv\""));
  EXPECT_THAT(message([](auto& v) { v.tokens[1] = "a"; }), HasSubstr("ids 0 and 1 are the same token"));
  EXPECT_THAT(message([](auto& v) { v.tokens[1] = "\xFF"; }), HasSubstr("tokens[1] is not UTF-8"));
  EXPECT_THAT(message([](auto& v) { v.tokens.clear(); }), HasSubstr("holds no tokens"));
  EXPECT_THAT(message([](auto& v) { v.merges = {"b a"}; }), HasSubstr("merges[0]"));
  EXPECT_THAT(message([](auto& v) { v.merges = {"ab"}; }), HasSubstr("not two tokens"));
  EXPECT_THAT(message([](auto& v) { v.merges.clear(); }), HasSubstr("missing or empty"));
  EXPECT_THAT(message([](auto& v) { v.types = {1, 1}; }), HasSubstr("2 entries for 3 tokens"));
  EXPECT_THAT(message([](auto& v) { v.types = {1, 1, 9}; }), HasSubstr("token_type[2] is 9"));
  EXPECT_THAT(message([](auto& v) { v.types = {1, 1, 6}; }), HasSubstr("type says byte"));
  EXPECT_THAT(message([](auto& v) { v.bos = 3; }), HasSubstr("bos_token_id is 3"));
  EXPECT_THAT(message([](auto& v) { v.eos = -7; }), HasSubstr("eos_token_id is -7"));
  EXPECT_THAT(message([](auto& v) { v.model = "llama"; }), HasSubstr("scores is missing"));
}

TEST(TokenizerJson, BrokenFilesAreNamed) {
  const auto message = [](std::string_view text) {
    const auto tokenizer = Tokenizer::from_tokenizer_json(text, "");
    return tokenizer.ok() ? std::string("ok") : tokenizer.error().message;
  };
  EXPECT_EQ(message(R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})"), "ok");
  EXPECT_THAT(message("{"), HasSubstr("not valid JSON"));
  EXPECT_THAT(message("[]"), HasSubstr("expected a \"model\""));
  EXPECT_THAT(message(R"({"model": {"type": "Unigram"}})"), HasSubstr("\"Unigram\" is not supported"));
  EXPECT_THAT(message(R"({"model": {"vocab": {"a": 99999999}, "merges": []}})"), HasSubstr("has id 99999999"));
  EXPECT_THAT(message(R"({"model": {"vocab": {"a": 900000}, "merges": []}})"), HasSubstr("only 1 tokens"));
  EXPECT_THAT(message(R"({"model": {"vocab": {"a": -1}, "merges": []}})"), HasSubstr("has id -1"));
  EXPECT_THAT(message(R"({"model": {"vocab": {"a": 0, "b": 0}, "merges": []}})"), HasSubstr("belongs to"));
  EXPECT_THAT(message(R"({"model": {"vocab": {"a": 0, "a": 1}, "merges": []}})"), HasSubstr("has the ids 0 and 1"));
  EXPECT_THAT(message(R"({"model": {"vocab": {"a": 0}, "merges": ["a a"]}})"), HasSubstr("model.merges[0]"));
  EXPECT_THAT(message(R"({"model": {"vocab": {"a": 0}, "merges": [3]}})"), HasSubstr("model.merges[0]"));
  EXPECT_THAT(message(R"({"model": {"vocab": {"a": 0}, "merges": [], "unk_token": "x"}})"), HasSubstr("unk_token"));
  EXPECT_THAT(message(R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a+)+$"}}, "model": {}})"),
              HasSubstr("no scanner for the regular expression"));
  EXPECT_THAT(message(R"({"normalizer": {"type": "Precompiled"}, "model": {}})"), HasSubstr("normalizer"));
  std::string nested = R"({"type": "NFC"})";
  for (int i = 0; i < 50; ++i) nested = R"({"type": "Sequence", "normalizers": [)" + nested + "]}";
  EXPECT_THAT(message(R"({"normalizer": )" + nested + R"(, "model": {}})"), HasSubstr("nested"));
}

// Special and added tokens, also such as are looked for in normalized text.
TEST(TokenizerJson, FindsNoTokensInLiterals) {
  const std::string json =
      R"({"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "__"},
          "added_tokens": [{"id": 9, "content": "<i>", "special": true, "normalized": false},
                           {"id": 10, "content": "<n>", "special": false, "normalized": true}],
          "model": {"type": "BPE", "merges": [],
                    "vocab": {"<": 0, "i": 1, ">": 2, "_": 3, "a": 4, "n": 5, "<i>": 9, "<n>": 10}}})";
  const Tokenizer tokenizer = Tokenizer::from_tokenizer_json(json, "").value();
  const auto ids = [&](std::string_view text, std::vector<TextRange> literals) {
    return tokenizer.encode(text, {.literals = literals}).value();
  };
  EXPECT_THAT(ids("a<i>a<i>", {}), testing::ElementsAre(4, 9, 4, 9));
  EXPECT_THAT(ids("a<i>a<i>", {{1, 4}}), testing::ElementsAre(4, 0, 1, 2, 4, 9));
  EXPECT_THAT(ids("a<i>a<i>", {{5, 8}}), testing::ElementsAre(4, 9, 4, 0, 1, 2));
  EXPECT_THAT(ids("a <n> <n><i>", {}), testing::ElementsAre(4, 3, 3, 10, 3, 3, 10, 9));
  EXPECT_THAT(ids("a <n> <n><i>", {{6, 9}}), testing::ElementsAre(4, 3, 3, 10, 3, 3, 0, 5, 2, 9));
  EXPECT_THAT(ids("<i> <n> <n>", {{4, 7}}), testing::ElementsAre(9, 3, 3, 0, 5, 2, 3, 3, 10));
}

TEST(Clip, LowersJoinsSpacesAndEndsWords) {
  const std::string vocab =
      R"({"a":0,"b":1,"c":2,"a</w>":3,"b</w>":4,"c</w>":5,"ab":6,"abc</w>":7,"1</w>":8,"<|startoftext|>":9,"<|endoftext|>":10})";
  const auto tokenizer = Tokenizer::from_vocab_and_merges(vocab, "#version: 0.2\na b\nab c</w>\n",
                                                          R"({"tokenizer_class": "CLIPTokenizer"})");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_THAT(*tokenizer->encode("  ABC \n abc11 ab", {.add_bos_eos = true}), ElementsAre(9, 7, 7, 8, 8, 0, 4, 10));
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{9, 7, 8, 10}), "abc 1");
}

}  // namespace
}  // namespace galago::text
