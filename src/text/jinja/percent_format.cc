// "..." % value, as Python formats it.
#include <algorithm>
#include <cmath>

#include "base/try.h"
#include "text/jinja/characters.h"
#include "text/jinja/number_format.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"
#include "text/unicode.h"

namespace galago::text::jinja {

namespace {

struct Directive {
  bool alternate = false, zero = false, left = false, space = false, plus = false;
  std::int64_t width = 0;
  std::int64_t precision = -1;
  char type = 0;
};

std::string with_sign(bool negative, const Directive& directive, std::string digits) {
  const char sign = negative ? '-' : directive.plus ? '+' : directive.space ? ' ' : '\0';
  if (sign != '\0') digits.insert(digits.begin(), sign);
  return digits;
}

class Formatter {
 public:
  Formatter(Runtime& runtime, const Value& format, const Value& arguments)
      : runtime_(runtime), markup_(format.is_markup()), format_(format.text()), arguments_(arguments) {
    is_tuple_ = arguments.is(Kind::kTuple);
    // What Python calls a mapping here: everything that can be subscripted, but tuples and strings.
    is_mapping_ = arguments.is(Kind::kDict) || arguments.is(Kind::kList) || arguments.is(Kind::kRange) ||
                  arguments.is_undefined();
  }
  Result<Value> run();

 private:
  Result<Value> next_argument();
  Result<Value> named(std::string_view key);
  Result<Directive> directive(Value& keyed);
  Status number(std::int64_t& target, bool allow_negative, Directive& directive);
  Result<std::string> convert(const Directive& directive, const Value& value);
  Result<std::string> convert_integer(const Directive& directive, const Value& value);
  Result<std::string> convert_float(const Directive& directive, const Value& value);
  Result<std::string> convert_character(const Value& value);
  Status pad(const Directive& directive, std::string text, bool is_number);
  char peek() const { return at_ < format_.size() ? format_[at_] : '\0'; }

