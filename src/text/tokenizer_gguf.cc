// A tokenizer from the tokenizer.ggml.* metadata of a GGUF file.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/error.h"
#include "base/try.h"
#include "text/gguf_pre_tokenizers.h"
#include "text/tokenizer_data.h"
#include "text/unicode.h"

namespace galago::text {
namespace {

constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr std::string_view kSpace = "\u2581";

bool looks_like_byte(std::string_view spelling) {
  return spelling.size() == 6 && spelling.starts_with("<0x") && spelling.ends_with('>') &&
         std::isxdigit(static_cast<unsigned char>(spelling[3])) != 0 &&
         std::isxdigit(static_cast<unsigned char>(spelling[4])) != 0;
}

std::string known_names() {
  std::string list;
  for (const std::string_view name : gguf_pre_tokenizer_names()) {
    if (!list.empty()) list += ", ";
    list += name;
  }
  return list;
}

class GgufReader {
 public:
  explicit GgufReader(const GgufVocabulary& file) : file_(file), sentence_piece_(file.model == "llama") {}

  Result<std::shared_ptr<const Tokenizer::Data>> read() {
    if (!sentence_piece_ && file_.model != "gpt2") {
      return error(ErrorCode::kUnsupported,
                   "{}: tokenizer.ggml.model is \"{}\"; supported are \"llama\" (SentencePiece) and \"gpt2\" (BPE)",
                   file_.source, file_.model);
    }
    data_->source = file_.source;
    GALAGO_CHECK(check_lists());
    GALAGO_CHECK(read_ids());
    GALAGO_TRY(const auto kinds, read_kinds());
    GALAGO_TRY(data_->vocabulary,
               Vocabulary::build(file_.tokens, kinds, fmt::format("{}: {}", file_.source, kTokensKey)));
    GALAGO_CHECK(sentence_piece_ ? build_sentence_piece() : build_bpe());
    add_special_tokens();
    if (add_bos_ && data_->bos) data_->prefix = {*data_->bos};
    if (file_.add_eos.value_or(false) && data_->eos) data_->suffix = {*data_->eos};
    data_->assign_roles();
    return std::shared_ptr<const Tokenizer::Data>(data_);
  }

 private:
  Status check_lists() const {
    for (const auto& [key, size] : {std::pair{"scores", file_.scores.size()}, {"token_type", file_.types.size()}}) {
      if (size != 0 && size != file_.tokens.size()) {
        return error(ErrorCode::kCorrupt, "{}: tokenizer.ggml.{} has {} entries for {} tokens", file_.source, key, size,
                     file_.tokens.size());
      }
    }
    for (std::size_t i = 0; i < file_.tokens.size(); ++i) {
      if (find_invalid_utf8(file_.tokens[i])) {
        return error(ErrorCode::kCorrupt, "{}: {}[{}] is not UTF-8", file_.source, kTokensKey, i);
      }
    }
    return {};
  }

  Status read_ids() {
    const std::array ids = {
        IdField{"bos", file_.bos, &data_->bos},     IdField{"eos", file_.eos, &data_->eos},
        IdField{"eot", file_.eot, &data_->eot},     IdField{"eom", file_.eom, &data_->eom},
        IdField{"unknown", file_.unk, &data_->unk}, IdField{"padding", file_.pad, &data_->pad},
        IdField{"seperator", file_.sep, nullptr},   IdField{"mask", file_.mask, nullptr},
    };
    for (const IdField& field : ids) {
      if (!field.value) continue;
      // Converters write -1, or its unsigned form, for a token that the model does not have.
      if (*field.value == -1 || *field.value == 0xFFFFFFFF) continue;
      if (*field.value < 0 || *field.value >= static_cast<std::int64_t>(file_.tokens.size())) {
        return error(ErrorCode::kCorrupt, "{}: tokenizer.ggml.{}_token_id is {}, but there are {} tokens", file_.source,
                     field.name, *field.value, file_.tokens.size());
      }
      if (field.target != nullptr) *field.target = static_cast<TokenId>(*field.value);
    }
    if (!sentence_piece_) return {};
    default_id(0, "<unk>", file_.unk, data_->unk);
    default_id(1, "<s>", file_.bos, data_->bos);
    default_id(2, "</s>", file_.eos, data_->eos);
    return {};
  }

  struct IdField {
    std::string_view name;
    std::optional<std::int64_t> value;
    std::optional<TokenId>* target;
  };

  // SentencePiece's usual places, for files that leave the ids out.
  void default_id(std::size_t id, std::string_view spelling, const std::optional<std::int64_t>& given,
                  std::optional<TokenId>& target) const {
    if (!given && id < file_.tokens.size() && file_.tokens[id] == spelling) target = static_cast<TokenId>(id);
  }

