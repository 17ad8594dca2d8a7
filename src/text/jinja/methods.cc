// The methods of strings and dicts.
#include <algorithm>

#include "base/try.h"
#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"
#include "text/unicode.h"

namespace galago::text::jinja {

namespace {

using Span = std::span<Value>;
using Answer = Result<Value>;
using Parts = std::vector<std::string_view>;

Status expect_text(Runtime& runtime, const Value& value, std::string_view what) {
  if (value.is_string()) return {};
  if (value.is_undefined()) return runtime.fail("{}", value.text());
  return runtime.fail("{} must be str, not {}", what, type_name(value));
}

Answer made(Runtime& runtime, const Value& self, std::string_view text) {
  GALAGO_CHECK(runtime.step_bytes(static_cast<std::int64_t>(text.size())));
  return runtime.string(std::string(text), self.is_markup());
}

template <std::string (*map)(std::string_view)>
Answer mapped(Runtime& runtime, const Value& self, Span) {
  GALAGO_CHECK(runtime.step_over(self.text()));
  return made(runtime, self, map(self.text()));
}

template <bool left, bool right>
Answer stripped(Runtime& runtime, const Value& self, Span arguments) {
  std::optional<std::string_view> chars;
  if (!arguments[0].is_missing() && !arguments[0].is_none()) {
    GALAGO_CHECK(expect_text(runtime, arguments[0], "the argument of strip()"));
    chars = arguments[0].text();
    GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(chars->size() / 16 * (self.text().size() / 16))));
  }
  return made(runtime, self, strip(self.text(), chars, left, right));
}

// Pays for searching: a search is quadratic for hostile texts.
Status pay_for_search(Runtime& runtime, std::string_view text, std::string_view needle) {
  return runtime.step(static_cast<std::int64_t>(text.size() / 64 * (needle.size() / 16 + 1)) + 1);
}

// Every occurrence without overlaps, at most `limit` (-1: all). `needle` is not empty.
Result<std::vector<std::size_t>> find_all(Runtime& runtime, std::string_view text, std::string_view needle,
                                          std::int64_t limit) {
  GALAGO_CHECK(pay_for_search(runtime, text, needle));
  std::vector<std::size_t> found;
  for (std::size_t at = text.find(needle); at != std::string_view::npos && limit != 0;
       at = text.find(needle, at + needle.size())) {
    found.push_back(at);
    if (limit > 0) --limit;
  }
  GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(found.size()) / 4));
  return found;
}

Answer find(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_CHECK(expect_text(runtime, arguments[0], "the text to find"));
  GALAGO_TRY(const std::size_t at, find_text(runtime, self, arguments[0], 0));
  if (at == std::string::npos) return Value::integer(-1);
  return Value::integer(count_code_points(std::string_view(self.text()).substr(0, at)));
}

Answer count(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_CHECK(expect_text(runtime, arguments[0], "the text to count"));
  if (arguments[0].text().empty()) return Value::integer(self.string().length() + 1);
  GALAGO_TRY(const auto found, find_all(runtime, self.text(), arguments[0].text(), -1));
  return Value::integer(static_cast<std::int64_t>(found.size()));
}

template <bool at_end>
Answer has_affix(Runtime& runtime, const Value& self, Span arguments) {
  std::vector<Value> affixes{arguments[0]};
  if (arguments[0].is(Kind::kTuple)) affixes = arguments[0].items();
  for (const Value& affix : affixes) {
    GALAGO_CHECK(expect_text(runtime, affix, at_end ? "the argument of endswith()" : "the argument of startswith()"));
    GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(affix.text().size()) / 64 + 1));
    if (at_end ? self.text().ends_with(affix.text()) : self.text().starts_with(affix.text())) {
      return Value::boolean(true);
    }
  }
  return Value::boolean(false);
}

template <bool at_end>
Answer remove_affix(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_CHECK(expect_text(runtime, arguments[0], "the argument"));
  std::string_view text = self.text();
  const std::string& affix = arguments[0].text();
  if (at_end && text.ends_with(affix)) text.remove_suffix(affix.size());
  if (!at_end && text.starts_with(affix)) text.remove_prefix(affix.size());
  return made(runtime, self, text);
}

