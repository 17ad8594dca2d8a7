#include "text/jinja/number_format.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "text/jinja/number_text.h"

namespace galago::text::jinja {

namespace {

std::string convert(double magnitude, std::chars_format format, int precision) {
  // The largest double has 309 digits before the point.
  std::string buffer(static_cast<std::size_t>(precision) + 340, '\0');
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude, format, precision);
  buffer.resize(static_cast<std::size_t>(result.ptr - buffer.data()));
  return buffer;
}

int exponent_of(std::string_view scientific) {
  return std::atoi(std::string(scientific.substr(scientific.find('e') + 1)).c_str());
}

void drop_trailing_zeros(std::string& digits) {
  const std::size_t e = std::min(digits.find('e'), digits.size());
  if (digits.find('.') == std::string::npos) return;
  std::size_t end = e;
  while (end > 0 && digits[end - 1] == '0') --end;
  if (end > 0 && digits[end - 1] == '.') --end;
  digits.erase(end, e - end);
}

std::string general(double magnitude, int precision, bool alternate) {
  precision = std::max(precision, 1);
  const int exponent = exponent_of(convert(magnitude, std::chars_format::scientific, precision - 1));
  const bool scientific = exponent < -4 || exponent >= precision;
  std::string digits = scientific ? convert(magnitude, std::chars_format::scientific, precision - 1)
                                  : convert(magnitude, std::chars_format::fixed, precision - 1 - exponent);
  if (!alternate) drop_trailing_zeros(digits);
  return digits;
}

}  // namespace

std::string float_digits(double magnitude, char type, int precision, bool alternate) {
  std::string digits;
  if (std::isnan(magnitude)) {
    digits = "nan";
  } else if (std::isinf(magnitude)) {
    digits = "inf";
  } else {
    switch (type) {
      case 'e':
      case 'E': digits = convert(magnitude, std::chars_format::scientific, precision); break;
      case 'g':
      case 'G': digits = general(magnitude, precision, alternate); break;
      case '%': digits = convert(magnitude * 100, std::chars_format::fixed, precision); break;
      default: digits = convert(magnitude, std::chars_format::fixed, precision); break;
    }
    if (alternate && digits.find('.') == std::string::npos)
      digits.insert(std::min(digits.find('e'), digits.size()), ".");
  }
  if (type == 'E' || type == 'F' || type == 'G') {
    std::transform(digits.begin(), digits.end(), digits.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  }
  if (type == '%') digits += '%';
  return digits;
}

std::string float_digits_untyped(double magnitude, int precision) {
  if (!std::isfinite(magnitude)) return float_digits(magnitude, 'g', precision, false);
  precision = std::max(precision, 1);
  const int exponent = exponent_of(convert(magnitude, std::chars_format::scientific, precision - 1));
  if (exponent < -4 || exponent + 1 > precision - 1) {
    std::string digits = convert(magnitude, std::chars_format::scientific, precision - 1);
    drop_trailing_zeros(digits);
    return digits;
  }
  std::string digits = convert(magnitude, std::chars_format::fixed, precision - 1 - exponent);
  drop_trailing_zeros(digits);
  if (digits.find('.') == std::string::npos) digits += ".0";
  return digits;
}

std::string integer_digits(std::uint64_t magnitude, int base, bool upper) {
  char buffer[64];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, magnitude, base);
  std::string digits(buffer, result.ptr);
  if (upper)
    std::transform(digits.begin(), digits.end(), digits.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return digits;
}

std::string group_digits(std::string_view digits, char separator, int group) {
  const std::size_t whole = std::min(digits.find_first_not_of("0123456789abcdefABCDEF"), digits.size());
  std::string out;
  for (std::size_t i = 0; i < whole; ++i) {
    if (i != 0 && (whole - i) % static_cast<std::size_t>(group) == 0) out += separator;
    out += digits[i];
  }
  return out + std::string(digits.substr(whole));
}

}  // namespace galago::text::jinja
