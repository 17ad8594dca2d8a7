// The filters.
#include <algorithm>
#include <cmath>

#include "base/try.h"
#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/number_text.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"
#include "text/unicode.h"

namespace galago::text::jinja {

namespace {

using Span = std::span<Value>;
using Answer = Result<Value>;

// A path such as "function.name" or 0: what map, sort and their kin take as `attribute`.
class AttributePath {
 public:
  AttributePath(Runtime& runtime, const Value& attribute) {
    if (attribute.is_missing() || attribute.is_none()) return;
    if (!attribute.is_string()) {
      parts_.push_back(attribute);
      return;
    }
    std::string_view rest = attribute.text();
    while (true) {
      const std::size_t dot = std::min(rest.find('.'), rest.size());
      const std::string_view part = rest.substr(0, dot);
      bool overflow = false;
      const auto index = part.find_first_not_of("0123456789") == part.npos ? parse_int(part, overflow) : std::nullopt;
      parts_.push_back(index ? Value::integer(*index) : runtime.string(std::string(part)));
      if (dot == rest.size()) return;
      rest.remove_prefix(dot + 1);
    }
  }
  // `fallback`, unless missing or none, replaces undefined values on the way.
  Answer get(Runtime& runtime, const Value& item, const Value& fallback = Value()) const {
    Value value = item;
    for (const Value& part : parts_) {
      GALAGO_CHECK(runtime.step());
      GALAGO_TRY(value, get_item(runtime, value, part));
      if (value.is_undefined() && !fallback.is_missing() && !fallback.is_none()) value = fallback;
    }
    return value;
  }
  // Of all items, in lower case where they are texts and that is asked for.
  Result<std::vector<Value>> keys(Runtime& runtime, const std::vector<Value>& items, bool case_sensitive) const {
    std::vector<Value> keys;
    for (const Value& item : items) {
      GALAGO_TRY(Value key, get(runtime, item));
      if (!case_sensitive && key.is_string()) key = runtime.string(to_lower(key.text()), key.is_markup());
      GALAGO_CHECK(runtime.step());
      keys.push_back(std::move(key));
    }
    return keys;
  }

 private:
  std::vector<Value> parts_;
};

// markupsafe's soft_str(): texts as they are, everything else by str().
Answer soft_str(Runtime& runtime, const Value& value) {
  if (value.is_string()) return value;
  GALAGO_TRY(std::string text, to_str(runtime, value));
  return runtime.string(std::move(text));
}

template <const char* name>
Answer by_method(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(const Value text, soft_str(runtime, value));
  return call_method(runtime, text, name, {arguments.begin(), arguments.end()});
}
constexpr char kUpper[] = "upper";
constexpr char kLower[] = "lower";
constexpr char kCapitalize[] = "capitalize";
constexpr char kStrip[] = "strip";

Answer safe(Runtime& runtime, const Value& value, Span) {
  GALAGO_TRY(std::string text, to_str(runtime, value));
  return runtime.string(std::move(text), true);
}

// Words begin after whitespace, '-', '(', '{', '[' and '<'.
Answer title(Runtime& runtime, const Value& value, Span) {
  GALAGO_TRY(const std::string text, to_str(runtime, value));
  GALAGO_CHECK(runtime.step_over(text));
  std::string out;
  bool inside = false;
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    const std::string_view letter = std::string_view(text).substr(i, c.size);
    out += inside ? to_lower(letter) : to_upper(letter);
    inside =
        !is_space(c.code_point) && (c.size > 1 || std::string_view("-({[<").find(text[i]) == std::string_view::npos);
    i += c.size;
  }
  return runtime.string(std::move(out));
}

Answer replace(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(std::string text, to_str(runtime, value));
  std::vector<Value> given;
  for (std::size_t i = 0; i < 2; ++i) {
    GALAGO_TRY(std::string part, to_str(runtime, arguments[i]));
    given.push_back(runtime.string(std::move(part)));
  }
  if (!arguments[2].is_none()) given.push_back(arguments[2]);
  return call_method(runtime, runtime.string(std::move(text)), "replace", std::move(given));
}

// A number of spaces, or a text.
Result<std::string> indention(Runtime& runtime, const Value& given) {
  if (given.is_string()) return given.text();
  GALAGO_TRY(const std::int64_t width, expect_int(runtime, given, "the width"));
  GALAGO_CHECK(runtime.step_bytes(std::max<std::int64_t>(width, 0)));
  return std::string(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
}

Answer indent(Runtime& runtime, const Value& value, Span arguments) {
  if (!value.is_string()) return runtime.fail("indent needs a str, not {}", type_name(value));
  GALAGO_TRY(const std::string spaces,
             indention(runtime, arguments[0].is_missing() ? Value::integer(4) : arguments[0]));
  const bool blank = truth(arguments[2]);
  const std::string source = value.text() + "\n";  // a last empty line counts
  std::string out = truth(arguments[1]) ? spaces : "";
  bool is_first = true;
  for (const std::string_view line : split_lines(source, false)) {
    if (!is_first) out += '\n';
    if (!is_first && (blank || !line.empty())) out += spaces;
    is_first = false;
    out += line;
    GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(line.size() + spaces.size()) / 64 + 1));
    GALAGO_CHECK(runtime.check_size(out.size()));
  }
  return runtime.string(std::move(out), value.is_markup());
}

