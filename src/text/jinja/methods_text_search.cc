// Methods of strings that search, cut and join.
#include <algorithm>

#include "base/try.h"
#include "text/jinja/characters.h"
#include "text/jinja/methods.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"
#include "text/jinja/text_search.h"
#include "text/unicode.h"

namespace galago::text::jinja {

namespace {

using Span = std::span<Value>;
using Answer = Result<Value>;

Status expect_text(Runtime& runtime, const Value& value, std::string_view what) {
  if (value.is_string()) return {};
  if (value.is_undefined()) return runtime.fail("{}", value.undefined().message());
  return runtime.fail("{} must be str, not {}", what, type_name(value));
}

Status pay_for(Runtime& runtime, const Value& self) {
  return runtime.step(static_cast<std::int64_t>(self.text().size()) / 64 + 1);
}

// self[start:end] as bytes of self, with the arguments counted in code points.
struct Window {
  std::size_t begin = 0, end = 0;
  std::int64_t first = 0;  // code points before it
  bool valid = true;       // start lies within the text
};

Result<Window> window(Runtime& runtime, const Value& self, const Value& start, const Value& stop) {
  const std::int64_t size = self.string().length();
  std::int64_t bounds[] = {0, size};
  const Value* const given[] = {&start, &stop};
  for (std::size_t i = 0; i < 2; ++i) {
    if (given[i]->is_missing() || given[i]->is_none()) continue;
    GALAGO_TRY(bounds[i], expect_int(runtime, *given[i], "slice indices"));
    if (bounds[i] < 0) bounds[i] = std::max<std::int64_t>(bounds[i] + size, 0);
  }
  bounds[1] = std::min(bounds[1], size);
  Window result;
  result.valid = bounds[0] <= size && bounds[0] <= bounds[1];
  if (!result.valid) return result;
  const bool ascii = self.string().ascii();
  result.first = bounds[0];
  result.begin = ascii ? static_cast<std::size_t>(bounds[0]) : byte_offset(self.text(), bounds[0]);
  result.end = ascii ? static_cast<std::size_t>(bounds[1]) : byte_offset(self.text(), bounds[1]);
  return result;
}

// Where `arguments[0]` is, in code points; -1 when nowhere.
Result<std::int64_t> find_in(Runtime& runtime, const Value& self, Span arguments, bool last) {
  GALAGO_CHECK(expect_text(runtime, arguments[0], "the text to find"));
  GALAGO_CHECK(pay_for(runtime, self));
  GALAGO_TRY(const Window part, window(runtime, self, arguments[1], arguments[2]));
  if (!part.valid) return std::int64_t{-1};
  const std::string_view text = std::string_view(self.text()).substr(part.begin, part.end - part.begin);
  const std::size_t at = last ? rfind_text(text, arguments[0].text()) : find_text(text, arguments[0].text(), 0);
  if (at == std::string_view::npos) return std::int64_t{-1};
  return part.first + count_code_points(text.substr(0, at));
}

template <bool last>
Answer find(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_TRY(const std::int64_t at, find_in(runtime, self, arguments, last));
  return Value::integer(at);
}

template <bool last>
Answer index(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_TRY(const std::int64_t at, find_in(runtime, self, arguments, last));
  if (at < 0) return runtime.fail("substring not found");
  return Value::integer(at);
}

Answer count(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_CHECK(expect_text(runtime, arguments[0], "the text to count"));
  GALAGO_CHECK(pay_for(runtime, self));
  GALAGO_TRY(const Window part, window(runtime, self, arguments[1], arguments[2]));
  if (!part.valid) return Value::integer(0);
  const std::string_view text = std::string_view(self.text()).substr(part.begin, part.end - part.begin);
  if (arguments[0].text().empty()) return Value::integer(count_code_points(text) + 1);
  return Value::integer(static_cast<std::int64_t>(find_all(text, arguments[0].text(), -1).size()));
}

template <bool at_end>
Answer has_affix(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_TRY(const Window part, window(runtime, self, arguments[1], arguments[2]));
  const std::string_view text = std::string_view(self.text()).substr(part.begin, part.end - part.begin);
  std::vector<Value> affixes{arguments[0]};
  if (arguments[0].is(Kind::kTuple)) affixes = arguments[0].items();
  for (const Value& affix : affixes) {
    GALAGO_CHECK(expect_text(runtime, affix, at_end ? "the argument of endswith()" : "the argument of startswith()"));
    if (part.valid && (at_end ? text.ends_with(affix.text()) : text.starts_with(affix.text())))
      return Value::boolean(true);
  }
  return Value::boolean(false);
}

template <bool at_end>
Answer remove_affix(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_CHECK(expect_text(runtime, arguments[0], "the argument"));
  std::string_view text = self.text();
  const std::string& affix = arguments[0].text();
  if (at_end && !affix.empty() && text.ends_with(affix)) text.remove_suffix(affix.size());
  if (!at_end && text.starts_with(affix)) text.remove_prefix(affix.size());
  return runtime.string(std::string(text), self.is_markup());
}

Answer replace(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_CHECK(expect_text(runtime, arguments[0], "replace() argument 1"));
  GALAGO_CHECK(expect_text(runtime, arguments[1], "replace() argument 2"));
  std::int64_t limit = -1;
  if (!arguments[2].is_missing()) {
    GALAGO_TRY(limit, expect_int(runtime, arguments[2], "replace() argument 3"));
  }
  return replace_text(runtime, self, arguments[0], arguments[1], limit);
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
    GALAGO_CHECK(runtime.step_bytes(static_cast<std::int64_t>(out.size()) & 0xFFFF));
    if (static_cast<std::int64_t>(out.size()) > runtime.budget().max_string)
      return runtime.limit("the joined text is too long");
  }
  return runtime.string(std::move(out), self.is_markup());
}

using Parts = std::vector<std::string_view>;

// split() and rsplit() at runs of whitespace.
Parts split_space(std::string_view text, std::int64_t limit, bool from_right) {
  Parts parts;
  while (true) {
    text = strip(text, std::nullopt, true, from_right);
    if (text.empty()) return parts;
    if (limit >= 0 && static_cast<std::int64_t>(parts.size()) == limit) {
      parts.push_back(text);
      return parts;
    }
    if (from_right) {
      std::size_t start = text.size();
      while (start > 0) {
        std::size_t previous = start - 1;
        while (previous > 0 && (text[previous] & 0xC0) == 0x80) --previous;
        if (is_space(decode_utf8(text, previous).code_point)) break;
        start = previous;
      }
      parts.push_back(text.substr(start));
      text = strip_right(text.substr(0, start));
      continue;
    }
    std::size_t end = 0;
    while (end < text.size()) {
      const Decoded c = decode_utf8(text, end);
      if (is_space(c.code_point)) break;
      end += c.size;
    }
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

Parts split_at(std::string_view text, std::string_view separator, std::int64_t limit) {
  Parts parts;
  std::size_t start = 0;
  for (const std::size_t at : find_all(text, separator, limit)) {
    parts.push_back(text.substr(start, at - start));
    start = at + separator.size();
  }
  parts.push_back(text.substr(start));
  return parts;
}

// From the right, the last part first.
Parts rsplit_at(std::string_view text, std::string_view separator, std::int64_t limit) {
  Parts parts;
  while (limit != 0) {
    const std::size_t at = text.rfind(separator);
    if (at == std::string_view::npos) break;
    parts.push_back(text.substr(at + separator.size()));
    text = text.substr(0, at);
    if (limit > 0) --limit;
  }
  parts.push_back(text);
  return parts;
}

Answer list_of(Runtime& runtime, const Value& self, const Parts& parts) {
  GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(parts.size())));
  std::vector<Value> items;
  items.reserve(parts.size());
  for (const std::string_view part : parts) items.push_back(runtime.string(std::string(part), self.is_markup()));
  return runtime.list(std::move(items));
}

template <bool from_right>
Answer split(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_CHECK(pay_for(runtime, self));
  std::int64_t limit = -1;
  if (!arguments[1].is_missing()) {
    GALAGO_TRY(limit, expect_int(runtime, arguments[1], "maxsplit"));
  }
  if (arguments[0].is_missing() || arguments[0].is_none()) {
    Parts parts = split_space(self.text(), limit, from_right);
    if (from_right) std::reverse(parts.begin(), parts.end());
    return list_of(runtime, self, parts);
  }
  GALAGO_CHECK(expect_text(runtime, arguments[0], "the separator"));
  const std::string& separator = arguments[0].text();
  if (separator.empty()) return runtime.fail("empty separator");
  if (!from_right) return list_of(runtime, self, split_at(self.text(), separator, limit));
  GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(self.text().size() / 64 * (separator.size() / 16 + 1))));
  Parts parts = rsplit_at(self.text(), separator, limit);
  std::reverse(parts.begin(), parts.end());
  return list_of(runtime, self, parts);
}

