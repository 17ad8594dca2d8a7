#include "base/parse_number.h"

#include <locale.h>
#include <stdlib.h>

#include <limits>
#include <string>
#include <type_traits>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

namespace galago {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t skip_digits(std::string_view text, std::size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

// digits [. digits] [e [sign] digits], with a digit before or after the point: what strtod reads as well, but without
// leading blanks, hexadecimal numbers and names.
bool is_decimal(std::string_view text) {
  std::size_t at = skip_digits(text, 0);
  bool any = at > 0;
  if (at < text.size() && text[at] == '.') {
    const std::size_t end = skip_digits(text, at + 1);
    any = any || end > at + 1;
    at = end;
  }
  if (!any) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const std::size_t end = skip_digits(text, at);
    if (end == at) return false;
    at = end;
  }
  return at == text.size();
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

// The C libraries round these exactly (POSIX asks for it of numbers with few digits, and all round those of many, too);
// their locale decides what the point is.
template <class T>
T read_decimal(const std::string& text) {
  static const locale_t plain = ::newlocale(LC_ALL_MASK, "C", nullptr);
  if constexpr (std::is_same_v<T, float>) {
    return ::strtof_l(text.c_str(), nullptr, plain);
  } else {
    return ::strtod_l(text.c_str(), nullptr, plain);
  }
}

}  // namespace

template <class T>
std::optional<T> parse_number(std::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative || (!text.empty() && text[0] == '+')) text.remove_prefix(1);
  std::optional<T> magnitude;
  if (equals_ignoring_case(text, "inf") || equals_ignoring_case(text, "infinity")) {
    magnitude = std::numeric_limits<T>::infinity();
  } else if (equals_ignoring_case(text, "nan")) {
    magnitude = std::numeric_limits<T>::quiet_NaN();
  } else if (is_decimal(text)) {
    magnitude = read_decimal<T>(std::string(text));
  }
  if (magnitude && negative) magnitude = -*magnitude;
  return magnitude;
}

template std::optional<float> parse_number<float>(std::string_view text);
template std::optional<double> parse_number<double>(std::string_view text);

}  // namespace galago
