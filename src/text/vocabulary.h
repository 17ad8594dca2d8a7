// The tokens of a model: id -> spelling and kind, spelling -> id.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "galago/result.h"
#include "text/tokenizer.h"

namespace galago::text {

inline constexpr TokenId kNoToken = -1;

// Four times the largest vocabulary published so far; a file that claims more is broken or hostile.
inline constexpr std::size_t kMaxVocabularySize = std::size_t{1} << 20;

// The numbering is that of tokenizer.ggml.token_type; kHole is an id without a token.
enum class TokenKind : std::uint8_t {
  kHole = 0,
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

// A hash of bytes under a seed of the process, so that no file can be written whose tokens all collide.
std::uint64_t seeded_hash(std::string_view bytes);
std::uint64_t seeded_hash(std::uint64_t value);

class Vocabulary {
 public:
  // Copies the spellings. An empty spelling is a hole. Fails on duplicates; `field` names the list in errors.
  static Result<Vocabulary> build(std::span<const std::string_view> spellings, std::span<const TokenKind> kinds,
                                  std::string_view field);

  std::int32_t size() const { return static_cast<std::int32_t>(kinds_.size()); }
  bool contains(TokenId id) const { return id >= 0 && id < size(); }
  std::string_view spelling(TokenId id) const {
    const auto i = static_cast<std::size_t>(id);
    return std::string_view(arena_).substr(offsets_[i], offsets_[i + 1] - offsets_[i]);
  }
  TokenKind kind(TokenId id) const { return kinds_[static_cast<std::size_t>(id)]; }
  std::size_t longest() const { return longest_; }

  // The id, or kNoToken.
  TokenId find(std::string_view spelling) const;

 private:
  std::string arena_;
  std::vector<std::uint32_t> offsets_;  // size() + 1
  std::vector<TokenKind> kinds_;
  std::vector<TokenId> index_;  // open addressing, a power of two in size
  std::size_t longest_ = 0;
};

}  // namespace galago::text