  Result<std::vector<TokenKind>> read_kinds() {
    std::vector<TokenKind> kinds(file_.tokens.size(), TokenKind::kNormal);
    for (std::size_t i = 0; i < file_.types.size(); ++i) {
      const int type = file_.types[i];
      if (type < 0 || type > static_cast<int>(TokenKind::kByte)) {
        return error(ErrorCode::kCorrupt, "{}: tokenizer.ggml.token_type[{}] is {}, expected 0 to 6", file_.source, i,
                     type);
      }
      kinds[i] = type == 0 ? TokenKind::kNormal : static_cast<TokenKind>(type);
      if (kinds[i] == TokenKind::kByte && !looks_like_byte(file_.tokens[i])) {
        return error(ErrorCode::kCorrupt,
                     "{}: {}[{}] is \"{}\", but its type says byte; expected \"<0x00>\" to \"<0xFF>\"", file_.source,
                     kTokensKey, i, file_.tokens[i]);
      }
    }
    if (file_.types.empty()) {
      for (std::size_t i = 0; sentence_piece_ && i < kinds.size(); ++i) {
        if (looks_like_byte(file_.tokens[i])) kinds[i] = TokenKind::kByte;
      }
      for (const auto& id : {data_->bos, data_->eos, data_->eot, data_->eom, data_->unk, data_->pad}) {
        if (id) kinds[static_cast<std::size_t>(*id)] = TokenKind::kControl;
      }
    }
    // Some converters wrote the ends of turns as plain tokens; as such they would never be recognised.
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      if (kinds[i] == TokenKind::kNormal && is_end_of_generation_name(file_.tokens[i])) kinds[i] = TokenKind::kControl;
    }
    return kinds;
  }

  Status build_sentence_piece() {
    WordModel& model = data_->model;
    model.kind = WordModel::Kind::kScores;
    model.byte_fallback = true;
    model.fuse_unknown = true;
    model.unknown = data_->unk.value_or(kNoToken);
    if (file_.scores.empty()) {
      return error(ErrorCode::kCorrupt,
                   "{}: tokenizer.ggml.scores is missing; a \"llama\" vocabulary is merged by score", file_.source);
    }
    model.priorities.reserve(file_.scores.size());
    for (std::size_t i = 0; i < file_.scores.size(); ++i) {
      if (std::isnan(file_.scores[i])) {
        return error(ErrorCode::kCorrupt, "{}: tokenizer.ggml.scores[{}] is not a number", file_.source, i);
      }
      model.priorities.push_back(WordModel::priority_of(file_.scores[i]));
    }
    model.find_byte_tokens(data_->vocabulary);
    if (file_.remove_extra_whitespaces.value_or(false)) data_->normalizer.emplace_back(CollapseSpaces{});
    const bool prefix = file_.add_space_prefix.value_or(true);
    if (prefix) data_->normalizer.emplace_back(Prepend{" "});
    data_->normalizer.emplace_back(replace_string(" ", std::string(kSpace)));
    data_->decoding.kind = Decoding::Kind::kSpaces;
    data_->decoding.drop_leading_space = prefix;
    add_bos_ = file_.add_bos.value_or(true);
    return {};
  }

  Status build_bpe() {
    const std::string name = file_.pre.empty() ? "default" : file_.pre;
    auto pre = gguf_pre_tokenizer(name);
    if (!pre) {
      data_->warnings.push_back(
          fmt::format("{}: tokenizer.ggml.pre \"{}\" is not known, \"default\" is used instead and some texts may be "
                      "split otherwise than the model expects; known are: {}",
                      file_.source, name, known_names()));
      pre = gguf_pre_tokenizer("default");
    } else if (file_.pre.empty()) {
      data_->warnings.push_back(fmt::format(
          "{}: tokenizer.ggml.pre is missing, \"default\" is used; convert the model again for exact results",
          file_.source));
    }
    data_->pre_tokenizer = std::move(pre->stages);
    data_->model.whole_words = pre->whole_words;
    add_bos_ = file_.add_bos.value_or(pre->adds_bos);
    std::vector<std::pair<std::string_view, std::string_view>> pairs;
    pairs.reserve(file_.merges.size());
    const std::string field = fmt::format("{}: tokenizer.ggml.merges", file_.source);
    for (std::size_t i = 0; i < file_.merges.size(); ++i) {
      GALAGO_TRY(auto pair, split_merge(file_.merges[i], i, field));
      pairs.push_back(pair);
    }
    if (pairs.empty())
      return error(ErrorCode::kCorrupt, "{} is missing or empty; a \"gpt2\" vocabulary needs it", field);
    data_->model.find_byte_tokens(data_->vocabulary);
    return add_merges(pairs, data_->vocabulary, field, data_->model);
  }

  void add_special_tokens() {
    std::string name = file_.model_name;
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    // Phi-3's special tokens take the white space behind them along; its GGUF files have no field to say so.
    const bool phi3 = name.find("phi-3") != std::string::npos || name.find("phi3") != std::string::npos;
    const Vocabulary& vocabulary = data_->vocabulary;
    for (TokenId id = 0; id < vocabulary.size(); ++id) {
      const TokenKind kind = vocabulary.kind(id);
      const bool special = kind == TokenKind::kControl || kind == TokenKind::kUnknown;
      if (!special && kind != TokenKind::kUserDefined) continue;
      const std::string_view spelling = vocabulary.spelling(id);
      const bool keeps_space = spelling == "<unk>" || spelling == "<s>" || spelling == "<|endoftext|>";
      data_->added.add(spelling, {.id = id, .special = special, .rstrip = phi3 && !keeps_space});
    }
  }

  const GgufVocabulary& file_;
  bool sentence_piece_;
  bool add_bos_ = false;
  std::shared_ptr<Tokenizer::Data> data_ = std::make_shared<Tokenizer::Data>();
};

}  // namespace

Result<Tokenizer> Tokenizer::from_gguf(const GgufVocabulary& vocabulary) {
  GALAGO_TRY(auto data, GgufReader(vocabulary).read());
  return Tokenizer(std::move(data));
}

}  // namespace galago::text