template <bool from_right>
Answer partition(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_CHECK(expect_text(runtime, arguments[0], "the separator"));
  GALAGO_CHECK(pay_for(runtime, self));
  const std::string& separator = arguments[0].text();
  if (separator.empty()) return runtime.fail("empty separator");
  const std::string& text = self.text();
  const std::size_t at = from_right ? rfind_text(text, separator) : find_text(text, separator, 0);
  const bool markup = self.is_markup();
  if (at == std::string::npos) {
    const Value empty = runtime.string("", markup);
    return from_right ? runtime.tuple({empty, empty, self}) : runtime.tuple({self, empty, empty});
  }
  return runtime.tuple({runtime.string(text.substr(0, at), markup), runtime.string(separator, markup),
                        runtime.string(text.substr(at + separator.size()), markup)});
}

Answer splitlines(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_CHECK(pay_for(runtime, self));
  bool keep = false;
  if (!arguments[0].is_missing()) {
    GALAGO_TRY(keep, truth(runtime, arguments[0]));
  }
  return list_of(runtime, self, split_lines(self.text(), keep));
}

constexpr MethodSpec kSearchMethods[] = {
    {"count", count, "sub start end", 1},
    {"endswith", has_affix<true>, "suffix start end", 1},
    {"find", find<false>, "sub start end", 1},
    {"index", index<false>, "sub start end", 1},
    {"join", join, "iterable", 1},
    {"partition", partition<false>, "sep", 1},
    {"removeprefix", remove_affix<false>, "prefix", 1},
    {"removesuffix", remove_affix<true>, "suffix", 1},
    {"replace", replace, "old new count", 2},
    {"rfind", find<true>, "sub start end", 1},
    {"rindex", index<true>, "sub start end", 1},
    {"rpartition", partition<true>, "sep", 1},
    {"rsplit", split<true>, "sep maxsplit", 0, true},
    {"split", split<false>, "sep maxsplit", 0, true},
    {"splitlines", splitlines, "keepends", 0, true},
    {"startswith", has_affix<false>, "prefix start end", 1},
};

}  // namespace

