// Methods of strings that change or classify them.
#include "base/try.h"
#include "text/jinja/characters.h"
#include "text/jinja/methods.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"
#include "text/unicode.h"

namespace galago::text::jinja {

namespace {

using Span = std::span<Value>;
using Answer = Result<Value>;

Answer made(Runtime& runtime, const Value& self, std::string text) {
  GALAGO_CHECK(runtime.step_bytes(static_cast<std::int64_t>(text.size())));
  return runtime.string(std::move(text), self.is_markup());
}

template <std::string (*map)(std::string_view)>
Answer mapped(Runtime& runtime, const Value& self, Span) {
  GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(self.text().size()) / 16));
  return made(runtime, self, map(self.text()));
}

template <bool left, bool right>
Answer stripped(Runtime& runtime, const Value& self, Span arguments) {
  std::optional<std::string_view> chars;
  if (!arguments[0].is_missing() && !arguments[0].is_none()) {
    if (!arguments[0].is_string())
      return runtime.fail("strip arg must be None or str, not {}", type_name(arguments[0]));
    chars = arguments[0].text();
    GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(chars->size() / 16 * (self.text().size() / 16))));
  }
  return made(runtime, self, std::string(strip(self.text(), chars, left, right)));
}

// True when there are characters and all are of the class.
template <bool (*accepts)(char32_t), bool when_empty = false>
Answer all_are(Runtime& runtime, const Value& self, Span) {
  const std::string& text = self.text();
  GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(text.size()) / 16));
  if (text.empty()) return Value::boolean(when_empty);
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    if (!accepts(c.code_point)) return Value::boolean(false);
    i += c.size;
  }
  return Value::boolean(true);
}

bool is_alnum(char32_t c) { return is_alpha(c) || is_numeric(c); }
bool is_ascii(char32_t c) { return c < 0x80; }

template <bool (*wanted)(char32_t)>
Answer cased(Runtime& runtime, const Value& self, Span) {
  const std::string& text = self.text();
  GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(text.size()) / 16));
  bool any = false;
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    if (wanted(c.code_point)) {
      any = true;
    } else if (is_cased(c.code_point)) {
      return Value::boolean(false);
    }
    i += c.size;
  }
  return Value::boolean(any);
}

Answer is_title_text(Runtime& runtime, const Value& self, Span) {
  const std::string& text = self.text();
  GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(text.size()) / 16));
  bool any = false;
  bool inside = false;
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    const bool starts = is_upper(c.code_point) || is_title(c.code_point);
    const bool goes_on = !starts && is_lower(c.code_point);
    if ((starts && inside) || (goes_on && !inside)) return Value::boolean(false);
    any = any || starts || goes_on;
    inside = starts || goes_on;
    i += c.size;
  }
  return Value::boolean(any);
}

Answer is_identifier_text(Runtime& /*runtime*/, const Value& self, Span) {
  return Value::boolean(is_identifier(self.text()));
}

// How many fill characters stand on each side to reach the width.
struct Padding {
  std::int64_t left, right;
};

Answer padded(Runtime& runtime, const Value& self, Span arguments, Padding (*share)(std::int64_t, std::int64_t)) {
  GALAGO_TRY(const std::int64_t width, expect_int(runtime, arguments[0], "the width"));
  std::string fill = " ";
  if (arguments.size() > 1 && !arguments[1].is_missing()) {
    if (!arguments[1].is_string() || arguments[1].string().length() != 1) {
      return runtime.fail("the fill character must be exactly one character long");
    }
    fill = arguments[1].text();
  }
  const std::int64_t missing = width - self.string().length();
  if (width <= 0 || missing <= 0) return self;
  GALAGO_CHECK(
      runtime.step_bytes(missing > (INT64_MAX >> 4) ? INT64_MAX : missing * static_cast<std::int64_t>(fill.size())));
  const Padding padding = share(missing, width);
  std::string text;
  for (std::int64_t i = 0; i < padding.left; ++i) text += fill;
  text += self.text();
  for (std::int64_t i = 0; i < padding.right; ++i) text += fill;
  return made(runtime, self, std::move(text));
}

Answer ljust(Runtime& runtime, const Value& self, Span arguments) {
  return padded(runtime, self, arguments, [](std::int64_t missing, std::int64_t) { return Padding{0, missing}; });
}

