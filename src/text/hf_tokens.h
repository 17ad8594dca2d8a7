// The tokens of a Hugging Face tokenizer: those of the model's vocabulary and those added to it, collected from files
// whose ids nobody has checked.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/json_reader.h"
#include "text/tokenizer_data.h"

namespace galago::text {

struct HfAddedToken {
  std::string_view content;
  AddedToken token;
  bool normalized = false;
};

class HfTokens {
 public:
  // {"token": id, ...}
  Status read_vocabulary(const JsonValue& object);
  // tokenizer.json's list of added_tokens.
  Status read_added(const JsonValue& list);
  // tokenizer_config.json's {"id": {"content": ..}}, for tokens that are not added yet.
  Status read_added_decoder(const JsonValue& object);
  // Marks a token of the vocabulary as special, if it is there and not added yet.
  void add_special(std::string_view content);
  // Makes the tokens "<0x00>".. bytes, and `unknown` the unknown token.
  void set_model(bool byte_tokens, std::string_view unknown);

  Result<Vocabulary> build(std::string_view source) const;
  const std::vector<HfAddedToken>& added() const { return added_; }

 private:
  Status place(std::int64_t id, std::string_view content, TokenKind kind, const std::string& where);
  Status add(std::int64_t id, const JsonValue& token);

  std::vector<std::string_view> spellings_;  // by id
  std::vector<TokenKind> kinds_;
  std::size_t count_ = 0;
  struct Hash {
    std::size_t operator()(std::string_view spelling) const { return seeded_hash(spelling); }
  };
  std::unordered_map<std::string_view, TokenId, Hash> ids_;
  std::vector<HfAddedToken> added_;
  std::unordered_map<TokenId, std::size_t> added_index_;  // by id
};

// The special tokens that tokenizer_config.json names; empty where it does not.
struct HfConfig {
  std::string tokenizer_class;
  std::string bos, eos, unk, pad;
  std::optional<bool> add_bos, add_eos;
  bool add_prefix_space = false;
};
Result<HfConfig> read_hf_config(const JsonValue& root);

// Puts the added tokens where encoding looks for them, and the config's special tokens into their roles.
void apply_hf_tokens(const HfTokens& tokens, const HfConfig& config, Tokenizer::Data& data);

}  // namespace galago::text
