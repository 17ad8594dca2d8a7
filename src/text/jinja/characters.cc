#include "text/jinja/characters.h"

#include <utf8proc.h>

#include <algorithm>
#include <utility>

#include "text/unicode.h"

namespace galago::text::jinja {

namespace {

enum class Case : std::uint8_t { kUpper, kLower, kTitle };

void append_cased(char32_t c, Case wanted, std::string& out) {
  const auto code = static_cast<utf8proc_int32_t>(c);
  if (wanted == Case::kLower) {
    append_lower(c, out);
  } else if (c == U'\u00DF') {
    out += wanted == Case::kUpper ? "SS" : "Ss";
  } else {
    append_utf8(static_cast<char32_t>(wanted == Case::kUpper ? utf8proc_toupper(code) : utf8proc_totitle(code)), out);
  }
}

// `choose` is asked for the case of each character, after what the one before it was.
template <class Choose>
std::string map_case(std::string_view text, const Choose& choose) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    append_cased(c.code_point, choose(c.code_point), out);
    i += c.size;
  }
  return out;
}

bool is_line_break(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

}  // namespace

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
  return is_white_space(c);
}

bool is_printable(char32_t c) {
  if (c < 0x7F) return c >= 0x20;
  return (categories(c) & (kOther | kSeparator)) == 0;
}

std::string to_upper(std::string_view text) {
  return map_case(text, [](char32_t) { return Case::kUpper; });
}

std::string to_lower(std::string_view text) {
  return map_case(text, [](char32_t) { return Case::kLower; });
}

std::string to_title(std::string_view text) {
  bool inside = false;
  return map_case(text, [&inside](char32_t c) {
    const bool starts = !inside;
    inside = (categories(c) & (kLetterUpper | kLetterLower | kLetterTitle)) != 0;
    return starts ? Case::kTitle : Case::kLower;
  });
}

std::string to_capitalized(std::string_view text) {
  bool is_first = true;
  return map_case(text, [&is_first](char32_t) { return std::exchange(is_first, false) ? Case::kTitle : Case::kLower; });
}

std::string_view strip_right(std::string_view text) { return strip(text, std::nullopt, false, true); }

std::string_view strip(std::string_view text, std::optional<std::string_view> chars, bool left, bool right) {
  const auto goes = [&](std::string_view at, const Decoded& c) {
    if (!chars) return is_space(c.code_point);
    return chars->find(at.substr(0, c.size)) != std::string_view::npos;
  };
  while (left && !text.empty()) {
    const Decoded c = decode_utf8(text, 0);
    if (!goes(text, c)) break;
    text.remove_prefix(c.size);
  }
  while (right && !text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && (text[start] & 0xC0) == 0x80) --start;
    if (!goes(text.substr(start), decode_utf8(text, start))) break;
    text = text.substr(0, start);
  }
  return text;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    std::size_t end = i + c.size;
    if (is_line_break(c.code_point)) {
      if (c.code_point == '\r' && end < text.size() && text[end] == '\n') ++end;
      lines.push_back(text.substr(start, (keep_ends ? end : i) - start));
      start = end;
    }
    i = end;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

std::optional<std::string> decode_escapes(std::string_view raw, std::string& value) {
  value.clear();
  const auto hex = [&](std::size_t at, std::size_t digits) -> std::optional<char32_t> {
    if (at + digits > raw.size()) return std::nullopt;
    char32_t c = 0;
    for (std::size_t i = at; i < at + digits; ++i) {
      const char d = raw[i];
      const int digit = d >= '0' && d <= '9'   ? d - '0'
                        : d >= 'a' && d <= 'f' ? d - 'a' + 10
                        : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                               : -1;
      if (digit < 0) return std::nullopt;
      c = c * 16 + static_cast<char32_t>(digit);
    }
    return c;
  };
  for (std::size_t i = 0; i < raw.size();) {
    if (raw[i] != '\\' || i + 1 == raw.size()) {
      value += raw[i++];
      continue;
    }
    const char c = raw[i + 1];
    i += 2;
    constexpr std::string_view kFrom = "\\'\"abfnrtv";
    constexpr std::string_view kTo = "\\'\"\a\b\f\n\r\t\v";
    if (const auto simple = kFrom.find(c); simple != std::string_view::npos) {
      value += kTo[simple];
    } else if (c == '\n') {
      continue;  // a line that goes on
    } else if (c >= '0' && c <= '7') {
      char32_t code = static_cast<char32_t>(c - '0');
      for (int n = 0; n < 2 && i < raw.size() && raw[i] >= '0' && raw[i] <= '7'; ++n)
        code = code * 8 + static_cast<char32_t>(raw[i++] - '0');
      append_utf8(code, value);
    } else if (c == 'x' || c == 'u' || c == 'U') {
      const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      const auto code = hex(i, digits);
      if (!code) return "a truncated \\" + std::string(1, c) + " escape in a string";
      if (*code > 0x10FFFF) return "a \\U escape beyond U+10FFFF in a string";
      if (*code >= 0xD800 && *code < 0xE000) return "a surrogate escape in a string, which UTF-8 cannot hold";
      append_utf8(*code, value);
      i += digits;
    } else if (c == 'N') {
      return "a \\N{name} escape in a string is not supported; write \\uXXXX";
    } else {
      value += '\\';
      value += c;
    }
  }
  return std::nullopt;
}

std::size_t byte_offset(std::string_view text, std::int64_t index) {
  std::size_t at = 0;
  while (index > 0 && at < text.size()) {
    ++at;
    while (at < text.size() && (text[at] & 0xC0) == 0x80) ++at;
    --index;
  }
  return at;
}

std::int64_t count_code_points(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

}  // namespace galago::text::jinja
