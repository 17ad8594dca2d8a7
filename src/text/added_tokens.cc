#include "text/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"

namespace galago::text {
namespace {

std::size_t previous_code_point(std::string_view text, std::size_t offset) {
  do {
    --offset;
  } while (offset > 0 && (static_cast<std::uint8_t>(text[offset]) & 0xC0) == 0x80);
  return offset;
}

bool word_before(std::string_view text, std::size_t offset) {
  if (offset == 0) return false;
  return (categories(decode_utf8(text, previous_code_point(text, offset)).code_point) & kWordCharacter) != 0;
}

bool word_after(std::string_view text, std::size_t offset) {
  if (offset == text.size()) return false;
  return (categories(decode_utf8(text, offset).code_point) & kWordCharacter) != 0;
}

bool touches(std::span<const TextRange> ranges, std::size_t begin, std::size_t end) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [=](const TextRange& range) { return range.begin < end && begin < range.end; });
}

}  // namespace

void AddedTokens::add(std::string_view content, AddedToken token) {
  if (content.empty()) return;
  starts_[static_cast<std::uint8_t>(content[0])] = true;
  std::uint32_t node = 0;
  for (const char c : content) {
    const auto byte = static_cast<std::uint8_t>(c);
    auto& children = nodes_[node].children;
    const auto it = std::lower_bound(children.begin(), children.end(), std::pair<std::uint8_t, std::uint32_t>(byte, 0));
    if (it != children.end() && it->first == byte) {
      node = it->second;
      continue;
    }
    const auto child = static_cast<std::uint32_t>(nodes_.size());
    children.insert(it, {byte, child});
    nodes_.emplace_back();
    node = child;
  }
  nodes_[node].token = static_cast<std::int32_t>(tokens_.size());
  tokens_.push_back(token);
}

AddedTokens::Match AddedTokens::longest_at(std::string_view text) const {
  Match best;
  std::uint32_t node = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    const auto& children = nodes_[node].children;
    const auto it = std::lower_bound(children.begin(), children.end(), std::pair<std::uint8_t, std::uint32_t>(byte, 0));
    if (it == children.end() || it->first != byte) break;
    node = it->second;
    if (nodes_[node].token >= 0) best = {i + 1, nodes_[node].token};
  }
  return best;
}

void AddedTokens::split(std::string_view whole, bool parse_special, std::span<const TextRange> literals,
                        const std::function<void(std::size_t, std::size_t)>& text,
                        const std::function<void(TokenId)>& token) const {
  std::size_t done = 0;
  for (std::size_t at = 0; at < whole.size();) {
    if (!starts_[static_cast<std::uint8_t>(whole[at])]) {
      ++at;
      continue;
    }
    const Match match = longest_at(whole.substr(at));
    if (match.token < 0) {
      ++at;
      continue;
    }
    const AddedToken& found = tokens_[static_cast<std::size_t>(match.token)];
    std::size_t begin = at;
    std::size_t end = at + match.size;
    at = end;
    if (begin < done || (found.special && !parse_special) || touches(literals, begin, end)) continue;
    if (found.single_word && (word_before(whole, begin) || word_after(whole, end))) continue;
    if (found.lstrip) {
      while (begin > done) {
        const std::size_t before = previous_code_point(whole, begin);
        if (!is_white_space(decode_utf8(whole, before).code_point)) break;
        begin = before;
      }
    }
    while (found.rstrip && end < whole.size()) {
      const Decoded next = decode_utf8(whole, end);
      if (!is_white_space(next.code_point)) break;
      end += next.size;
    }
    if (begin > done) text(done, begin);
    token(found.id);
    done = end;
  }
  if (done < whole.size()) text(done, whole.size());
}

}  // namespace galago::text
