#include "text/jinja/number_text.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/parse_number.h"
#include "text/jinja/characters.h"

namespace galago::text::jinja {

namespace {

bool is_digit(std::string_view text, std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; }

std::size_t skip_digits(std::string_view text, std::size_t at) {
  while (is_digit(text, at)) ++at;
  return at;
}

// The text without spaces around it, and without single underscores between digits.
std::string trimmed(std::string_view text) {
  text = strip(text, std::nullopt, true, true);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_' || i == 0 || !is_digit(text, i - 1) || !is_digit(text, i + 1)) out += text[i];
  }
  return out;
}

}  // namespace

std::optional<std::string> scan_number(std::string_view text, std::size_t at, NumberToken& number) {
  std::size_t end = skip_digits(text, at);
  const bool more_zeros = text[at] == '0' && end > at + 1 && text.find_first_not_of('0', at) < end;
  if (more_zeros || (end < text.size() && std::string_view("_xXoObB").find(text[end]) != std::string_view::npos)) {
    return "a number in another base or with underscores is not supported here";
  }
  // "1.x" is an attribute of 1, and the 0 of "a.0.5" no fraction.
  const bool after_dot = at > 0 && text[at - 1] == '.';
  if (!after_dot && end < text.size() && text[end] == '.' && is_digit(text, end + 1)) {
    number.is_float = true;
    end = skip_digits(text, end + 1);
  }
  if (!after_dot && end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    const bool is_signed = end + 1 < text.size() && (text[end + 1] == '+' || text[end + 1] == '-');
    const std::size_t exponent = end + (is_signed ? 2 : 1);
    if (is_digit(text, exponent)) {
      number.is_float = true;
      end = skip_digits(text, exponent);
    }
  }
  number.size = end - at;
  const std::string_view literal = text.substr(at, number.size);
  if (number.is_float) {
    number.number = parse_number<double>(literal).value_or(0.0);
    return std::nullopt;
  }
  if (std::from_chars(literal.data(), literal.data() + literal.size(), number.integer).ec == std::errc()) {
    return std::nullopt;
  }
  return "the integer " + std::string(literal.substr(0, 40)) + " has more than 64 bits";
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
  // to_chars writes at least two digits of the exponent, as Python does.
  if (exponent >= 16 || exponent < -4) return std::string(shortest);
  const auto fixed = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::fixed);
  std::string out(buffer.data(), fixed.ptr);
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

std::optional<std::int64_t> parse_int(std::string_view given, bool& overflow) {
  const std::string text = trimmed(given);
  const std::size_t digits = !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0;
  if (digits == text.size() || skip_digits(text, digits) != text.size()) return std::nullopt;
  std::int64_t value = 0;
  const char* first = text.data() + (text[0] == '+' ? 1 : 0);
  overflow = std::from_chars(first, text.data() + text.size(), value).ec != std::errc();
  return overflow ? std::nullopt : std::optional(value);
}

std::optional<double> parse_float(std::string_view text) { return parse_number<double>(trimmed(text)); }

}  // namespace galago::text::jinja