Answer replace(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_CHECK(expect_text(runtime, arguments[0], "replace() argument 1"));
  GALAGO_CHECK(expect_text(runtime, arguments[1], "replace() argument 2"));
  std::int64_t limit = -1;
  if (!arguments[2].is_missing()) {
    GALAGO_TRY(limit, expect_int(runtime, arguments[2], "replace() argument 3"));
  }
  const std::string& source = self.text();
  const std::string& old = arguments[0].text();
  Value fresh = arguments[1];
  if (self.is_markup()) {
    GALAGO_TRY(fresh, escape(runtime, fresh));
  }
  std::vector<std::size_t> places;
  if (old.empty()) {
    // Before every character and at the end.
    GALAGO_CHECK(runtime.step_over(source));
    for (std::size_t i = 0; i <= source.size() && (limit < 0 || static_cast<std::int64_t>(places.size()) < limit);
         ++i) {
      if (i == source.size() || (source[i] & 0xC0) != 0x80) places.push_back(i);
    }
  } else {
    GALAGO_TRY(places, find_all(runtime, source, old, limit));
  }
  const auto growth = static_cast<std::int64_t>(fresh.text().size()) - static_cast<std::int64_t>(old.size());
  GALAGO_CHECK(
      runtime.step_bytes(static_cast<std::int64_t>(source.size()) + growth * static_cast<std::int64_t>(places.size())));
  std::string out;
  std::size_t from = 0;
  for (const std::size_t at : places) {
    out.append(source, from, at - from);
    out += fresh.text();
    from = at + old.size();
  }
  out.append(source, std::min(from, source.size()));
  return runtime.string(std::move(out), self.is_markup());
}

Answer join(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_TRY(const auto items, to_vector(runtime, arguments[0]));
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i != 0) out += self.text();
    Value item = items[i];
    if (self.is_markup()) {
      GALAGO_TRY(item, escape(runtime, item));
    }
    if (!item.is_string()) {
      return runtime.fail("sequence item {}: expected str instance, {} found", i, type_name(item));
    }
    out += item.text();
    GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(item.text().size() + self.text().size()) / 64 + 1));
    GALAGO_CHECK(runtime.check_size(out.size()));
  }
  return runtime.string(std::move(out), self.is_markup());
}

Answer list_of(Runtime& runtime, const Value& self, const Parts& parts) {
  std::vector<Value> items;
  for (const std::string_view part : parts) {
    GALAGO_CHECK(runtime.step());
    items.push_back(runtime.string(std::string(part), self.is_markup()));
  }
  return runtime.list(std::move(items));
}

// The words of the text, and what is left after `limit` cuts, from the left or from the right.
Parts split_space(std::string_view text, std::int64_t limit, bool from_right) {
  Parts parts;
  while (true) {
    text = strip(text, std::nullopt, !from_right, from_right);
    if (text.empty()) break;
    std::size_t cut = std::string_view::npos;
    std::size_t after = 0;
    for (std::size_t i = 0; i < text.size() && limit != 0 && (from_right || cut == std::string_view::npos);) {
      const Decoded c = decode_utf8(text, i);
      if (is_space(c.code_point)) {
        cut = i;
        after = i + c.size;
      }
      i += c.size;
    }
    if (cut == std::string_view::npos) {
      parts.push_back(text);
      break;
    }
    parts.push_back(from_right ? text.substr(after) : text.substr(0, cut));
    text = from_right ? text.substr(0, cut) : text.substr(after);
    if (limit > 0) --limit;
  }
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

template <bool from_right>
Answer split(Runtime& runtime, const Value& self, Span arguments) {
  std::string_view text = self.text();
  std::int64_t limit = -1;
  if (!arguments[1].is_missing()) {
    GALAGO_TRY(limit, expect_int(runtime, arguments[1], "maxsplit"));
  }
  if (arguments[0].is_missing() || arguments[0].is_none()) {
    // From the right every cut looks through the whole text; without a limit both ways give the same.
    const bool right = from_right && limit >= 0;
    const std::int64_t walks = right ? std::min(limit, self.string().length()) + 1 : 1;
    GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(text.size()) / 16 * walks));
    return list_of(runtime, self, split_space(text, limit, right));
  }
  GALAGO_CHECK(expect_text(runtime, arguments[0], "the separator"));
  const std::string& separator = arguments[0].text();
  if (separator.empty()) return runtime.fail("empty separator");
  Parts parts;
  if (from_right) {
    GALAGO_CHECK(pay_for_search(runtime, text, separator));
    for (std::size_t at = text.rfind(separator); at != std::string_view::npos && limit != 0;
         at = text.rfind(separator)) {
      parts.push_back(text.substr(at + separator.size()));
      text = text.substr(0, at);
      if (limit > 0) --limit;
    }
    parts.push_back(text);
    std::reverse(parts.begin(), parts.end());
    return list_of(runtime, self, parts);
  }
  GALAGO_TRY(const auto places, find_all(runtime, text, separator, limit));
  std::size_t start = 0;
  for (const std::size_t at : places) {
    parts.push_back(text.substr(start, at - start));
    start = at + separator.size();
  }
  parts.push_back(text.substr(start));
  return list_of(runtime, self, parts);
}

Answer splitlines(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_CHECK(runtime.step_over(self.text()));
  return list_of(runtime, self, split_lines(self.text(), truth(arguments[0])));
}

