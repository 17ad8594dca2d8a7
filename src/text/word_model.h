// Turns one word into ids: byte-level BPE, character BPE with byte fallback, or SentencePiece's merges by score.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "text/merges.h"
#include "text/vocabulary.h"

namespace galago::text {

struct WordModel {
  enum class Kind : std::uint8_t {
    kBytes,       // symbols are bytes in GPT-2's alphabet
    kCharacters,  // symbols are characters
    kScores,      // symbols are characters; whatever pair is a token merges, best score first
  };
  Kind kind = Kind::kBytes;
  MergeTable merges;                            // kBytes, kCharacters
  std::vector<std::uint32_t> priorities;        // kScores: by id
  std::array<TokenId, 256> byte_tokens{};       // kBytes: the byte's character; else "<0x..>"; or kNoToken
  std::array<TokenId, 256> last_byte_tokens{};  // kBytes: the same, at the end of a word
  std::string word_suffix;                      // "</w>" of CLIP, on the last symbol
  bool whole_words = false;                     // a word that is a token is not taken apart (ignore_merges)
  bool byte_fallback = false;                   // characters outside the vocabulary become byte tokens
  bool fuse_unknown = false;
  TokenId unknown = kNoToken;  // kNoToken: what is unknown is left out

  // Fills the byte tables from the vocabulary.
  void find_byte_tokens(const Vocabulary& vocabulary);

  // A priority that orders as descending scores do.
  static std::uint32_t priority_of(float score);

  void encode(const Vocabulary& vocabulary, std::string_view word, std::vector<TokenId>& out) const;

 private:
  bool encode_whole(const Vocabulary& vocabulary, std::string_view word, std::vector<TokenId>& out) const;
  void byte_symbols(std::string_view word, std::vector<Symbol>& symbols) const;
  void character_symbols(const Vocabulary& vocabulary, std::string_view word, std::vector<Symbol>& symbols) const;
  void add_unknown(std::uint32_t begin, std::uint32_t size, std::vector<Symbol>& symbols) const;
  void encode_by_score(const Vocabulary& vocabulary, std::string_view word, std::vector<TokenId>& out) const;
};

}  // namespace galago::text
