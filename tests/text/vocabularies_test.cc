// Exact ids for published vocabularies (../shared/tokenizers), SmolLM2's own, and the tokenizers of the goldens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "base/file.h"
#include "base/json.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "text/tokenizer.h"

namespace galago {
namespace {

namespace fs = std::filesystem;
using text::TokenId;
using text::Tokenizer;

const fs::path kShared = GALAGO_SOURCE_DIR "/../shared";

bool in_ci() {
  const char* ci = std::getenv("CI");
  return ci != nullptr && std::string_view(ci) == "true";
}

std::string read(const fs::path& path) {
  auto content = read_text(path);
  EXPECT_TRUE(content.ok()) << path;
  return content.ok() ? std::move(content).value() : std::string();
}

std::optional<std::int64_t> id_of(const formats::GgufMetadata& metadata, std::string_view name) {
  const auto id = metadata.get_i64("tokenizer.ggml." + std::string(name) + "_token_id");
  return id.ok() ? std::optional(*id) : std::nullopt;
}

std::optional<bool> flag_of(const formats::GgufMetadata& metadata, std::string_view key) {
  const auto flag = metadata.get_bool(key);
  return flag.ok() ? std::optional(*flag) : std::nullopt;
}

Result<Tokenizer> open_gguf(const fs::path& path) {
  auto opened = formats::open_gguf_files(path);
  if (!opened.ok()) return opened.error();
  const formats::GgufMetadata& metadata = opened->metadata;
  text::GgufVocabulary vocabulary;
  vocabulary.source = path.filename().string();
  vocabulary.model = metadata.get_string("tokenizer.ggml.model").value();
  vocabulary.pre = metadata.get_string("tokenizer.ggml.pre", "").value();
  vocabulary.model_name = metadata.get_string("general.name", "").value();
  vocabulary.tokens = metadata.get_strings("tokenizer.ggml.tokens").value();
  if (metadata.contains("tokenizer.ggml.scores")) {
    vocabulary.scores = metadata.get_numbers("tokenizer.ggml.scores").value().to_f32();
  }
  const auto types = metadata.get_numbers("tokenizer.ggml.token_type").value().to_i64();
  vocabulary.types.assign(types.begin(), types.end());
  if (metadata.contains("tokenizer.ggml.merges")) {
    vocabulary.merges = metadata.get_strings("tokenizer.ggml.merges").value();
  }
  vocabulary.bos = id_of(metadata, "bos");
  vocabulary.eos = id_of(metadata, "eos");
  vocabulary.unk = id_of(metadata, "unknown");
  vocabulary.pad = id_of(metadata, "padding");
  vocabulary.add_bos = flag_of(metadata, "tokenizer.ggml.add_bos_token");
  return Tokenizer::from_gguf(vocabulary);
}

std::vector<std::string> split_texts(const std::string& content) {
  constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  std::vector<std::string> texts;
  std::size_t begin = 0;
  for (std::size_t at = content.find(kSeparator); at != std::string::npos; at = content.find(kSeparator, begin)) {
    texts.push_back(content.substr(begin, at - begin));
    begin = at + kSeparator.size();
  }
  if (begin < content.size()) texts.push_back(content.substr(begin));
  return texts;
}

class Published : public ::testing::TestWithParam<std::string> {};

TEST_P(Published, ExactIds) {
  const fs::path file = kShared / "tokenizers" / ("ggml-vocab-" + GetParam() + ".gguf");
  if (!fs::exists(file)) {
    if (in_ci()) FAIL() << file << " is missing";
    GTEST_SKIP() << "../shared/tokenizers is not here";
  }
  const auto tokenizer = open_gguf(file);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_THAT(tokenizer->warnings(), ::testing::IsEmpty());
  const std::vector<std::string> texts = split_texts(read(file.string() + ".inp"));
  ASSERT_GT(texts.size(), 40u);
  std::istringstream lines(read(file.string() + ".out"));
  for (const std::string& item : texts) {
    std::string line;
    ASSERT_TRUE(std::getline(lines, line));
    std::istringstream numbers(line);
    const std::vector<TokenId> expected{std::istream_iterator<TokenId>(numbers), {}};
    const auto ids = tokenizer->encode(item);
    ASSERT_TRUE(ids.ok());
    EXPECT_EQ(*ids, expected) << "\"" << item << "\"";
  }
}

INSTANTIATE_TEST_SUITE_P(Vocabulary, Published,
                         ::testing::Values("llama-spm", "llama-bpe", "qwen2", "phi-3", "gpt-2", "starcoder",
                                           "deepseek-coder"));

fs::path model_folder() {
  if (const char* home = std::getenv("GALAGO_HOME")) return fs::path(home) / "models";
  if (const char* data = std::getenv("XDG_DATA_HOME")) return fs::path(data) / "galago/models";
  const char* home = std::getenv("HOME");
  return fs::path(home != nullptr ? home : "/") / ".local/share/galago/models";
}

TEST(SmolLm2, AgreesWithThePythonPackage) {
  const fs::path model = model_folder() / "smollm2-135m-instruct-q4_1.gguf";
  if (!fs::exists(model)) GTEST_SKIP() << model << " is not here; ./dev run fetches it";
  const auto tokenizer = open_gguf(model);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  const auto file = parse_json(read(GALAGO_SOURCE_DIR "/tests/data/text/smollm2.cases.json"), "smollm2.cases.json");
  ASSERT_TRUE(file.ok());
  ASSERT_GT((*file)["cases"].size(), 400u);
  for (const Json& item : (*file)["cases"]) {
    const auto parsed = tokenizer->encode(item[0].get<std::string>());
    const auto plain = tokenizer->encode(item[0].get<std::string>(), {.parse_special = false});
    ASSERT_TRUE(parsed.ok() && plain.ok());
    EXPECT_EQ(*parsed, item[1].get<std::vector<TokenId>>()) << item[0];
    EXPECT_EQ(*plain, item[2].get<std::vector<TokenId>>()) << item[0];
    EXPECT_EQ(tokenizer->decode(*parsed, false), item[0].get<std::string>());
  }
}

// The ids that a golden's expected.safetensors holds under `name`, row-major.
std::vector<TokenId> expected_ids(const fs::path& folder, std::string_view name) {
  auto mapping = Mapping::open(folder / "expected.safetensors");
  EXPECT_TRUE(mapping.ok()) << folder;
  const auto file = formats::parse_safetensors((*mapping)->bytes(), "expected.safetensors");
  EXPECT_TRUE(file.ok());
  std::vector<TokenId> ids;
  for (const formats::StoredTensor& tensor : file->tensors) {
    if (tensor.name != name) continue;
    for (std::size_t i = 0; i + 8 <= tensor.data.size(); i += 8) {
      std::int64_t id = 0;
      std::memcpy(&id, tensor.data.data() + i, 8);
      ids.push_back(static_cast<TokenId>(id));
    }
  }
  return ids;
}

class Golden : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    folder_ = kShared / "goldens/multimodal" / GetParam();
    if (fs::exists(folder_)) return;
    if (in_ci()) FAIL() << folder_ << " is missing";
    GTEST_SKIP() << "../shared/goldens is not here";
  }
  Json prompt() const {
    auto manifest = parse_json(read(folder_ / "manifest.json"), "manifest.json");
    EXPECT_TRUE(manifest.ok());
    return (*manifest)["prompt"];
  }
  Tokenizer open_json() const {
    return Tokenizer::from_tokenizer_json(read(folder_ / "tokenizer.json"), read(folder_ / "tokenizer_config.json"))
        .value();
  }
  fs::path folder_;
};

