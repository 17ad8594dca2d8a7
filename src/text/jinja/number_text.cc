#include "text/jinja/number_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/parse_number.h"
#include "text/jinja/characters.h"
#include "text/unicode.h"

namespace galago::text::jinja {

namespace {

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

char at_or_zero(std::string_view text, std::size_t at) { return at < text.size() ? text[at] : '\0'; }

// Digits with single underscores between them: the end of (\d+_)*\d+ at `at`, or `at` itself.
std::size_t skip_digits(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (is_ascii_digit(at_or_zero(text, at))) {
    while (is_ascii_digit(at_or_zero(text, at))) ++at;
    end = at;
    if (at_or_zero(text, at) == '_') ++at;
  }
  return end;
}

int digit_value(char c) {
  if (is_ascii_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}

// The end of (_?digit)* in the base at `at`.
std::size_t skip_based(std::string_view text, std::size_t at, int base) {
  while (true) {
    const std::size_t digit = at_or_zero(text, at) == '_' ? at + 1 : at;
    if (digit_value(at_or_zero(text, digit)) >= base) return at;
    at = digit + 1;
  }
}

int base_of_prefix(char letter) {
  switch (letter) {
    case 'b':
    case 'B': return 2;
    case 'o':
    case 'O': return 8;
    case 'x':
    case 'X': return 16;
    default: return 0;
  }
}

// Digits without underscores as a magnitude.
std::optional<std::uint64_t> magnitude(std::string_view digits, int base) {
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (c == '_') continue;
    if (__builtin_mul_overflow(value, static_cast<std::uint64_t>(base), &value) ||
        __builtin_add_overflow(value, static_cast<std::uint64_t>(digit_value(c)), &value)) {
      return std::nullopt;
    }
  }
  return value;
}

std::string without_underscores(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != '_') out += c;
  }
  return out;
}

std::optional<std::size_t> float_end(std::string_view text, std::size_t at) {
  if (at > 0 && text[at - 1] == '.') return std::nullopt;
  const std::size_t whole = skip_digits(text, at);
  std::size_t fraction = whole;
  if (at_or_zero(text, whole) == '.') {
    const std::size_t digits = skip_digits(text, whole + 1);
    if (digits > whole + 1) fraction = digits;
  }
  if (const char e = at_or_zero(text, fraction); e == 'e' || e == 'E') {
    const char sign = at_or_zero(text, fraction + 1);
    const std::size_t first = fraction + (sign == '+' || sign == '-' ? 2 : 1);
    const std::size_t digits = skip_digits(text, first);
    if (digits > first) return digits;
  }
  if (fraction > whole) return fraction;
  return std::nullopt;
}

// Every decimal digit of Unicode as its ASCII one. Digits come in runs of ten, from zero to nine.
std::string fold_digits(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    if (c.code_point >= 0x80 && is_decimal(c.code_point)) {
      char32_t first = c.code_point;
      while (is_decimal(first - 1)) --first;
      out += static_cast<char>('0' + (c.code_point - first) % 10);
    } else {
      out.append(text, i, c.size);
    }
    i += c.size;
  }
  return out;
}

}  // namespace

bool starts_number(std::string_view text, std::size_t at) { return is_ascii_digit(at_or_zero(text, at)); }

std::optional<std::string> scan_number(std::string_view text, std::size_t at, NumberToken& number) {
  if (const auto end = float_end(text, at)) {
    number.is_float = true;
    number.size = *end - at;
    number.number = parse_number<double>(without_underscores(text.substr(at, number.size))).value_or(0.0);
    return std::nullopt;
  }
  std::size_t digits = at;
  std::size_t end = at;
  int base = 10;
  if (const int prefixed = text[at] == '0' ? base_of_prefix(at_or_zero(text, at + 1)) : 0; prefixed != 0) {
    const std::size_t prefixed_end = skip_based(text, at + 2, prefixed);
    if (prefixed_end > at + 2) {
      base = prefixed;
      digits = at + 2;
      end = prefixed_end;
    }
  }
  // Zeros may be repeated, but no other number starts with one.
  if (end == at) end = skip_based(text, at, text[at] == '0' ? 1 : 10);
  number.size = end - at;
  const auto value = magnitude(text.substr(digits, end - digits), base);
  if (!value || *value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return "the integer " + std::string(text.substr(at, std::min<std::size_t>(number.size, 40))) +
           " has more than 64 bits";
  }
  number.integer = static_cast<std::int64_t>(*value);
  return std::nullopt;
}