Answer rjust(Runtime& runtime, const Value& self, Span arguments) {
  return padded(runtime, self, arguments, [](std::int64_t missing, std::int64_t) { return Padding{missing, 0}; });
}

// CPython puts the odd one left when the width is odd.
Answer center(Runtime& runtime, const Value& self, Span arguments) {
  return padded(runtime, self, arguments, [](std::int64_t missing, std::int64_t width) {
    const std::int64_t left = missing / 2 + (missing & width & 1);
    return Padding{left, missing - left};
  });
}

Answer zfill(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_TRY(const std::int64_t width, expect_int(runtime, arguments[0], "the width"));
  const std::int64_t missing = width - self.string().length();
  if (width <= 0 || missing <= 0) return self;
  GALAGO_CHECK(runtime.step_bytes(missing));
  std::string text = self.text();
  const bool signed_text = !text.empty() && (text[0] == '+' || text[0] == '-');
  text.insert(signed_text ? 1 : 0, static_cast<std::size_t>(missing), '0');
  return made(runtime, self, std::move(text));
}

Answer expandtabs(Runtime& runtime, const Value& self, Span arguments) {
  std::int64_t size = 8;
  if (!arguments[0].is_missing()) {
    GALAGO_TRY(size, expect_int(runtime, arguments[0], "tabsize"));
  }
  std::string out;
  std::int64_t column = 0;
  for (const char c : self.text()) {
    if (c == '\t') {
      const std::int64_t fill = size > 0 ? size - column % size : 0;
      GALAGO_CHECK(runtime.step_bytes(static_cast<std::int64_t>(out.size()) > INT64_MAX - fill ? INT64_MAX : fill));
      GALAGO_CHECK(runtime.step_bytes(static_cast<std::int64_t>(out.size()) + fill));
      out.append(static_cast<std::size_t>(fill), ' ');
      column += fill;
      continue;
    }
    out += c;
    column = c == '\n' || c == '\r' ? 0 : column + ((c & 0xC0) == 0x80 ? 0 : 1);
  }
  return made(runtime, self, std::move(out));
}

Answer format(Runtime& runtime, const Value& self, Arguments& arguments) {
  return brace_format(runtime, self, arguments, false);
}

Answer format_map(Runtime& runtime, const Value& self, Arguments& arguments) {
  if (!arguments.keyword.empty() || arguments.positional.size() != 1) {
    return runtime.fail("format_map() takes exactly one argument");
  }
  return brace_format(runtime, self, arguments, true);
}

Answer refuse(Runtime& runtime, const Value& /*self*/, Arguments& /*arguments*/) {
  return runtime.unsupported("encode(), maketrans() and translate() are not supported");
}

constexpr MethodSpec kTextMethods[] = {
    {"capitalize", mapped<to_capitalized>},
    {"casefold", mapped<to_folded>},
    {"center", center, "width fillchar", 1},
    {"expandtabs", expandtabs, "tabsize", 0, true},
    {.name = "format", .raw = format},
    {.name = "format_map", .raw = format_map},
    {"isalnum", all_are<is_alnum>},
    {"isalpha", all_are<is_alpha>},
    {"isascii", all_are<is_ascii, true>},
    {"isdecimal", all_are<is_decimal>},
    {"isdigit", all_are<is_digit>},
    {"isidentifier", is_identifier_text},
    {"islower", cased<is_lower>},
    {"isnumeric", all_are<is_numeric>},
    {"isprintable", all_are<is_printable, true>},
    {"isspace", all_are<is_space>},
    {"istitle", is_title_text},
    {"isupper", cased<is_upper>},
    {"ljust", ljust, "width fillchar", 1},
    {"lower", mapped<to_lower>},
    {"lstrip", stripped<true, false>, "chars"},
    {"rjust", rjust, "width fillchar", 1},
    {"rstrip", stripped<false, true>, "chars"},
    {"strip", stripped<true, true>, "chars"},
    {"swapcase", mapped<to_swapped>},
    {"title", mapped<to_title>},
    {"upper", mapped<to_upper>},
    {"zfill", zfill, "width", 1},
    {.name = "encode", .raw = refuse},
    {.name = "maketrans", .raw = refuse},
    {.name = "translate", .raw = refuse},
};

}  // namespace

std::span<const MethodSpec> text_methods() { return kTextMethods; }

}  // namespace galago::text::jinja
