#include "text/hf_tokens.h"

#include <charconv>

#include "base/checked.h"
#include "base/try.h"
#include "text/byte_level.h"

namespace galago::text {
namespace {

// Ids that a file may leave out: padding to a round size and reserved ranges are real, a sparse vocabulary is not.
constexpr std::size_t kMaxHoles = 65536;

Result<std::string> token_content(const JsonValue& root, std::string_view key) {
  const auto value = root.find(key);
  if (!value) return std::string();
  const auto content = value->find("content");
  GALAGO_TRY(const std::string_view text, content ? content->string() : value->string());
  return std::string(text);
}

}  // namespace

Status HfTokens::place(std::int64_t id, std::string_view content, TokenKind kind, const std::string& where) {
  if (id < 0 || id >= static_cast<std::int64_t>(kMaxVocabularySize)) {
    return error(ErrorCode::kOutOfRange, "{}: token \"{}\" has id {}, expected 0 to {}", where, content, id,
                 kMaxVocabularySize - 1);
  }
  if (content.empty()) return error(ErrorCode::kCorrupt, "{}: token {} is empty", where, id);
  const auto index = static_cast<std::size_t>(id);
  if (index >= spellings_.size()) {
    spellings_.resize(index + 1);
    kinds_.resize(index + 1, TokenKind::kHole);
  }
  if (!spellings_[index].empty() && spellings_[index] != content) {
    return error(ErrorCode::kCorrupt, "{}: id {} belongs to \"{}\" and to \"{}\"", where, id, spellings_[index],
                 content);
  }
  const auto [known, inserted] = ids_.emplace(content, static_cast<TokenId>(id));
  if (!inserted && known->second != id) {
    return error(ErrorCode::kCorrupt, "{}: token \"{}\" has the ids {} and {}", where, content, known->second, id);
  }
  count_ += spellings_[index].empty() ? 1 : 0;
  spellings_[index] = content;
  kinds_[index] = kind;
  return {};
}

Status HfTokens::read_vocabulary(const JsonValue& object) {
  GALAGO_TRY(const auto members, object.object());
  if (members.size() < 0xFFFFFF) ids_.reserve(members.size());
  for (const auto member : members) {
    std::int64_t id = 0;
    if (member.value.get(id) != simdjson::SUCCESS) {
      return error(ErrorCode::kCorrupt, "{}: token \"{}\": expected an integer id", object.place, member.key);
    }
    if (member.key.empty()) continue;  // some vocabularies hold "", which no text ever becomes
    GALAGO_CHECK(place(id, member.key, TokenKind::kNormal, object.place));
  }
  return {};
}

Status HfTokens::add(std::int64_t id, const JsonValue& token) {
  const auto content = token.find("content");
  if (!content) return token.wrong("an object with \"content\"");
  HfAddedToken added;
  GALAGO_TRY(added.content, content->string());
  GALAGO_TRY(added.token.special, token.boolean("special", false));
  GALAGO_TRY(added.token.single_word, token.boolean("single_word", false));
  GALAGO_TRY(added.token.lstrip, token.boolean("lstrip", false));
  GALAGO_TRY(added.token.rstrip, token.boolean("rstrip", false));
  GALAGO_TRY(added.normalized, token.boolean("normalized", !added.token.special));
  GALAGO_CHECK(
      place(id, added.content, added.token.special ? TokenKind::kControl : TokenKind::kUserDefined, token.place));
  added.token.id = static_cast<TokenId>(id);
  if (!added_index_.emplace(added.token.id, added_.size()).second)
    return error(ErrorCode::kCorrupt, "{}: id {} is added twice", token.place, id);
  added_.push_back(added);
  return {};
}

Status HfTokens::read_added(const JsonValue& list) {
  GALAGO_TRY(const auto items, list.array());
  std::size_t index = 0;
  for (const auto item : items) {
    const JsonValue token = list.at(index++, item);
    const auto id = token.find("id");
    if (!id) return token.wrong("an object with \"id\"");
    GALAGO_TRY(const std::int64_t number, id->integer());
    GALAGO_CHECK(add(number, token));
  }
  return {};
}

Status HfTokens::read_added_decoder(const JsonValue& object) {
  GALAGO_TRY(const auto members, object.object());
  for (const auto member : members) {
    std::int64_t id = 0;
    const char* end = member.key.data() + member.key.size();
    if (const auto parsed = std::from_chars(member.key.data(), end, id);
        parsed.ec != std::errc() || parsed.ptr != end) {
      return error(ErrorCode::kCorrupt, "{}: \"{}\" is not a token id", object.place, member.key);
    }
    const auto narrow = checked_cast<TokenId>(id);
    if (narrow && added_index_.contains(*narrow)) continue;
    GALAGO_CHECK(add(id, {member.value, object.place + "." + std::string(member.key)}));
  }
  return {};
}

void HfTokens::add_special(std::string_view content) {
  const auto found = ids_.find(content);
  if (found == ids_.end()) return;
  const TokenId id = found->second;
  kinds_[static_cast<std::size_t>(id)] = TokenKind::kControl;
  const auto [known, inserted] = added_index_.emplace(id, added_.size());
  if (!inserted) {
    added_[known->second].token.special = true;
    return;
  }
  added_.push_back({.content = found->first, .token = {.id = id, .special = true}});
}

void HfTokens::set_model(bool byte_tokens, std::string_view unknown) {
  if (const auto found = ids_.find(unknown); found != ids_.end()) {
    TokenKind& kind = kinds_[static_cast<std::size_t>(found->second)];
    if (kind == TokenKind::kNormal) kind = TokenKind::kUnknown;
  }
  for (std::size_t byte = 0; byte_tokens && byte < 256; ++byte) {
    const auto found = ids_.find(byte_fallback_spelling(static_cast<std::uint8_t>(byte)));
    if (found == ids_.end()) continue;
    kinds_[static_cast<std::size_t>(found->second)] = TokenKind::kByte;
  }
}

Result<Vocabulary> HfTokens::build(std::string_view source) const {
  if (spellings_.size() > 2 * count_ && spellings_.size() - count_ > kMaxHoles) {
    return error(ErrorCode::kCorrupt, "{}: the vocabulary's highest id is {}, but it has only {} tokens", source,
                 spellings_.size() - 1, count_);
  }
  return Vocabulary::build(spellings_, kinds_, source);
}

Result<HfConfig> read_hf_config(const JsonValue& root) {
  HfConfig config;
  GALAGO_TRY(const std::string_view name, root.string("tokenizer_class", ""));
  config.tokenizer_class = name;
  GALAGO_TRY(config.bos, token_content(root, "bos_token"));
  GALAGO_TRY(config.eos, token_content(root, "eos_token"));
  GALAGO_TRY(config.unk, token_content(root, "unk_token"));
  GALAGO_TRY(config.pad, token_content(root, "pad_token"));
  if (root.find("add_bos_token")) {
    GALAGO_TRY(config.add_bos, root.boolean("add_bos_token", false));
  }
  if (root.find("add_eos_token")) {
    GALAGO_TRY(config.add_eos, root.boolean("add_eos_token", false));
  }
  GALAGO_TRY(config.add_prefix_space, root.boolean("add_prefix_space", false));
  return config;
}

void apply_hf_tokens(const HfTokens& tokens, const HfConfig& config, Tokenizer::Data& data) {
  for (const HfAddedToken& added : tokens.added()) {
    if (added.normalized) {
      data.added_normalized.add(normalize(data.normalizer, added.content), added.token);
    } else {
      data.added.add(added.content, added.token);
    }
  }
  const auto role = [&](const std::string& spelling, std::optional<TokenId>& target) {
    if (const TokenId id = data.vocabulary.find(spelling); id != kNoToken) target = id;
  };
  role(config.bos, data.bos);
  role(config.eos, data.eos);
  role(config.unk, data.unk);
  role(config.pad, data.pad);
  // Without a configuration the post-processor's tokens tell.
  if (!data.bos && !data.prefix.empty()) data.bos = data.prefix.front();
  if (!data.eos && !data.suffix.empty()) data.eos = data.suffix.back();
  data.assign_roles();
}

}  // namespace galago::text