Result<Value> replace_text(Runtime& runtime, const Value& text, const Value& old_text, const Value& new_text,
                           std::int64_t limit) {
  const std::string& source = text.text();
  const std::string& old = old_text.text();
  GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(source.size()) / 64));
  std::string replacement = new_text.text();
  if (text.is_markup()) {
    GALAGO_TRY(const Value escaped, escape(runtime, new_text));
    replacement = escaped.text();
  }
  std::vector<std::size_t> places;
  if (old.empty()) {
    // Before every character and at the end.
    for (std::size_t i = 0; i <= source.size() && (limit < 0 || static_cast<std::int64_t>(places.size()) < limit);
         ++i) {
      if (i == source.size() || (source[i] & 0xC0) != 0x80) places.push_back(i);
    }
  } else {
    places = find_all(source, old, limit);
  }
  GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(places.size()) / 4));
  const auto growth = static_cast<std::int64_t>(replacement.size()) - static_cast<std::int64_t>(old.size());
  if (growth > 0 && static_cast<std::int64_t>(places.size()) > runtime.budget().max_string / growth) {
    return runtime.limit("replace() makes a text longer than the limit of {} bytes", runtime.budget().max_string);
  }
  GALAGO_CHECK(
      runtime.step_bytes(static_cast<std::int64_t>(source.size()) + growth * static_cast<std::int64_t>(places.size())));
  std::string out;
  std::size_t from = 0;
  for (const std::size_t at : places) {
    out.append(source, from, at - from);
    out += replacement;
    from = at + old.size();
  }
  out.append(source, std::min(from, source.size()));
  return runtime.string(std::move(out), text.is_markup());
}

std::span<const MethodSpec> text_search_methods() { return kSearchMethods; }

}  // namespace galago::text::jinja