Answer defaulted(Runtime& runtime, const Value& value, Span arguments) {
  if (!value.is_undefined() && (truth(value) || !truth(arguments[1]))) return value;
  return arguments[0].is_missing() ? runtime.string("") : arguments[0];
}

Answer length_of(Runtime& runtime, const Value& value, Span) {
  GALAGO_TRY(const std::int64_t count, length(runtime, value));
  return Value::integer(count);
}

Answer first(Runtime& runtime, const Value& value, Span) {
  if (value.is(Kind::kIterator) && value.iterator().position < value.iterator().items.size()) {
    return value.iterator().items[value.iterator().position++];
  }
  if (value.is_string() && !value.text().empty()) return get_item(runtime, value, Value::integer(0));
  GALAGO_TRY(auto items, to_vector(runtime, value));
  if (items.empty()) return runtime.undefined("No first item, sequence was empty.");
  return items.front();
}

Answer last(Runtime& runtime, const Value& value, Span) {
  if (value.is_string() && !value.text().empty()) return get_item(runtime, value, Value::integer(-1));
  if (value.is(Kind::kIterator)) return runtime.fail("'generator' object is not reversible");
  GALAGO_TRY(auto items, to_vector(runtime, value));
  if (items.empty()) return runtime.undefined("No last item, sequence was empty.");
  return items.back();
}

Answer list_of(Runtime& runtime, const Value& value, Span) {
  GALAGO_TRY(auto items, to_vector(runtime, value));
  return runtime.list(std::move(items));
}

Answer items_of(Runtime& runtime, const Value& value, Span) {
  if (value.is_undefined()) return runtime.iterator({});
  if (!value.is(Kind::kDict)) return runtime.fail("can only get item pairs from a mapping");
  GALAGO_TRY(const Value view, call_method(runtime, value, "items", {}));
  return runtime.iterator(view.items());
}

Answer reverse(Runtime& runtime, const Value& value, Span) {
  if (value.is_string()) return get_slice(runtime, value, {Value::none(), Value::none(), Value::integer(-1)});
  GALAGO_TRY(auto items, to_vector(runtime, value));
  std::reverse(items.begin(), items.end());
  return value.is(Kind::kIterator) ? runtime.list(std::move(items)) : runtime.iterator(std::move(items));
}

Answer join(Runtime& runtime, const Value& value, Span arguments) {
  const AttributePath path(runtime, arguments[1]);
  std::string separator;
  if (!arguments[0].is_missing()) {
    GALAGO_TRY(separator, to_str(runtime, arguments[0]));
  }
  GALAGO_TRY(const auto items, to_vector(runtime, value));
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i != 0) out += separator;
    GALAGO_TRY(const Value part, path.get(runtime, items[i]));
    const std::size_t before = out.size();
    GALAGO_CHECK(append_str(runtime, part, out));
    GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(out.size() - before + separator.size()) / 64 + 1));
    GALAGO_CHECK(runtime.check_size(out.size()));
  }
  return runtime.string(std::move(out));
}

template <bool largest>
Answer extreme(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(const auto items, to_vector(runtime, value));
  GALAGO_TRY(const auto keys, AttributePath(runtime, arguments[1]).keys(runtime, items, truth(arguments[0])));
  if (items.empty()) return runtime.undefined("No aggregated item, sequence was empty.");
  std::size_t best = 0;
  for (std::size_t i = 1; i < items.size(); ++i) {
    GALAGO_TRY(const bool better,
               compare(runtime, largest ? CompareOp::kGreater : CompareOp::kLess, keys[i], keys[best]));
    if (better) best = i;
  }
  return items[best];
}