class GoldenClip : public Golden {};
TEST_P(GoldenClip, InputIds) {
  const auto tokenizer = Tokenizer::from_vocab_and_merges(read(folder_ / "vocab.json"), read(folder_ / "merges.txt"),
                                                          read(folder_ / "tokenizer_config.json"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  std::vector<std::vector<TokenId>> rows;
  std::size_t longest = 0;
  for (const Json& text : prompt()) {
    rows.push_back(tokenizer->encode(text.get<std::string>(), {.add_bos_eos = true}).value());
    longest = std::max(longest, rows.back().size());
  }
  std::vector<TokenId> padded;
  for (auto& row : rows) {
    row.resize(longest, tokenizer->pad().value());
    padded.insert(padded.end(), row.begin(), row.end());
  }
  EXPECT_EQ(padded, expected_ids(folder_, "input_ids"));
}
INSTANTIATE_TEST_SUITE_P(Clip, GoldenClip, ::testing::Values("clip"));

class GoldenSpliced : public Golden {};
TEST_P(GoldenSpliced, InputIds) {
  const Tokenizer tokenizer = open_json();
  const auto text = prompt().get<std::string>();
  const std::size_t image = text.find("<image>");
  ASSERT_NE(image, std::string::npos);
  auto ids = tokenizer.encode(text.substr(0, image), {.add_bos_eos = true}).value();
  ids.push_back(-200);
  const auto rest = tokenizer.encode(text.substr(image + 7), {.add_bos_eos = true}).value();
  ids.insert(ids.end(), rest.begin() + 1, rest.end());
  EXPECT_EQ(ids, expected_ids(folder_, "input_ids_unexpanded"));
}
INSTANTIATE_TEST_SUITE_P(Folder, GoldenSpliced, ::testing::Values("llava_original", "mobilevlm_v2"));

class GoldenPlaceholder : public Golden {};
TEST_P(GoldenPlaceholder, InputIds) {
  const Tokenizer tokenizer = open_json();
  const auto ids = tokenizer.encode(prompt().get<std::string>(), {.add_bos_eos = true}).value();
  // The processor repeats the placeholder once a patch.
  std::vector<TokenId> expected = expected_ids(folder_, "input_ids");
  const auto placeholder = tokenizer.find("<image>");
  ASSERT_TRUE(placeholder.has_value());
  const auto repeated = std::unique(expected.begin(), expected.end(),
                                    [&](TokenId a, TokenId b) { return a == *placeholder && b == *placeholder; });
  expected.erase(repeated, expected.end());
  EXPECT_EQ(ids, expected);
}
INSTANTIATE_TEST_SUITE_P(Folder, GoldenPlaceholder, ::testing::Values("llava"));

}  // namespace
}  // namespace galago
