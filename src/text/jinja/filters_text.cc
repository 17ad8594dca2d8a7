// Filters of texts.
#include <array>

#include "base/try.h"
#include "text/jinja/characters.h"
#include "text/jinja/filters.h"
#include "text/unicode.h"

namespace galago::text::jinja {

namespace {

using Span = std::span<Value>;
using Answer = Result<Value>;

// markupsafe's soft_str(): texts as they are, everything else by str().
Answer soft_str(Runtime& runtime, const Value& value) {
  if (value.is_string()) return value;
  GALAGO_TRY(std::string text, to_str(runtime, value));
  return runtime.string(std::move(text));
}

// A method of the value's text, with the filter's arguments.
Answer by_method(Runtime& runtime, const Value& value, std::string_view name, std::vector<Value> given) {
  GALAGO_TRY(const Value text, soft_str(runtime, value));
  Arguments arguments;
  arguments.positional = std::move(given);
  return runtime.call(find_method(runtime, text, name), arguments);
}

Answer upper(Runtime& r, const Value& v, Span) { return by_method(r, v, "upper", {}); }
Answer lower(Runtime& r, const Value& v, Span) { return by_method(r, v, "lower", {}); }
Answer capitalize(Runtime& r, const Value& v, Span) { return by_method(r, v, "capitalize", {}); }

Answer trim(Runtime& runtime, const Value& value, Span arguments) {
  if (arguments[0].is_missing()) return by_method(runtime, value, "strip", {});
  return by_method(runtime, value, "strip", {arguments[0]});
}

Answer center(Runtime& runtime, const Value& value, Span arguments) {
  return by_method(runtime, value, "center", {arguments[0].is_missing() ? Value::integer(80) : arguments[0]});
}

Answer string_of(Runtime& runtime, const Value& value, Span) { return soft_str(runtime, value); }

Answer escaped(Runtime& runtime, const Value& value, Span) { return escape(runtime, value); }

Answer force_escaped(Runtime& runtime, const Value& value, Span) {
  GALAGO_TRY(std::string text, to_str(runtime, value));
  return escape(runtime, runtime.string(std::move(text)));
}

Answer safe(Runtime& runtime, const Value& value, Span) {
  GALAGO_TRY(std::string text, to_str(runtime, value));
  return runtime.string(std::move(text), true);
}

// Words begin after whitespace, '-', '(', '{', '[' and '<'.
Answer title(Runtime& runtime, const Value& value, Span) {
  GALAGO_TRY(const Value source, soft_str(runtime, value));
  const std::string& text = source.text();
  GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(text.size()) / 16));
  std::string out;
  std::size_t start = 0;
  const auto finish_word = [&](std::size_t end) {
    if (end == start) return;
    const std::string_view word = std::string_view(text).substr(start, end - start);
    const std::size_t head = decode_utf8(word, 0).size;
    out += to_upper(word.substr(0, head)) + to_lower(word.substr(head));
  };
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    const bool separates = is_space(c.code_point) ||
                           (c.code_point < 0x80 && std::string_view("-({[<").find(text[i]) != std::string_view::npos);
    if (separates) {
      finish_word(i);
      out.append(text, i, c.size);
      start = i + c.size;
    }
    i += c.size;
  }
  finish_word(text.size());
  return runtime.string(std::move(out));
}

Answer replace(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(std::string text, to_str(runtime, value));
  GALAGO_TRY(std::string old, to_str(runtime, arguments[0]));
  GALAGO_TRY(std::string fresh, to_str(runtime, arguments[1]));
  std::int64_t limit = -1;
  if (!arguments[2].is_missing() && !arguments[2].is_none()) {
    GALAGO_TRY(limit, expect_int(runtime, arguments[2], "count"));
  }
  return replace_text(runtime, runtime.string(std::move(text)), runtime.string(std::move(old)),
                      runtime.string(std::move(fresh)), limit);
}

Answer indent(Runtime& runtime, const Value& value, Span arguments) {
  if (!value.is_string()) return runtime.fail("indent needs a str, not {}", type_name(value));
  std::string indention = "    ";
  if (arguments[0].is_string()) {
    indention = arguments[0].text();
  } else if (!arguments[0].is_missing()) {
    GALAGO_TRY(const std::int64_t width, expect_int(runtime, arguments[0], "width"));
    GALAGO_CHECK(runtime.step_bytes(std::max<std::int64_t>(width, 0)));
    indention = std::string(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
  }
  GALAGO_TRY(const bool first, flag(runtime, arguments[1], false));
  GALAGO_TRY(const bool blank, flag(runtime, arguments[2], false));
  const std::string source = value.text() + "\n";  // a last empty line counts
  const auto lines = split_lines(source, false);
  std::string out = first ? indention : "";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i != 0) {
      out += '\n';
      if (blank || !lines[i].empty()) out += indention;
    }
    out += lines[i];
    GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(lines[i].size() + indention.size()) / 64 + 1));
    if (static_cast<std::int64_t>(out.size()) > runtime.budget().max_string)
      return runtime.limit("the indented text is too long");
  }
  return runtime.string(std::move(out), value.is_markup());
}