Answer sort(Runtime& runtime, const Value& value, Span arguments) {
  if (arguments[2].is_string() && arguments[2].text().find(',') != std::string::npos) {
    return runtime.unsupported("sort by several attributes is not supported here");
  }
  GALAGO_TRY(auto items, to_vector(runtime, value));
  GALAGO_TRY(const auto keys, AttributePath(runtime, arguments[2]).keys(runtime, items, truth(arguments[1])));
  GALAGO_TRY(auto sorted, sort_values(runtime, std::move(items), keys, truth(arguments[0])));
  return runtime.list(std::move(sorted));
}

Answer dictsort(Runtime& runtime, const Value& value, Span arguments) {
  const bool by_value = arguments[1].is_string() && arguments[1].text() == "value";
  if (!arguments[1].is_missing() && !by_value && !(arguments[1].is_string() && arguments[1].text() == "key")) {
    return runtime.fail("you can only sort by either 'key' or 'value'");
  }
  if (!value.is(Kind::kDict)) return runtime.fail("dictsort needs a mapping, not '{}'", type_name(value));
  GALAGO_TRY(const Value pairs, call_method(runtime, value, "items", {}));
  const AttributePath path(runtime, Value::integer(by_value ? 1 : 0));
  GALAGO_TRY(const auto keys, path.keys(runtime, pairs.items(), truth(arguments[0])));
  GALAGO_TRY(auto sorted, sort_values(runtime, pairs.items(), keys, truth(arguments[2])));
  return runtime.list(std::move(sorted));
}

Answer unique(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(const auto items, to_vector(runtime, value));
  GALAGO_TRY(const auto keys, AttributePath(runtime, arguments[1]).keys(runtime, items, truth(arguments[0])));
  auto seen = runtime.make_ref<DictObject>();
  std::vector<Value> kept;
  for (std::size_t i = 0; i < items.size(); ++i) {
    GALAGO_CHECK(check_hashable(runtime, keys[i]));
    if (seen->find(keys[i]) != nullptr) continue;
    seen->insert(keys[i], Value::none());
    kept.push_back(items[i]);
  }
  return runtime.iterator(std::move(kept));
}

// map(attribute=, default=) or map("filter", arguments of the filter).
Answer map(Runtime& runtime, const Value& value, Arguments& arguments) {
  std::vector<Value> results;
  if (!truth(value)) return runtime.iterator(std::move(results));
  Value attribute, fallback;
  std::string name;
  if (arguments.positional.empty()) {
    for (const auto& [key, given] : arguments.keyword) {
      if (key != "attribute" && key != "default") return runtime.fail("unexpected keyword argument '{}'", key);
      (key == "attribute" ? attribute : fallback) = given;
    }
    if (attribute.is_missing()) return runtime.fail("map requires a filter argument");
  } else {
    if (!arguments.positional[0].is_string()) return runtime.fail("map needs the name of a filter");
    name = arguments.positional[0].text();
    arguments.positional.erase(arguments.positional.begin());
  }
  const AttributePath path(runtime, attribute);
  GALAGO_TRY(const auto items, to_vector(runtime, value));
  for (const Value& item : items) {
    GALAGO_CHECK(runtime.step());
    Arguments call = arguments;
    GALAGO_TRY(Value result,
               attribute.is_missing() ? runtime.call_filter(name, item, call) : path.get(runtime, item, fallback));
    results.push_back(std::move(result));
  }
  return runtime.iterator(std::move(results));
}

// select("test", its argument) or selectattr("attribute", "test", its argument).
template <bool wanted, bool by_attribute>
Answer select(Runtime& runtime, const Value& value, Arguments& arguments) {
  std::vector<Value> kept;
  if (!truth(value)) return runtime.iterator(std::move(kept));
  auto& given = arguments.positional;
  if (by_attribute && given.empty()) return runtime.fail("missing parameter for attribute name");
  const AttributePath path(runtime, by_attribute ? given[0] : Value());
  if (by_attribute) given.erase(given.begin());
  std::string test;
  if (!given.empty()) {
    if (!given[0].is_string()) return runtime.fail("the name of a test must be a text");
    test = given[0].text();
    given.erase(given.begin());
  }
  GALAGO_TRY(const auto items, to_vector(runtime, value));
  for (const Value& item : items) {
    GALAGO_CHECK(runtime.step());
    GALAGO_TRY(const Value tested, path.get(runtime, item));
    Arguments call = arguments;
    bool passes = truth(tested);
    if (!test.empty()) {
      GALAGO_TRY(passes, runtime.call_test(test, tested, call));
    }
    if (passes == wanted) kept.push_back(item);
  }
  return runtime.iterator(std::move(kept));
}

