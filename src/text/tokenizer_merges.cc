// A tokenizer from vocab.json and merges.txt: GPT-2's form, Qwen 2's, and CLIP's.
#include <fmt/format.h>

#include "base/try.h"
#include "text/hf_tokens.h"
#include "text/published_patterns.h"
#include "text/scanner.h"

namespace galago::text {
namespace {

void add_words(Tokenizer::Data& data, std::string_view pattern, SplitBehavior behavior, bool invert) {
  auto scanner = scanner_for_regex(pattern);
  if (scanner) data.pre_tokenizer.emplace_back(SplitStage{std::move(*scanner), behavior, invert});
}

void set_clip(Tokenizer::Data& data, HfConfig& config) {
  if (config.bos.empty()) config.bos = "<|startoftext|>";
  if (config.eos.empty()) config.eos = "<|endoftext|>";
  if (config.unk.empty()) config.unk = "<|endoftext|>";
  if (config.pad.empty()) config.pad = "<|endoftext|>";
  data.model.word_suffix = "</w>";
  data.decoding.word_suffix = "</w>";
  data.decoding.trim = true;
  data.normalizer.emplace_back(ToForm{NormalizationForm::kNfc});
  if (auto spaces = scanner_for_regex(R"(\s+)")) data.normalizer.emplace_back(Replace{std::move(*spaces), " "});
  data.normalizer.emplace_back(Lowercase{});
  add_words(data, kClipWords, SplitBehavior::kRemoved, true);
  add_words(data, kGpt2Words, SplitBehavior::kIsolated, false);
}

// The lines of merges.txt, without its "#version" line.
Result<std::vector<std::pair<std::string_view, std::string_view>>> read_lines(std::string_view text,
                                                                              std::string_view field) {
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    GALAGO_TRY(auto pair, split_merge(line, number, field));
    pairs.push_back(pair);
  }
  return pairs;
}

Result<std::shared_ptr<const Tokenizer::Data>> build(const JsonValue& vocab, std::string_view merges_txt,
                                                     const JsonValue* config_root, std::string_view source) {
  HfConfig config;
  if (config_root != nullptr) {
    GALAGO_TRY(config, read_hf_config(*config_root));
  }
  auto data = std::make_shared<Tokenizer::Data>();
  data->source = source;
  const std::string& name = config.tokenizer_class;
  const bool clip = name.starts_with("CLIPTokenizer");
  const bool qwen2 = name.starts_with("Qwen2Tokenizer");
  const bool roberta = name.starts_with("Roberta") || name.starts_with("Bart");
  if (clip) {
    set_clip(*data, config);
  } else if (qwen2) {
    data->normalizer.emplace_back(ToForm{NormalizationForm::kNfc});
    add_words(*data, kQwen2Words, SplitBehavior::kIsolated, false);
  } else {
    if (config.add_prefix_space) data->pre_tokenizer.emplace_back(PrefixSpaceStage{});
    add_words(*data, kGpt2Words, SplitBehavior::kIsolated, false);
    if (!name.empty() && !roberta && !name.starts_with("GPT2") && !name.starts_with("Whisper")) {
      data->warnings.push_back(
          fmt::format("{}: tokenizer_class \"{}\" with vocab.json and merges.txt is read as GPT-2's; a tokenizer.json "
                      "would tell exactly",
                      source, name));
    }
  }
  HfTokens tokens;
  GALAGO_CHECK(tokens.read_vocabulary(vocab));
  if (config_root != nullptr) {
    if (const auto added = config_root->find("added_tokens_decoder")) GALAGO_CHECK(tokens.read_added_decoder(*added));
  }
  for (const std::string& special : {config.bos, config.eos, config.unk, config.pad}) tokens.add_special(special);
  GALAGO_TRY(data->vocabulary, tokens.build(source));
  data->model.find_byte_tokens(data->vocabulary);
  if (clip) data->model.unknown = data->vocabulary.find(config.unk);
  GALAGO_TRY(const auto pairs, read_lines(merges_txt, "merges.txt"));
  GALAGO_CHECK(add_merges(pairs, data->vocabulary, "merges.txt", data->model));
  const TokenId bos = data->vocabulary.find(config.bos);
  const TokenId eos = data->vocabulary.find(config.eos);
  if ((clip || roberta || config.add_bos.value_or(false)) && bos != kNoToken) data->prefix = {bos};
  if ((clip || roberta || config.add_eos.value_or(false)) && eos != kNoToken) data->suffix = {eos};
  apply_hf_tokens(tokens, config, *data);
  return std::shared_ptr<const Tokenizer::Data>(std::move(data));
}

}  // namespace

Result<Tokenizer> Tokenizer::from_vocab_and_merges(std::string_view vocab_json, std::string_view merges_txt,
                                                   std::string_view tokenizer_config_json, std::string_view source) {
  GALAGO_TRY(const auto vocab, JsonDocument::parse(vocab_json, source));
  if (tokenizer_config_json.empty()) {
    GALAGO_TRY(auto data, build(vocab.root(), merges_txt, nullptr, source));
    return Tokenizer(std::move(data));
  }
  GALAGO_TRY(const auto config, JsonDocument::parse(tokenizer_config_json, "tokenizer_config.json"));
  const JsonValue config_root = config.root();
  GALAGO_TRY(auto data, build(vocab.root(), merges_txt, &config_root, source));
  return Tokenizer(std::move(data));
}

}  // namespace galago::text
