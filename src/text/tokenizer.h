// Text to token ids and back, as the model's own tokenizer does it: from a GGUF vocabulary, from tokenizer.json, or
// from vocab.json and merges.txt. Immutable once built, cheap to copy, usable from any number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "galago/result.h"

namespace galago::text {

using TokenId = std::int32_t;

// A range of a text's bytes.
struct TextRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct EncodeOptions {
  bool parse_special = true;  // special tokens written in the text become their ids; else they are plain text
  bool add_bos_eos = false;   // what the model's tokenizer adds around a text by default
  // Where text stands that is only text: no special or added token is found there. Ascending, without overlaps.
  std::span<const TextRange> literals{};
};

// A vocabulary as a GGUF file holds it. The views stay owned by the file, and are needed only while building.
struct GgufVocabulary {
  std::string source;                    // names the file in errors
  std::string model;                     // tokenizer.ggml.model: "llama" (SentencePiece) or "gpt2" (byte-level BPE)
  std::string pre;                       // tokenizer.ggml.pre; empty when absent
  std::string model_name;                // general.name, for the few models whose special tokens take spaces along
  std::vector<std::string_view> tokens;  // tokenizer.ggml.tokens
  std::vector<float> scores;             // tokenizer.ggml.scores: one per token, or empty
  std::vector<int> types;                // tokenizer.ggml.token_type: one per token, or empty
  std::vector<std::string_view> merges;  // tokenizer.ggml.merges: "left right"
  std::optional<std::int64_t> bos, eos, eot, eom, unk, pad, sep, mask;  // tokenizer.ggml.*_token_id
  std::optional<bool> add_bos, add_eos, add_space_prefix, remove_extra_whitespaces;
};

class Tokenizer {
 public:
  static Result<Tokenizer> from_gguf(const GgufVocabulary& vocabulary);

  // `tokenizer_config_json` and the optional files may be empty. `source` names the folder in errors.
  static Result<Tokenizer> from_tokenizer_json(std::string_view tokenizer_json, std::string_view tokenizer_config_json,
                                               std::string_view source = "tokenizer.json");
  static Result<Tokenizer> from_vocab_and_merges(std::string_view vocab_json, std::string_view merges_txt,
                                                 std::string_view tokenizer_config_json,
                                                 std::string_view source = "vocab.json");

  // Fails for text that is not UTF-8, naming the first bad byte's offset.
  Result<std::vector<TokenId>> encode(std::string_view text, EncodeOptions options = {}) const;

  // The text of `ids`: U+FFFD stands for bytes that form no UTF-8; ids outside the vocabulary stand for nothing.
  std::string decode(std::span<const TokenId> ids, bool skip_special = true) const;

  // The bytes that one token stands for (possibly a part of a character); a special token's own text.
  std::string piece(TokenId id) const;
  // The token as the vocabulary spells it: "Ġthe", "▁the", "<0x0A>".
  std::string_view spelling(TokenId id) const;
  // The id of a token by its spelling.
  std::optional<TokenId> find(std::string_view spelling) const;

  std::int32_t vocab_size() const;
  std::optional<TokenId> bos() const;
  std::optional<TokenId> eos() const;
  std::optional<TokenId> eot() const;  // the end of a turn, where the model has such a token
  std::optional<TokenId> unk() const;
  std::optional<TokenId> pad() const;
  // Every token that ends a generation: EOS, end of turn, end of message. Ascending.
  const std::vector<TokenId>& end_of_generation() const;
  bool is_end_of_generation(TokenId id) const;
  // A control token, which is no text of its own.
  bool is_special(TokenId id) const;

  // Whether add_bos_eos puts bos() before and eos() after a text.
  bool adds_bos() const;
  bool adds_eos() const;

  // What could only be guessed while building (an unknown pre-tokenizer's name): one line each, to be shown to the
  // user.
  const std::vector<std::string>& warnings() const;

  struct Data;

 private:
  friend class StreamDecoder;
  explicit Tokenizer(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

  std::shared_ptr<const Data> data_;
};

// Decodes a token at a time for streaming. What push() returns is always whole UTF-8: the bytes of a character that is
// still incomplete wait for the next token.
class StreamDecoder {
 public:
  struct Options {
    bool skip_special = true;
    bool at_start = true;  // the first token begins a text: SentencePiece's leading space is dropped
  };
  explicit StreamDecoder(Tokenizer tokenizer);
  StreamDecoder(Tokenizer tokenizer, Options options);

  std::string push(TokenId id);
  // What is left: U+FFFD for the bytes of an incomplete character.
  std::string finish();

 private:
  std::string take(bool at_end);

  Tokenizer tokenizer_;
  Options options_;
  std::string pending_;
};

}  // namespace galago::text
