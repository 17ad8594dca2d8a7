// format(value, spec): Python's format specification language.
#include <algorithm>
#include <cmath>
#include <optional>

#include "base/try.h"
#include "text/jinja/characters.h"
#include "text/jinja/number_format.h"
#include "text/jinja/number_text.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"
#include "text/unicode.h"

namespace galago::text::jinja {

namespace {

struct Spec {
  std::string fill = " ";
  bool fill_given = false;
  char align = 0;  // '<', '>', '^', '='
  char sign = '-';
  bool sign_given = false;
  bool alternate = false;
  bool zero = false;
  std::int64_t width = -1;
  char grouping = 0;
  std::int64_t precision = -1;
  char type = 0;
};

bool is_align(char c) { return c == '<' || c == '>' || c == '^' || c == '='; }

std::optional<Spec> parse(std::string_view text) {
  Spec spec;
  if (!text.empty()) {
    const std::uint32_t size = decode_utf8(text, 0).size;
    if (text.size() > size && is_align(text[size])) {
      spec.fill = text.substr(0, size);
      spec.fill_given = true;
      spec.align = text[size];
      text.remove_prefix(size + 1);
    } else if (is_align(text[0])) {
      spec.align = text[0];
      text.remove_prefix(1);
    }
  }
  const auto take = [&text](char c) {
    if (text.empty() || text[0] != c) return false;
    text.remove_prefix(1);
    return true;
  };
  const auto number = [&text](std::int64_t& target) {
    if (text.empty() || text[0] < '0' || text[0] > '9') return false;
    target = 0;
    while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
      target = std::min<std::int64_t>(target * 10 + (text[0] - '0'), INT32_MAX);
      text.remove_prefix(1);
    }
    return true;
  };
  for (const char c : {'+', '-', ' '}) {
    if (!spec.sign_given && take(c)) {
      spec.sign = c;
      spec.sign_given = true;
    }
  }
  spec.alternate = take('#');
  if (!spec.fill_given && take('0')) {
    spec.fill.assign(1, '0');
    spec.zero = true;
  }
  number(spec.width);
  if (take(',')) spec.grouping = ',';
  if (take('_')) {
    if (spec.grouping != 0) return std::nullopt;
    spec.grouping = '_';
  }
  if (!text.empty() && text[0] == ',') return std::nullopt;
  if (take('.') && !number(spec.precision)) return std::nullopt;
  if (text.size() > 1) return std::nullopt;
  if (!text.empty()) spec.type = text[0];
  return spec;
}

Result<std::string> pad(Runtime& runtime, const Spec& spec, std::string_view prefix, std::string body,
                        char default_align) {
  const std::int64_t missing = spec.width - count_code_points(prefix) - count_code_points(body);
  if (missing <= 0) return std::string(prefix) + body;
  GALAGO_CHECK(runtime.step_bytes(missing * 4 + static_cast<std::int64_t>(body.size())));
  // Zeros stand between a number's sign and its digits.
  const char align = spec.align != 0 ? spec.align : spec.zero && default_align == '>' ? '=' : default_align;
  const std::int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  std::string before;
  std::string after;
  for (std::int64_t i = 0; i < left; ++i) before += spec.fill;
  for (std::int64_t i = left; i < missing; ++i) after += spec.fill;
  if (align == '=') return std::string(prefix) + before + body;
  return before + std::string(prefix) + body + after;
}

// Zero padding goes on with the grouping: format(1234, "010,") is "00,001,234".
void fill_groups(const Spec& spec, std::string_view prefix, std::string& digits, int group) {
  const bool zeros = spec.align == '=' || (spec.align == 0 && spec.zero);
  if (spec.fill != "0" || !zeros || spec.grouping == 0) return;
  const std::size_t whole = std::min(digits.find_first_not_of("0123456789abcdefABCDEF"), digits.size());
  std::string plain = digits.substr(0, whole);
  const std::string rest = digits.substr(whole);
  const auto width = static_cast<std::size_t>(std::max<std::int64_t>(spec.width, 0));
  while (group_digits(plain, spec.grouping, group).size() + rest.size() + prefix.size() < width)
    plain.insert(plain.begin(), '0');
  digits = plain + rest;
}

std::string_view sign_of(bool negative, const Spec& spec) {
  return negative ? "-" : spec.sign == '+' ? "+" : spec.sign == ' ' ? " " : "";
}

Result<std::string> format_float(Runtime& runtime, double number, const Spec& spec) {
  if (spec.precision > kMaxPrecision || (spec.grouping != 0 && spec.width > kMaxPrecision)) {
    return runtime.limit("a precision or width of more than {}", kMaxPrecision);
  }
  const double magnitude = std::fabs(number);
  const char type = spec.type == 'n' ? 'g' : spec.type;
  std::string digits;
  if (type == 0 && spec.precision < 0) {
    digits = float_repr(magnitude);
  } else if (type == 0) {
    digits = float_digits_untyped(magnitude, static_cast<int>(spec.precision));
  } else {
    digits = float_digits(magnitude, type, spec.precision < 0 ? 6 : static_cast<int>(spec.precision), spec.alternate);
  }
  const std::string_view prefix = sign_of(std::signbit(number) && !std::isnan(number), spec);
  if (spec.grouping != 0 && std::isfinite(number)) {
    fill_groups(spec, prefix, digits, 3);
    digits = group_digits(digits, spec.grouping, 3);
  }
  return pad(runtime, spec, prefix, std::move(digits), '>');
}

Result<std::string> format_int(Runtime& runtime, std::int64_t number, const Spec& spec) {
  if (spec.precision >= 0) return runtime.fail("precision not allowed in integer format specifier");
  if (spec.grouping != 0 && spec.width > kMaxPrecision) return runtime.limit("a width of more than {}", kMaxPrecision);
  if (spec.type == 'c') {
    if (spec.sign_given) return runtime.fail("sign not allowed with integer format specifier 'c'");
    if (number < 0 || number > 0x10FFFF || (number >= 0xD800 && number < 0xE000)) {
      return runtime.fail("%c arg not in range(0x110000)");
    }
    std::string text;
    append_utf8(static_cast<char32_t>(number), text);
    return pad(runtime, spec, "", std::move(text), '<');
  }
  const int base = spec.type == 'b' ? 2 : spec.type == 'o' ? 8 : spec.type == 'x' || spec.type == 'X' ? 16 : 10;
  if (spec.grouping == ',' && base != 10) return runtime.fail("cannot specify ',' with '{}'", spec.type);
  std::string digits = integer_digits(magnitude_of(number), base, spec.type == 'X');
  std::string prefix(sign_of(number < 0, spec));
  if (spec.alternate && base != 10) prefix += {'0', spec.type};
  const int group = base == 10 ? 3 : 4;
  if (spec.grouping != 0) {
    fill_groups(spec, prefix, digits, group);
    digits = group_digits(digits, spec.grouping, group);
  }
  return pad(runtime, spec, prefix, std::move(digits), '>');
}

Result<std::string> format_text(Runtime& runtime, const Value& value, const Spec& spec) {
  if (spec.type != 0 && spec.type != 's')
    return runtime.fail("unknown format code '{}' for object of type 'str'", spec.type);
  if (spec.sign_given || spec.alternate || spec.grouping != 0 || spec.align == '=') {
    return runtime.fail("a sign, '=', '#' or grouping is not allowed in a string format specifier");
  }
  std::string text = value.text();
  if (spec.precision >= 0) text.resize(byte_offset(text, spec.precision));
  return pad(runtime, spec, "", std::move(text), '<');
}

}  // namespace

Result<std::string> format_value(Runtime& runtime, const Value& value, std::string_view text) {
  if (text.empty()) return to_str(runtime, value);
  const auto spec = parse(text);
  if (!spec) return runtime.fail("invalid format specifier '{}'", text);
  if (value.is_string()) return format_text(runtime, value, *spec);
  constexpr std::string_view kFloatTypes = "eEfFgG%";
  constexpr std::string_view kIntTypes = "bcdoxXn";
  const bool float_type = spec->type != 0 && kFloatTypes.find(spec->type) != std::string_view::npos;
  if (value.is_integral() && (spec->type == 0 || kIntTypes.find(spec->type) != std::string_view::npos)) {
    return format_int(runtime, value.as_int(), *spec);
  }
  if (value.is_number() && (float_type || (value.is(Kind::kFloat) && (spec->type == 0 || spec->type == 'n')))) {
    return format_float(runtime, value.as_number(), *spec);
  }
  if (value.is_number()) {
    return runtime.fail("unknown format code '{}' for object of type '{}'", spec->type, type_name(value));
  }
  return runtime.fail("unsupported format string passed to {}.__format__", type_name(value));
}

}  // namespace galago::text::jinja