Answer absolute(Runtime& runtime, const Value& value, Span) {
  if (value.is(Kind::kFloat)) return Value::number(std::fabs(value.as_float()));
  if (!value.is_integral()) return runtime.fail("bad operand type for abs(): '{}'", type_name(value));
  return value.as_int() < 0 ? negate(runtime, value) : Value::integer(value.as_int());
}

Answer to_int(Runtime& runtime, const Value& value, Span arguments) {
  const Value fallback = arguments[0].is_missing() ? Value::integer(0) : arguments[0];
  if (value.is_integral()) return Value::integer(value.as_int());
  if (value.is_undefined()) return runtime.fail("{}", value.text());
  if (!value.is_string() && !value.is(Kind::kFloat)) return fallback;
  std::optional<double> number;
  if (value.is_string()) {
    bool overflow = false;
    if (const auto whole = parse_int(value.text(), overflow)) return Value::integer(*whole);
    if (overflow) return runtime.limit("the integer '{:.40}' has more than 64 bits", value.text());
    number = parse_float(value.text());
    if (!number || std::isinf(*number)) return fallback;
  } else {
    number = value.as_float();
  }
  if (std::isnan(*number)) return fallback;
  if (!(std::fabs(*number) < 9.2233720368547758e18)) {
    return runtime.limit("cannot convert {} to a 64-bit integer", float_repr(*number));
  }
  return Value::integer(static_cast<std::int64_t>(*number));
}

Answer to_float(Runtime& runtime, const Value& value, Span arguments) {
  const Value fallback = arguments[0].is_missing() ? Value::number(0) : arguments[0];
  if (value.is_number()) return Value::number(value.as_number());
  if (value.is_undefined()) return runtime.fail("{}", value.text());
  const auto number = value.is_string() ? parse_float(value.text()) : std::nullopt;
  return number ? Value::number(*number) : fallback;
}

Answer tojson(Runtime& runtime, const Value& value, Span arguments) {
  JsonTextOptions options;
  options.ensure_ascii = truth(arguments[0]);
  options.sort_keys = truth(arguments[3]);
  if (const Value& given = arguments[1]; !given.is_missing() && !given.is_none()) {
    options.pretty = true;
    options.item_separator.assign(1, ',');
    GALAGO_TRY(options.indent, indention(runtime, given));
  }
  if (const Value& separators = arguments[2]; !separators.is_missing() && !separators.is_none()) {
    GALAGO_TRY(const auto pair, to_vector(runtime, separators));
    if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
      return runtime.fail("separators must be two strings");
    }
    options.item_separator = pair[0].text();
    options.key_separator = pair[1].text();
  }
  GALAGO_TRY(std::string text, to_json_text(runtime, value, options));
  return runtime.string(std::move(text));
}

constexpr Builtin kFilters[] = {
    {"abs", absolute},
    {"capitalize", by_method<kCapitalize>},
    {"count", length_of},
    {"d", defaulted, "default_value boolean"},
    {"default", defaulted, "default_value boolean"},
    {"dictsort", dictsort, "case_sensitive by reverse"},
    {"e", [](Runtime& r, const Value& v, Span) { return escape(r, v); }},
    {"escape", [](Runtime& r, const Value& v, Span) { return escape(r, v); }},
    {"first", first},
    {"float", to_float, "default"},
    {"indent", indent, "width first blank"},
    {"int", to_int, "default"},
    {"items", items_of},
    {"join", join, "d attribute"},
    {"last", last},
    {"length", length_of},
    {"list", list_of},
    {"lower", by_method<kLower>},
    {.name = "map", .raw = map},
    {"max", extreme<true>, "case_sensitive attribute"},
    {"min", extreme<false>, "case_sensitive attribute"},
    {.name = "reject", .raw = select<false, false>},
    {.name = "rejectattr", .raw = select<false, true>},
    {"replace", replace, "old new count", 2},
    {"reverse", reverse},
    {"safe", safe},
    {.name = "select", .raw = select<true, false>},
    {.name = "selectattr", .raw = select<true, true>},
    {"sort", sort, "reverse case_sensitive attribute"},
    {"string", [](Runtime& r, const Value& v, Span) { return soft_str(r, v); }},
    {"title", title},
    {"tojson", tojson, "ensure_ascii indent separators sort_keys"},
    {"trim", by_method<kStrip>, "chars"},
    {"unique", unique, "case_sensitive attribute"},
    {"upper", by_method<kUpper>},
};

}  // namespace

std::span<const Builtin> filters() { return kFilters; }

}  // namespace galago::text::jinja