Answer truncate(Runtime& runtime, const Value& value, Span arguments) {
  std::int64_t size = 255;
  std::int64_t leeway = 5;
  if (!arguments[0].is_missing()) {
    GALAGO_TRY(size, expect_int(runtime, arguments[0], "length"));
  }
  if (!arguments[3].is_missing() && !arguments[3].is_none()) {
    GALAGO_TRY(leeway, expect_int(runtime, arguments[3], "leeway"));
  }
  GALAGO_TRY(const bool kill_words, flag(runtime, arguments[1], false));
  GALAGO_TRY(const std::string end, text_argument(runtime, arguments[2], "...", "end"));
  const std::int64_t end_size = count_code_points(end);
  if (size < end_size) return runtime.fail("expected length >= {}, got {}", end_size, size);
  if (leeway < 0) return runtime.fail("expected leeway >= 0, got {}", leeway);
  GALAGO_TRY(const std::int64_t length_now, length(runtime, value));
  if (length_now - leeway <= size) return value;
  if (!value.is_string()) return runtime.fail("truncate needs a str, not {}", type_name(value));
  std::string_view kept = value.text();
  kept = kept.substr(0, byte_offset(kept, size - end_size));
  if (!kill_words) kept = kept.substr(0, std::min(kept.rfind(' '), kept.size()));
  return runtime.string(std::string(kept) + end, value.is_markup());
}

Answer word_count(Runtime& runtime, const Value& value, Span) {
  GALAGO_TRY(const Value source, soft_str(runtime, value));
  const std::string& text = source.text();
  GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(text.size()) / 16));
  std::int64_t words = 0;
  bool inside = false;
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    const bool word = is_word(c.code_point);
    if (word && !inside) ++words;
    inside = word;
    i += c.size;
  }
  return Value::integer(words);
}

Answer format(Runtime& runtime, const Value& value, Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.keyword.empty()) {
    return runtime.fail("can't handle positional and keyword arguments at the same time");
  }
  GALAGO_TRY(const Value text, soft_str(runtime, value));
  if (arguments.keyword.empty()) return percent_format(runtime, text, runtime.tuple(std::move(arguments.positional)));
  auto dict = runtime.make_ref<DictObject>();
  for (const auto& [key, argument] : arguments.keyword) dict->insert(runtime.string(key), argument);
  return percent_format(runtime, text, Value::object(Kind::kDict, dict.get()));
}

// Percent-encoding; in a query '/' is encoded too and a space is '+'.
std::string quote(std::string_view text, bool query) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-~";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos || (c == '/' && !query)) {
      out += c;
    } else if (c == ' ' && query) {
      out += '+';
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

Answer urlencode(Runtime& runtime, const Value& value, Span) {
  if (value.is_string() || !is_iterable(value)) {
    GALAGO_TRY(const std::string text, to_str(runtime, value));
    GALAGO_CHECK(runtime.step_bytes(static_cast<std::int64_t>(text.size()) * 3));
    return runtime.string(quote(text, false));
  }
  const Value pairs =
      value.is(Kind::kDict) ? runtime.make<ViewObject>(Kind::kView, value, ViewObject::Part::kItems) : value;
  GALAGO_TRY(const auto items, to_vector(runtime, pairs));
  std::string out;
  for (const Value& item : items) {
    GALAGO_TRY(const auto pair, to_vector(runtime, item));
    if (pair.size() != 2) return runtime.fail("urlencode needs pairs, got {} values", pair.size());
    GALAGO_TRY(const std::string key, to_str(runtime, pair[0]));
    GALAGO_TRY(const std::string text, to_str(runtime, pair[1]));
    if (!out.empty()) out += '&';
    out += quote(key, true) + "=" + quote(text, true);
    GALAGO_CHECK(runtime.step_bytes(static_cast<std::int64_t>(out.size()) & 0xFFFF));
    if (static_cast<std::int64_t>(out.size()) > runtime.budget().max_string)
      return runtime.limit("urlencode's text is too long");
  }
  return runtime.string(std::move(out));
}

Answer refuse(Runtime& runtime, const Value& /*value*/, Arguments& /*arguments*/) {
  return runtime.unsupported("the filters pprint, striptags, urlize, wordwrap and xmlattr are not supported");
}

constexpr FilterSpec kTextFilters[] = {
    {"capitalize", capitalize},
    {"center", center, "width"},
    {"e", escaped},
    {"escape", escaped},
    {"forceescape", force_escaped},
    {.name = "format", .raw = format},
    {"indent", indent, "width first blank"},
    {"lower", lower},
    {.name = "pprint", .raw = refuse},
    {"replace", replace, "old new count", 2},
    {"safe", safe},
    {"string", string_of},
    {.name = "striptags", .raw = refuse},
    {"title", title},
    {"trim", trim, "chars"},
    {"truncate", truncate, "length killwords end leeway"},
    {"upper", upper},
    {"urlencode", urlencode},
    {.name = "urlize", .raw = refuse},
    {"wordcount", word_count},
    {.name = "wordwrap", .raw = refuse},
    {.name = "xmlattr", .raw = refuse},
};

}  // namespace

std::span<const FilterSpec> text_filters() { return kTextFilters; }

}  // namespace galago::text::jinja
