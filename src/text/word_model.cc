#include "text/word_model.h"

#include <bit>

#include "text/byte_level.h"
#include "text/unicode.h"

namespace galago::text {
namespace {

// Control, unknown and byte tokens are never the result of merging text, however it is spelled.
bool is_text(TokenKind kind) {
  return kind == TokenKind::kNormal || kind == TokenKind::kUserDefined || kind == TokenKind::kUnused;
}

}  // namespace

void WordModel::find_byte_tokens(const Vocabulary& vocabulary) {
  for (std::size_t i = 0; i < 256; ++i) {
    const auto byte = static_cast<std::uint8_t>(i);
    if (kind == Kind::kBytes) {
      byte_tokens[i] = vocabulary.find(byte_character(byte));
      last_byte_tokens[i] = vocabulary.find(std::string(byte_character(byte)) + word_suffix);
    } else {
      byte_tokens[i] = last_byte_tokens[i] = vocabulary.find(byte_fallback_spelling(byte));
    }
  }
}

std::uint32_t WordModel::priority_of(float score) {
  const auto bits = std::bit_cast<std::uint32_t>(score == 0.0f ? 0.0f : score);
  // Ascending as floats ascend: set the sign bit of positive numbers, flip all bits of negative ones.
  const std::uint32_t ascending = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  return ~ascending;
}

bool WordModel::encode_whole(const Vocabulary& vocabulary, std::string_view word, std::vector<TokenId>& out) const {
  if (word.size() > vocabulary.longest()) return false;
  std::string spelling;
  if (kind == Kind::kBytes) {
    for (const char c : word) spelling += byte_character(static_cast<std::uint8_t>(c));
  } else {
    spelling = word;
  }
  const TokenId id = vocabulary.find(spelling);
  if (id == kNoToken || !is_text(vocabulary.kind(id))) return false;
  out.push_back(id);
  return true;
}

void WordModel::add_unknown(std::uint32_t begin, std::uint32_t size, std::vector<Symbol>& symbols) const {
  if (unknown == kNoToken) return;
  if (fuse_unknown && !symbols.empty() && symbols.back().id == unknown) {
    symbols.back().size += size;
    return;
  }
  symbols.push_back({.begin = begin, .size = size, .id = unknown});
}

void WordModel::byte_symbols(std::string_view word, std::vector<Symbol>& symbols) const {
  // A symbol per character where the vocabulary lacks a byte would need a rule of its own: each byte is unknown.
  for (std::size_t i = 0; i < word.size(); ++i) {
    const auto& table = i + 1 == word.size() ? last_byte_tokens : byte_tokens;
    const TokenId id = table[static_cast<std::uint8_t>(word[i])];
    const auto begin = static_cast<std::uint32_t>(i);
    if (id == kNoToken) {
      add_unknown(begin, 1, symbols);
    } else {
      symbols.push_back({.begin = begin, .size = 1, .id = id});
    }
  }
}

void WordModel::character_symbols(const Vocabulary& vocabulary, std::string_view word,
                                  std::vector<Symbol>& symbols) const {
  std::string spelling;
  for (std::size_t i = 0; i < word.size();) {
    const std::uint32_t size = decode_utf8(word, i).size;
    const auto begin = static_cast<std::uint32_t>(i);
    spelling = word.substr(i, size);
    i += size;
    if (i == word.size()) spelling += word_suffix;
    if (const TokenId id = vocabulary.find(spelling); id != kNoToken) {
      symbols.push_back({.begin = begin, .size = size, .id = id});
      continue;
    }
    bool fallback = byte_fallback;
    for (const char c : spelling) fallback = fallback && byte_tokens[static_cast<std::uint8_t>(c)] != kNoToken;
    if (!fallback) {
      add_unknown(begin, size, symbols);
      continue;
    }
    for (std::uint32_t k = 0; k < size; ++k) {
      symbols.push_back({.begin = begin + k, .size = 1, .id = byte_tokens[static_cast<std::uint8_t>(word[begin + k])]});
    }
  }
}

void WordModel::encode_by_score(const Vocabulary& vocabulary, std::string_view word, std::vector<TokenId>& out) const {
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  const auto text_token = [&](std::uint32_t begin, std::uint32_t size) {
    const TokenId id = vocabulary.find(word.substr(begin, size));
    return id != kNoToken && is_text(vocabulary.kind(id)) ? id : kNoToken;
  };
  for (std::size_t i = 0; i < word.size();) {
    const std::uint32_t size = decode_utf8(word, i).size;
    const auto begin = static_cast<std::uint32_t>(i);
    symbols.push_back({.begin = begin, .size = size, .id = text_token(begin, size)});
    i += size;
  }
  merge_symbols(symbols, [&](const Symbol& left, const Symbol& right) -> Merge {
    const TokenId id = text_token(left.begin, left.size + right.size);
    if (id == kNoToken) return {};
    return {priorities[static_cast<std::size_t>(id)], id};
  });
  bool after_unknown = false;
  for (const Symbol& symbol : symbols) {
    if (symbol.size == 0) continue;
    if (symbol.id != kNoToken) {
      out.push_back(symbol.id);
      after_unknown = false;
      continue;
    }
    const std::string_view text = word.substr(symbol.begin, symbol.size);
    bool fallback = byte_fallback;
    for (const char c : text) fallback = fallback && byte_tokens[static_cast<std::uint8_t>(c)] != kNoToken;
    if (fallback) {
      for (const char c : text) out.push_back(byte_tokens[static_cast<std::uint8_t>(c)]);
    } else if (unknown != kNoToken && !(fuse_unknown && after_unknown)) {
      out.push_back(unknown);
    }
    after_unknown = !fallback;
  }
}

void WordModel::encode(const Vocabulary& vocabulary, std::string_view word, std::vector<TokenId>& out) const {
  if (word.empty()) return;
  if (kind == Kind::kScores) return encode_by_score(vocabulary, word, out);
  if (whole_words && encode_whole(vocabulary, word, out)) return;
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  if (kind == Kind::kBytes) {
    byte_symbols(word, symbols);
  } else {
    character_symbols(vocabulary, word, symbols);
  }
  merge_symbols(symbols, [&](const Symbol& left, const Symbol& right) { return merges.find(left.id, right.id); });
  for (const Symbol& symbol : symbols) {
    if (symbol.size > 0) out.push_back(symbol.id);
  }
}

}  // namespace galago::text
