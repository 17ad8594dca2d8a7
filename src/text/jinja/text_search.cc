#include "text/jinja/text_search.h"

#include <algorithm>
#include <cstdint>

namespace galago::text::jinja {

namespace {

// Needles up to this length cost at most so many comparisons a byte with the naive search.
constexpr std::size_t kShort = 16;

// Knuth, Morris and Pratt: for each prefix of the needle, its longest border.
std::vector<std::uint32_t> borders(std::string_view needle) {
  std::vector<std::uint32_t> border(needle.size(), 0);
  std::uint32_t length = 0;
  for (std::size_t i = 1; i < needle.size(); ++i) {
    while (length > 0 && needle[i] != needle[length]) length = border[length - 1];
    if (needle[i] == needle[length]) ++length;
    border[i] = length;
  }
  return border;
}

void scan(std::string_view text, std::string_view needle, std::size_t from, std::size_t limit,
          std::vector<std::size_t>& found) {
  if (needle.size() <= kShort) {
    for (std::size_t at = text.find(needle, from); at != std::string_view::npos && found.size() < limit;
         at = text.find(needle, at + needle.size())) {
      found.push_back(at);
    }
    return;
  }
  const auto border = borders(needle);
  std::size_t matched = 0;
  for (std::size_t i = from; i < text.size() && found.size() < limit; ++i) {
    while (matched > 0 && text[i] != needle[matched]) matched = border[matched - 1];
    if (text[i] == needle[matched]) ++matched;
    if (matched == needle.size()) {
      found.push_back(i + 1 - matched);
      matched = 0;
    }
  }
}

}  // namespace

std::size_t find_text(std::string_view text, std::string_view needle, std::size_t from) {
  if (needle.size() <= kShort) return text.find(needle, from);
  if (from > text.size() || needle.size() > text.size() - from) return std::string_view::npos;
  std::vector<std::size_t> found;
  scan(text, needle, from, 1, found);
  return found.empty() ? std::string_view::npos : found[0];
}

std::size_t rfind_text(std::string_view text, std::string_view needle) {
  if (needle.size() <= kShort) return text.rfind(needle);
  // The last occurrence is the first one of the reversed texts.
  const std::string reversed_text(text.rbegin(), text.rend());
  const std::string reversed_needle(needle.rbegin(), needle.rend());
  const std::size_t at = find_text(reversed_text, reversed_needle, 0);
  return at == std::string_view::npos ? at : text.size() - at - needle.size();
}

std::vector<std::size_t> find_all(std::string_view text, std::string_view needle, std::int64_t limit) {
  std::vector<std::size_t> found;
  scan(text, needle, 0, limit < 0 ? SIZE_MAX : static_cast<std::size_t>(limit), found);
  return found;
}

}  // namespace galago::text::jinja