// "{} {0} {name}": fields without conversions and specifications.
Answer format(Runtime& runtime, const Value& self, Arguments& arguments) {
  const std::string_view text = self.text();
  std::string out;
  std::size_t next = 0;
  bool is_counted = false;
  bool is_numbered = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '{' && text[i] != '}') {
      out += text[i];
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == text[i]) {
      out += text[i++];
      continue;
    }
    const std::size_t end = text.find('}', i);
    if (text[i] == '}' || end == std::string_view::npos) return runtime.fail("a single '{}' in a format", text[i]);
    const std::string_view field = text.substr(i + 1, end - i - 1);
    if (field.find_first_of("!:.[{") != std::string_view::npos) {
      return runtime.unsupported(fmt::format("the field '{{{}}}' of format() is not supported here", field));
    }
    Value value;
    if (field.find_first_not_of("0123456789") == std::string_view::npos) {
      // Without a number it is the next one; Python does not allow both.
      (field.empty() ? is_counted : is_numbered) = true;
      if (is_counted && is_numbered) return runtime.fail("format() cannot mix '{{}}' and '{{0}}'");
      std::size_t at = 0;
      if (field.empty()) at = next++;
      for (const char digit : field.substr(0, 6)) at = at * 10 + static_cast<std::size_t>(digit - '0');
      if (at < arguments.positional.size()) value = arguments.positional[at];
    }
    for (const auto& [name, given] : arguments.keyword) {
      if (name == field) value = given;
    }
    if (value.is_missing()) return runtime.fail("format() has no argument for '{{{}}}'", field);
    if (self.is_markup()) {
      GALAGO_TRY(value, escape(runtime, value));
    }
    GALAGO_CHECK(append_str(runtime, value, out));
    GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(out.size()) / 4096 + 1));
    GALAGO_CHECK(runtime.check_size(out.size()));
    i = end;
  }
  return made(runtime, self, out);
}

constexpr Builtin kTextMethods[] = {
    {"capitalize", mapped<to_capitalized>, {}, 0, false},
    {"count", count, "sub", 1, false},
    {"endswith", has_affix<true>, "suffix", 1, false},
    {"find", find, "sub", 1, false},
    {.name = "format", .raw = format},
    {"join", join, "iterable", 1, false},
    {"lower", mapped<to_lower>, {}, 0, false},
    {"lstrip", stripped<true, false>, "chars", 0, false},
    {"removeprefix", remove_affix<false>, "prefix", 1, false},
    {"removesuffix", remove_affix<true>, "suffix", 1, false},
    {"replace", replace, "old new count", 2, false},
    {"rsplit", split<true>, "sep maxsplit"},
    {"rstrip", stripped<false, true>, "chars", 0, false},
    {"split", split<false>, "sep maxsplit"},
    {"splitlines", splitlines, "keepends"},
    {"startswith", has_affix<false>, "prefix", 1, false},
    {"strip", stripped<true, true>, "chars", 0, false},
    {"title", mapped<to_title>, {}, 0, false},
    {"upper", mapped<to_upper>, {}, 0, false},
};

enum class Part : std::uint8_t { kKeys, kValues, kItems };

template <Part part>
Answer view(Runtime& runtime, const Value& self, Span) {
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict().entries()) {
    GALAGO_CHECK(runtime.step(0));
    items.push_back(part == Part::kKeys ? key : part == Part::kValues ? value : runtime.tuple({key, value}));
  }
  const char* label = part == Part::kKeys ? "dict_keys" : part == Part::kValues ? "dict_values" : "dict_items";
  return runtime.make<SequenceObject>(Kind::kView, std::move(items), label);
}

Answer get(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_CHECK(check_hashable(runtime, arguments[0]));
  if (const Value* found = self.dict().find(arguments[0])) return *found;
  return arguments[1].is_missing() ? Value::none() : arguments[1];
}

constexpr Builtin kDictMethods[] = {
    {"get", get, "key default", 1, false},
    {"items", view<Part::kItems>, {}, 0, false},
    {"keys", view<Part::kKeys>, {}, 0, false},
    {"values", view<Part::kValues>, {}, 0, false},
};

}  // namespace

std::span<const Builtin> methods(Kind kind) {
  if (kind == Kind::kString) return kTextMethods;
  if (kind == Kind::kDict) return kDictMethods;
  return {};
}

Result<std::size_t> find_text(Runtime& runtime, const Value& text, const Value& needle, std::size_t from) {
  GALAGO_CHECK(pay_for_search(runtime, text.text(), needle.text()));
  return text.text().find(needle.text(), from);
}

Result<Value> call_method(Runtime& runtime, const Value& self, std::string_view name, std::vector<Value> arguments) {
  Arguments given{.positional = std::move(arguments), .keyword = {}};
  return call_builtin(runtime, *find_in(methods(self.kind()), name), self, given);
}

}  // namespace galago::text::jinja
