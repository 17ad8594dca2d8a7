#include "runtime/tokenizer_source.h"

#include "base/error.h"
#include "base/try.h"

namespace galago::runtime {
namespace {

Status read_id(const formats::GgufMetadata& metadata, std::string_view key, std::optional<std::int64_t>& out) {
  const std::string full = "tokenizer.ggml." + std::string(key) + "_token_id";
  if (!metadata.contains(full)) return {};
  GALAGO_TRY(out, metadata.get_i64(full));
  return {};
}

Status read_flag(const formats::GgufMetadata& metadata, std::string_view key, std::optional<bool>& out) {
  const std::string full = "tokenizer.ggml." + std::string(key);
  if (!metadata.contains(full)) return {};
  GALAGO_TRY(out, metadata.get_bool(full));
  return {};
}

Status read_special(const formats::GgufMetadata& metadata, text::GgufVocabulary& vocabulary) {
  GALAGO_CHECK(read_id(metadata, "bos", vocabulary.bos));
  GALAGO_CHECK(read_id(metadata, "eos", vocabulary.eos));
  GALAGO_CHECK(read_id(metadata, "eot", vocabulary.eot));
  GALAGO_CHECK(read_id(metadata, "eom", vocabulary.eom));
  GALAGO_CHECK(read_id(metadata, "unknown", vocabulary.unk));
  GALAGO_CHECK(read_id(metadata, "padding", vocabulary.pad));
  GALAGO_CHECK(read_id(metadata, "seperator", vocabulary.sep));  // the format's spelling
  GALAGO_CHECK(read_id(metadata, "mask", vocabulary.mask));
  GALAGO_CHECK(read_flag(metadata, "add_bos_token", vocabulary.add_bos));
  GALAGO_CHECK(read_flag(metadata, "add_eos_token", vocabulary.add_eos));
  GALAGO_CHECK(read_flag(metadata, "add_space_prefix", vocabulary.add_space_prefix));
  return read_flag(metadata, "remove_extra_whitespaces", vocabulary.remove_extra_whitespaces);
}

Result<text::Tokenizer> from_gguf(const formats::Checkpoint& checkpoint) {
  const formats::GgufMetadata& metadata = checkpoint.metadata();
  text::GgufVocabulary vocabulary;
  vocabulary.source = checkpoint.path().string();
  GALAGO_TRY(vocabulary.model, metadata.get_string("tokenizer.ggml.model"));
  GALAGO_TRY(vocabulary.pre, metadata.get_string("tokenizer.ggml.pre", ""));
  GALAGO_TRY(vocabulary.model_name, metadata.get_string("general.name", ""));
  GALAGO_TRY(vocabulary.tokens, metadata.get_strings("tokenizer.ggml.tokens"));
  if (metadata.contains("tokenizer.ggml.scores")) {
    GALAGO_TRY(const formats::GgufNumbers scores, metadata.get_numbers("tokenizer.ggml.scores"));
    vocabulary.scores = scores.to_f32();
  }
  if (metadata.contains("tokenizer.ggml.token_type")) {
    GALAGO_TRY(const formats::GgufNumbers types, metadata.get_numbers("tokenizer.ggml.token_type"));
    for (const std::int64_t type : types.to_i64()) vocabulary.types.push_back(static_cast<int>(type));
  }
  if (metadata.contains("tokenizer.ggml.merges")) {
    GALAGO_TRY(vocabulary.merges, metadata.get_strings("tokenizer.ggml.merges"));
  }
  GALAGO_CHECK(read_special(metadata, vocabulary));
  return text::Tokenizer::from_gguf(vocabulary);
}

}  // namespace

Result<text::Tokenizer> load_tokenizer(const formats::Checkpoint& checkpoint) {
  const std::string source = checkpoint.path().string();
  if (checkpoint.format() == formats::ContainerFormat::kGguf) {
    if (checkpoint.metadata().contains("tokenizer.ggml.model")) return from_gguf(checkpoint);
    return error(ErrorCode::kNotFound, "{}: brings no tokenizer (tokenizer.ggml.model is missing)", source);
  }
  GALAGO_TRY(const std::optional<std::string> config, checkpoint.side_file("tokenizer_config.json"));
  GALAGO_TRY(const std::optional<std::string> json, checkpoint.side_file("tokenizer.json"));
  if (json) return text::Tokenizer::from_tokenizer_json(*json, config.value_or(""), source + "/tokenizer.json");
  GALAGO_TRY(const std::optional<std::string> vocab, checkpoint.side_file("vocab.json"));
  GALAGO_TRY(const std::optional<std::string> merges, checkpoint.side_file("merges.txt"));
  if (vocab && merges) {
    return text::Tokenizer::from_vocab_and_merges(*vocab, *merges, config.value_or(""), source + "/vocab.json");
  }
  return error(ErrorCode::kNotFound,
               "{}: brings no tokenizer; tokenizer.json, or vocab.json and merges.txt, are expected", source);
}

Result<std::optional<text::ChatTemplate>> load_chat_template(const formats::Checkpoint& checkpoint,
                                                             const std::string& fallback, std::string_view name) {
  GALAGO_TRY(std::optional<std::string> source, checkpoint.chat_template(name));
  if (!source && !fallback.empty()) source = fallback;
  if (!source) return std::optional<text::ChatTemplate>();
  GALAGO_TRY(text::ChatTemplate chat_template,
             text::ChatTemplate::parse(std::move(*source), checkpoint.path().string() + ": chat template"));
  return std::optional<text::ChatTemplate>(std::move(chat_template));
}

std::map<std::string, std::string> special_tokens(const text::Tokenizer& tokenizer) {
  std::map<std::string, std::string> tokens;
  const auto put = [&](const char* name, std::optional<text::TokenId> id) {
    if (id) tokens.emplace(name, tokenizer.spelling(*id));
  };
  put("bos_token", tokenizer.bos());
  put("eos_token", tokenizer.eos());
  put("unk_token", tokenizer.unk());
  put("pad_token", tokenizer.pad());
  return tokens;
}

}  // namespace galago::runtime
