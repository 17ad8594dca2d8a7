#include "text/jinja/characters.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <span>

#include "text/jinja/case_tables.h"
#include "text/unicode.h"

namespace galago::text::jinja {

namespace {

bool in_ranges(std::span<const CodePointRange> ranges, char32_t c) {
  const auto it = std::upper_bound(ranges.begin(), ranges.end(), c,
                                   [](char32_t value, const CodePointRange& range) { return value < range.first; });
  return it != ranges.begin() && c <= std::prev(it)->last;
}

const SpecialCase* special_case(char32_t c) {
  const auto* it = std::lower_bound(std::begin(kSpecialCases), std::end(kSpecialCases), c,
                                    [](const SpecialCase& s, char32_t value) { return s.code_point < value; });
  return it != std::end(kSpecialCases) && it->code_point == c ? it : nullptr;
}

void append_all(const char32_t (&mapped)[4], std::string& out) {
  for (const char32_t c : mapped) {
    if (c != 0) append_utf8(c, out);
  }
}

void append_upper(char32_t c, std::string& out) {
  if (const SpecialCase* special = special_case(c)) return append_all(special->upper, out);
  append_utf8(static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))), out);
}

void append_title(char32_t c, std::string& out) {
  if (const SpecialCase* special = special_case(c)) return append_all(special->title, out);
  append_utf8(static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c))), out);
}

bool is_case_ignorable(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  switch (category) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default: break;
  }
  constexpr std::u32string_view kMidWord =
      U"'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A";
  return kMidWord.find(c) != std::u32string_view::npos;
}

// Greek capital sigma has two lower-case forms: at the end of a word it is U+03C2.
bool is_final_sigma(const std::u32string& text, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && is_case_ignorable(text[before - 1])) --before;
  if (before == 0 || !is_cased(text[before - 1])) return false;
  std::size_t after = at + 1;
  while (after < text.size() && is_case_ignorable(text[after])) ++after;
  return after == text.size() || !is_cased(text[after]);
}

std::u32string decode(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    out += c.code_point;
    i += c.size;
  }
  return out;
}

void append_lower_at(const std::u32string& text, std::size_t at, std::string& out) {
  if (text[at] == U'\u03A3') return append_utf8(is_final_sigma(text, at) ? U'\u03C2' : U'\u03C3', out);
  append_lower(text[at], out);
}

utf8proc_category_t category_of(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

bool is_line_break(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

}  // namespace

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
  return is_white_space(c);
}

bool is_alpha(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return (categories(c) & kLetter) != 0;
}

bool is_decimal(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return (categories(c) & kNumberDecimal) != 0;
}

bool is_digit(char32_t c) { return is_decimal(c) || (c >= 0x80 && in_ranges(kDigitsOutsideNd, c)); }

bool is_numeric(char32_t c) {
  if (c < 0x80) return is_decimal(c);
  return (categories(c) & kNumber) != 0 || in_ranges(kNumericLetters, c);
}

bool is_word(char32_t c) { return c == '_' || is_alpha(c) || is_numeric(c); }

bool is_lower(char32_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z';
  return category_of(c) == UTF8PROC_CATEGORY_LL || in_ranges(kLowercaseOutsideLl, c);
}

bool is_upper(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z';
  return category_of(c) == UTF8PROC_CATEGORY_LU || in_ranges(kUppercaseOutsideLu, c);
}

bool is_title(char32_t c) { return c >= 0x80 && category_of(c) == UTF8PROC_CATEGORY_LT; }

bool is_cased(char32_t c) { return is_lower(c) || is_upper(c) || is_title(c); }

bool is_printable(char32_t c) {
  if (c < 0x7F) return c >= 0x20;
  switch (category_of(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS: return false;
    default: return true;
  }
}

bool is_identifier(std::string_view text) {
  if (text.empty()) return false;
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    const bool starts =
        c.code_point == '_' || is_alpha(c.code_point) || category_of(c.code_point) == UTF8PROC_CATEGORY_NL;
    if (!starts && (i == 0 || (categories(c.code_point) & (kNumberDecimal | kMark | kConnector)) == 0)) return false;
    i += c.size;
  }
  return true;
}

std::string to_upper(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    append_upper(c.code_point, out);
    i += c.size;
  }
  return out;
}

std::string to_lower(std::string_view text) {
  const std::u32string characters = decode(text);
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < characters.size(); ++i) append_lower_at(characters, i, out);
  return out;
}

std::string to_title(std::string_view text) {
  const std::u32string characters = decode(text);
  std::string out;
  out.reserve(text.size());
  bool inside = false;
  for (std::size_t i = 0; i < characters.size(); ++i) {
    if (inside) {
      append_lower_at(characters, i, out);
    } else {
      append_title(characters[i], out);
    }
    inside = is_cased(characters[i]);
  }
  return out;
}

std::string to_capitalized(std::string_view text) {
  const std::u32string characters = decode(text);
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < characters.size(); ++i) {
    if (i == 0) {
      append_title(characters[i], out);
    } else {
      append_lower_at(characters, i, out);
    }
  }
  return out;
}

std::string to_swapped(std::string_view text) {
  const std::u32string characters = decode(text);
  std::string out;
  for (std::size_t i = 0; i < characters.size(); ++i) {
    if (is_upper(characters[i])) {
      append_lower_at(characters, i, out);
    } else if (is_lower(characters[i])) {
      append_upper(characters[i], out);
    } else {
      append_utf8(characters[i], out);
    }
  }
  return out;
}

std::string to_folded(std::string_view text) {
  utf8proc_uint8_t* folded = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                 static_cast<utf8proc_ssize_t>(text.size()), &folded, UTF8PROC_CASEFOLD);
  std::string out =
      size < 0 ? std::string(text) : std::string(reinterpret_cast<const char*>(folded), static_cast<std::size_t>(size));
  std::free(folded);
  return out;
}

std::string_view strip_left(std::string_view text) { return strip(text, std::nullopt, true, false); }
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