  Runtime& runtime_;
  bool markup_;
  const std::string& format_;
  const Value& arguments_;
  bool is_tuple_ = false;
  bool is_mapping_ = false;
  bool used_key_ = false;
  std::size_t index_ = 0;
  std::size_t at_ = 0;
  std::string out_;
};

Result<Value> Formatter::next_argument() {
  const std::size_t index = index_++;
  if (used_key_) return runtime_.fail("not enough arguments for format string");
  if (is_tuple_) {
    if (index < arguments_.items().size()) return arguments_.items()[index];
  } else if (index == 0) {
    return arguments_;
  }
  return runtime_.fail("not enough arguments for format string");
}

Result<Value> Formatter::named(std::string_view key) {
  if (!arguments_.is(Kind::kDict)) return runtime_.fail("format requires a mapping");
  used_key_ = true;
  if (const Value* found = arguments_.dict().find(key)) return *found;
  return runtime_.fail("the format has the key '{}', which the mapping lacks", key);
}

Status Formatter::number(std::int64_t& target, bool allow_negative, Directive& directive) {
  if (peek() == '*') {
    ++at_;
    GALAGO_TRY(const Value value, next_argument());
    GALAGO_TRY(target, expect_int(runtime_, value, "* in a format"));
    if (target < 0) {
      directive.left = directive.left || allow_negative;
      target = allow_negative && target > INT64_MIN ? -target : 0;
    }
    return {};
  }
  target = 0;
  while (peek() >= '0' && peek() <= '9') {
    target = std::min<std::int64_t>(target * 10 + (format_[at_++] - '0'), INT32_MAX);
  }
  return {};
}

Result<Directive> Formatter::directive(Value& keyed) {
  Directive result;
  if (peek() == '(') {
    const std::size_t start = ++at_;
    int nested = 1;
    while (at_ < format_.size() && nested > 0) {
      if (format_[at_] == '(') ++nested;
      if (format_[at_] == ')') --nested;
      ++at_;
    }
    if (nested > 0) return runtime_.fail("incomplete format key");
    GALAGO_TRY(keyed, named(std::string_view(format_).substr(start, at_ - 1 - start)));
  }
  for (bool more = true; more;) {
    switch (peek()) {
      case '#': result.alternate = true; break;
      case '0': result.zero = true; break;
      case '-': result.left = true; break;
      case ' ': result.space = true; break;
      case '+': result.plus = true; break;
      default: more = false;
    }
    if (more) ++at_;
  }
  GALAGO_CHECK(number(result.width, true, result));
  if (peek() == '.') {
    ++at_;
    GALAGO_CHECK(number(result.precision, false, result));
  }
  if (peek() == 'h' || peek() == 'l' || peek() == 'L') ++at_;
  if (at_ >= format_.size()) return runtime_.fail("incomplete format");
  result.type = format_[at_++];
  return result;
}

Result<std::string> Formatter::convert_integer(const Directive& directive, const Value& value) {
  const char type = directive.type;
  const bool decimal = type == 'd' || type == 'i' || type == 'u';
  std::int64_t number = 0;
  if (value.is_integral()) {
    number = value.as_int();
  } else if (decimal && value.is(Kind::kFloat)) {
    const double whole = std::trunc(value.as_float());
    if (!(whole >= -9.2e18 && whole <= 9.2e18)) return runtime_.limit("cannot convert a float to a 64-bit integer");
    number = static_cast<std::int64_t>(whole);
  } else if (value.is_undefined()) {
    return runtime_.fail("{}", value.undefined().message());
  } else {
    return runtime_.fail("%{} format: a number is required, not {}", type, type_name(value));
  }
  const int base = type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
  std::string digits = integer_digits(magnitude_of(number), base, type == 'X');
  const std::int64_t precision = directive.precision;
  GALAGO_CHECK(runtime_.step_bytes(std::max<std::int64_t>(precision, 0)));
  if (precision > static_cast<std::int64_t>(digits.size())) {
    digits.insert(0, static_cast<std::size_t>(precision) - digits.size(), '0');
  }
  if (directive.alternate && base != 10) {
    const char prefix[] = {'0', base == 8 ? 'o' : type, '\0'};
    digits.insert(0, prefix);
  }
  return with_sign(number < 0, directive, std::move(digits));
}

Result<std::string> Formatter::convert_float(const Directive& directive, const Value& value) {
  if (value.is_undefined()) return runtime_.fail("{}", value.undefined().message());
  if (!value.is_number()) return runtime_.fail("must be real number, not {}", type_name(value));
  if (directive.precision > kMaxPrecision) return runtime_.limit("a precision of more than {}", kMaxPrecision);
  const double number = value.as_number();
  const int precision = directive.precision < 0 ? 6 : static_cast<int>(directive.precision);
  const bool negative = std::signbit(number) && !std::isnan(number);
  return with_sign(negative, directive,
                   float_digits(std::fabs(number), directive.type, precision, directive.alternate));
}

Result<std::string> Formatter::convert_character(const Value& value) {
  if (value.is_string() && value.string().length() == 1) return value.text();
  if (!value.is_integral()) return runtime_.fail("%c requires int or char");
  const std::int64_t code = value.as_int();
  if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
    return runtime_.fail("%c arg not in range(0x110000)");
  std::string text;
  append_utf8(static_cast<char32_t>(code), text);
  return text;
}

Result<std::string> Formatter::convert(const Directive& directive, const Value& value) {
  std::string text;
  switch (directive.type) {
    case 's':
      if (markup_) {
        GALAGO_TRY(const Value escaped, escape(runtime_, value));
        text = escaped.text();
      } else {
        GALAGO_CHECK(append_str(runtime_, value, text));
      }
      break;
    case 'r':
    case 'a':
      GALAGO_CHECK(append_repr(runtime_, value, text));
      if (directive.type == 'a') text = escape_non_ascii(text);
      break;
    case 'd':
    case 'i':
    case 'u':
    case 'o':
    case 'x':
    case 'X': return convert_integer(directive, value);
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G': return convert_float(directive, value);
    case 'c': return convert_character(value);
    default: return runtime_.fail("unsupported format character '{}'", directive.type);
  }
  if (directive.precision >= 0) text.resize(byte_offset(text, directive.precision));
  return text;
}

Status Formatter::pad(const Directive& directive, std::string text, bool is_number) {
  const std::int64_t missing = directive.width - count_code_points(text);
  if (missing > 0) {
    GALAGO_CHECK(runtime_.step_bytes(missing + static_cast<std::int64_t>(text.size())));
    const auto count = static_cast<std::size_t>(missing);
    if (directive.left) {
      text.append(count, ' ');
    } else if (directive.zero && is_number) {
      std::size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ') ? 1 : 0;
      if (directive.alternate && text.size() > sign + 1 && text[sign] == '0' && text[sign + 1] > '9') sign += 2;
      text.insert(sign, count, '0');
    } else {
      text.insert(0, count, ' ');
    }
  }
  out_ += text;
  return {};
}

Result<Value> Formatter::run() {
  while (at_ < format_.size()) {
    const std::size_t percent = std::min(format_.find('%', at_), format_.size());
    out_.append(format_, at_, percent - at_);
    at_ = percent + 1;
    if (percent == format_.size()) break;
    Value keyed;
    GALAGO_TRY(const Directive next, directive(keyed));
    GALAGO_CHECK(runtime_.step());
    if (next.type == '%') {
      out_ += '%';
      continue;
    }
    Value value = keyed;
    if (value.is_missing()) {
      GALAGO_TRY(value, next_argument());
    }
    GALAGO_TRY(std::string text, convert(next, value));
    const bool is_number = std::string_view("srac").find(next.type) == std::string_view::npos;
    GALAGO_CHECK(pad(next, std::move(text), is_number));
    if (static_cast<std::int64_t>(out_.size()) > runtime_.budget().max_string)
      return runtime_.limit("the formatted text is too long");
  }
  const bool leftover = is_tuple_ ? index_ < arguments_.items().size() : index_ == 0 && !is_mapping_;
  if (leftover && !used_key_) return runtime_.fail("not all arguments converted during string formatting");
  GALAGO_CHECK(runtime_.step(static_cast<std::int64_t>(out_.size()) / 64));
  return runtime_.string(std::move(out_), markup_);
}

}  // namespace

std::string escape_non_ascii(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    const auto code = static_cast<std::uint32_t>(c.code_point);
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else {
      out += code < 0x100     ? fmt::format("\\x{:02x}", code)
             : code < 0x10000 ? fmt::format("\\u{:04x}", code)
                              : fmt::format("\\U{:08x}", code);
    }
    i += c.size;
  }
  return out;
}

Result<Value> percent_format(Runtime& runtime, const Value& format, const Value& arguments) {
  return Formatter(runtime, format, arguments).run();
}

}  // namespace galago::text::jinja