std::string float_repr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  std::array<char, 40> buffer{};
  const auto result =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::scientific);
  const std::string_view shortest(buffer.data(), static_cast<std::size_t>(result.ptr - buffer.data()));
  const std::size_t e = shortest.find('e');
  int exponent = 0;
  const std::size_t exponent_digits = shortest[e + 1] == '+' ? e + 2 : e + 1;
  std::from_chars(shortest.data() + exponent_digits, shortest.data() + shortest.size(), exponent);
  if (exponent >= 16 || exponent < -4) {
    std::string out(shortest.substr(0, e));
    out += exponent < 0 ? "e-" : "e+";
    const std::string digits = std::to_string(std::abs(exponent));
    return out + (digits.size() < 2 ? "0" : "") + digits;
  }
  const auto fixed = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::fixed);
  std::string out(buffer.data(), fixed.ptr);
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

std::optional<std::int64_t> parse_int(std::string_view given, int base, bool& overflow) {
  overflow = false;
  const std::string folded = fold_digits(given);
  std::string_view text = folded;
  text = strip(text, std::nullopt, true, true);
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const int prefixed = text.size() > 1 && text[0] == '0' ? base_of_prefix(text[1]) : 0;
  const bool guess = base == 0;
  if (prefixed != 0 && (base == 0 || base == prefixed)) {
    base = prefixed;
    text.remove_prefix(2);
    if (!text.empty() && text[0] == '_') text.remove_prefix(1);
  } else if (base == 0) {
    base = 10;
  }
  if (text.empty() || text[0] == '_' || skip_based(text, 0, base) != text.size()) return std::nullopt;
  const auto value = magnitude(text, base);
  // "010" has no meaning when the base is to be guessed.
  if (guess && prefixed == 0 && text[0] == '0' && (!value || *value != 0)) return std::nullopt;
  const std::uint64_t limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) + (negative ? 1 : 0);
  if (!value || *value > limit) {
    overflow = true;
    return std::nullopt;
  }
  return static_cast<std::int64_t>(negative ? 0 - *value : *value);
}

std::optional<double> parse_float(std::string_view given) {
  const std::string folded = fold_digits(given);
  std::string_view text = folded;
  text = strip(text, std::nullopt, true, true);
  std::string_view digits = text;
  if (!digits.empty() && (digits[0] == '+' || digits[0] == '-')) digits.remove_prefix(1);
  const bool negative = digits.size() != text.size() && text[0] == '-';
  const std::string lower = to_lower(digits.substr(0, 9));
  if (digits.size() <= 8 && (lower == "inf" || lower == "infinity")) {
    return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  }
  if (lower == "nan") return std::numeric_limits<double>::quiet_NaN();
  // \d* with underscores only between digits, one '.', an exponent.
  std::size_t at = skip_digits(digits, 0);
  bool any = at > 0;
  if (at_or_zero(digits, at) == '.') {
    const std::size_t fraction = skip_digits(digits, at + 1);
    any = any || fraction > at + 1;
    at = fraction;
  }
  if (!any) return std::nullopt;
  if (const char e = at_or_zero(digits, at); e == 'e' || e == 'E') {
    const char sign = at_or_zero(digits, at + 1);
    const std::size_t first = at + (sign == '+' || sign == '-' ? 2 : 1);
    at = skip_digits(digits, first);
    if (at == first) return std::nullopt;
  }
  if (at != digits.size()) return std::nullopt;
  const std::optional<double> value = parse_number<double>(without_underscores(digits));
  return value && negative ? -*value : value;
}

}  // namespace galago::text::jinja
