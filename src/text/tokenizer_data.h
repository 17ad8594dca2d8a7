// What a Tokenizer is made of; the readers of GGUF, tokenizer.json and vocab.json fill it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/added_tokens.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"
#include "text/word_model.h"

namespace galago::text {

// How spellings become text again.
struct Decoding {
  enum class Kind : std::uint8_t { kBytes, kSpaces, kPlain };
  Kind kind = Kind::kBytes;         // GPT-2's alphabet; a character that stands for space; as spelled
  std::string space = "\u2581";     // kSpaces
  bool drop_leading_space = false;  // the one that encoding puts before a text
  std::string word_suffix;          // becomes a space
  bool trim = false;                // white space at both ends of a whole text goes
};

struct Tokenizer::Data {
  std::string source;
  Vocabulary vocabulary;
  AddedTokens added;             // found in the text as it is
  AddedTokens added_normalized;  // found in the normalized text
  std::vector<NormalizerStep> normalizer;
  std::vector<PreTokenizerStage> pre_tokenizer;
  WordModel model;
  Decoding decoding;
  std::vector<TokenId> prefix, suffix;  // what add_bos_eos puts around a text
  std::optional<TokenId> bos, eos, eot, eom, unk, pad;
  std::vector<TokenId> end_of_generation;
  std::vector<std::string> warnings;

  std::string piece(TokenId id) const;

  // Finds the end of turn by its usual names where the file does not say, and lists the ends of generation.
  void assign_roles();
};

// Whether `spelling` is one of the usual names of a token that ends a turn or a text.
bool is_end_of_generation_name(std::string_view spelling);

// The merges of `model` from "left right" pairs. Fails on a pair whose parts or whole are not in the vocabulary;
// `field` names the list in errors.
Status add_merges(std::span<const std::pair<std::string_view, std::string_view>> pairs, const Vocabulary& vocabulary,
                  std::string_view field, WordModel& model);

// Splits "left right" at its first space behind the first byte (a token may itself be a space).
Result<std::pair<std::string_view, std::string_view>> split_merge(std::string_view line, std::size_t index,
                                                                  std::string_view field);

}  // namespace galago::text
