// Tokens that are found in the text before anything else: special ones and those a user added.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace galago::text {

struct AddedToken {
  TokenId id = kNoToken;
  bool special = false;      // left as text when special tokens are not to be parsed
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space on its left along
  bool rstrip = false;       // takes the white space on its right along
};

// Leftmost, then longest match over a trie of bytes.
class AddedTokens {
 public:
  void add(std::string_view content, AddedToken token);
  bool empty() const { return tokens_.empty(); }

  // Calls `text(begin, end)` for each non-empty range between matches and `token(id)` for each match, in order. What
  // touches one of the `literals` is no match.
  void split(std::string_view whole, bool parse_special, std::span<const TextRange> literals,
             const std::function<void(std::size_t, std::size_t)>& text,
             const std::function<void(TokenId)>& token) const;

 private:
  struct Node {
    std::vector<std::pair<std::uint8_t, std::uint32_t>> children;
    std::int32_t token = -1;  // index into tokens_
  };
  struct Match {
    std::size_t size = 0;
    std::int32_t token = -1;
  };
  Match longest_at(std::string_view text) const;

  std::vector<Node> nodes_{1};
  std::array<bool, 256> starts_{};  // the first bytes of all tokens
  std::vector<AddedToken> tokens_;
};

}  // namespace galago::text
