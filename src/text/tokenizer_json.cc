// A tokenizer from tokenizer.json.
#include <algorithm>

#include "base/try.h"
#include "text/hf_tokens.h"
#include "text/tokenizer_json_stages.h"

namespace galago::text {
namespace {

class TokenizerJsonReader {
 public:
  TokenizerJsonReader(JsonValue root, std::string_view source) : root_(std::move(root)), source_(source) {}

  Result<std::shared_ptr<const Tokenizer::Data>> read(const JsonValue* config_root) {
    HfConfig config;
    if (config_root != nullptr) {
      GALAGO_TRY(config, read_hf_config(*config_root));
    }
    data_->source = source_;
    const auto model = root_.find("model");
    if (!model) return root_.wrong("a \"model\"");
    GALAGO_CHECK(read_stages());
    GALAGO_CHECK(read_model(*model));
    GALAGO_CHECK(read_tokens(*model, config_root));
    GALAGO_CHECK(read_merges(*model));
    GALAGO_CHECK(read_ends(config));
    apply_hf_tokens(tokens_, config, *data_);
    if (!data_->unk && data_->model.unknown != kNoToken) data_->unk = data_->model.unknown;
    return std::shared_ptr<const Tokenizer::Data>(data_);
  }

 private:
  Status read_stages() {
    if (const auto normalizer = root_.find("normalizer")) GALAGO_CHECK(read_normalizer(*normalizer, data_->normalizer));
    PreTokenizerSpec pre;
    if (const auto value = root_.find("pre_tokenizer")) GALAGO_CHECK(read_pre_tokenizer(*value, pre));
    data_->pre_tokenizer = std::move(pre.stages);
    byte_level_ = pre.byte_level;
    data_->decoding.kind = byte_level_ ? Decoding::Kind::kBytes : Decoding::Kind::kPlain;
    if (const auto decoder = root_.find("decoder")) GALAGO_CHECK(read_decoder(*decoder, data_->decoding));
    return {};
  }

  Status read_model(const JsonValue& value) {
    GALAGO_TRY(const std::string_view type, value.string("type", "BPE"));
    if (type != "BPE") {
      return error(ErrorCode::kUnsupported, "{}.type: \"{}\" is not supported; supported is BPE", value.place, type);
    }
    WordModel& model = data_->model;
    model.kind = byte_level_ ? WordModel::Kind::kBytes : WordModel::Kind::kCharacters;
    GALAGO_TRY(model.byte_fallback, value.boolean("byte_fallback", false));
    GALAGO_TRY(model.fuse_unknown, value.boolean("fuse_unk", false));
    GALAGO_TRY(model.whole_words, value.boolean("ignore_merges", false));
    GALAGO_TRY(const std::string_view suffix, value.string("end_of_word_suffix", ""));
    model.word_suffix = suffix;
    if (!suffix.empty()) {
      data_->decoding.word_suffix = suffix;
      data_->decoding.trim = true;
    }
    GALAGO_TRY(const std::string_view prefix, value.string("continuing_subword_prefix", ""));
    if (!prefix.empty()) {
      return error(ErrorCode::kUnsupported, "{}.continuing_subword_prefix: \"{}\" is not supported, expected none",
                   value.place, prefix);
    }
    return {};
  }

  Status read_tokens(const JsonValue& model, const JsonValue* config_root) {
    const auto vocabulary = model.find("vocab");
    if (!vocabulary) return model.wrong("a \"vocab\"");
    GALAGO_CHECK(tokens_.read_vocabulary(*vocabulary));
    if (const auto added = root_.find("added_tokens")) GALAGO_CHECK(tokens_.read_added(*added));
    if (config_root != nullptr) {
      if (const auto more = config_root->find("added_tokens_decoder")) GALAGO_CHECK(tokens_.read_added_decoder(*more));
    }
    GALAGO_TRY(const std::string_view unknown, model.string("unk_token", ""));
    tokens_.set_model(!byte_level_ && data_->model.byte_fallback, unknown);
    GALAGO_TRY(data_->vocabulary, tokens_.build(source_));
    data_->model.find_byte_tokens(data_->vocabulary);
    if (unknown.empty()) return {};
    data_->model.unknown = data_->vocabulary.find(unknown);
    if (data_->model.unknown == kNoToken) {
      return error(ErrorCode::kCorrupt, "{}.unk_token: \"{}\" is not in the vocabulary", model.place, unknown);
    }
    return {};
  }

  Status read_merges(const JsonValue& model) {
    const auto list = model.find("merges");
    if (!list) return model.wrong("\"merges\"");
    GALAGO_TRY(const auto items, list->array());
    std::vector<std::pair<std::string_view, std::string_view>> pairs;
    std::size_t index = 0;
    for (const auto item : items) {
      std::string_view line;
      simdjson::dom::array both;
      if (item.get(line) == simdjson::SUCCESS) {
        GALAGO_TRY(auto pair, split_merge(line, index, list->place));
        pairs.push_back(pair);
      } else {
        std::string_view left;
        std::string_view right;
        if (item.get(both) != simdjson::SUCCESS || both.size() != 2 || both.at(0).get(left) != simdjson::SUCCESS ||
            both.at(1).get(right) != simdjson::SUCCESS) {
          return list->at(index, item).wrong("\"left right\" or [\"left\", \"right\"]");
        }
        pairs.emplace_back(left, right);
      }
      ++index;
    }
    return add_merges(pairs, data_->vocabulary, list->place, data_->model);
  }

  // What is put around a text: the post-processor says, and Llama's and Gemma's classes by their configuration.
  Status read_ends(const HfConfig& config) {
    PostProcessorSpec ends;
    if (const auto value = root_.find("post_processor")) {
      GALAGO_CHECK(read_post_processor(*value, data_->vocabulary, ends));
    }
    const std::string& name = config.tokenizer_class;
    const bool by_configuration =
        name.starts_with("Llama") || name.starts_with("CodeLlama") || name.starts_with("Gemma");
    if (by_configuration && config.add_bos) set_end(*config.add_bos, config.bos, ends.prefix);
    if (by_configuration && config.add_eos) set_end(*config.add_eos, config.eos, ends.suffix);
    data_->prefix = std::move(ends.prefix);
    data_->suffix = std::move(ends.suffix);
    return {};
  }

  void set_end(bool wanted, std::string_view spelling, std::vector<TokenId>& end) const {
    const TokenId id = data_->vocabulary.find(spelling);
    if (!wanted) {
      end.clear();
    } else if (id != kNoToken && std::find(end.begin(), end.end(), id) == end.end()) {
      end = {id};
    }
  }

  JsonValue root_;
  std::string source_;
  bool byte_level_ = false;
  HfTokens tokens_;
  std::shared_ptr<Tokenizer::Data> data_ = std::make_shared<Tokenizer::Data>();
};

}  // namespace

Result<Tokenizer> Tokenizer::from_tokenizer_json(std::string_view tokenizer_json,
                                                 std::string_view tokenizer_config_json, std::string_view source) {
  GALAGO_TRY(const auto document, JsonDocument::parse(tokenizer_json, source));
  TokenizerJsonReader reader(document.root(), source);
  if (tokenizer_config_json.empty()) {
    GALAGO_TRY(auto data, reader.read(nullptr));
    return Tokenizer(std::move(data));
  }
  GALAGO_TRY(const auto config, JsonDocument::parse(tokenizer_config_json, "tokenizer_config.json"));
  const JsonValue config_root = config.root();
  GALAGO_TRY(auto data, reader.read(&config_root));
  return Tokenizer(std::move(data));
}

}  // namespace galago::text
