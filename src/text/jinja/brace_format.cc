// "...".format(...), in the sandbox: fields reach attributes and items by the template language's rules.
#include "base/try.h"
#include "text/jinja/number_text.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

namespace {

class BraceFormatter {
 public:
  BraceFormatter(Runtime& runtime, const Arguments& arguments, bool is_map, bool markup)
      : runtime_(runtime), arguments_(arguments), is_map_(is_map), markup_(markup) {}

  Result<std::string> run(std::string_view format, int nesting);

 private:
  Result<std::string> field(std::string_view field, int nesting);
  Result<Value> look_up(std::string_view name);
  Result<Value> first_value(std::string_view name);

  Runtime& runtime_;
  const Arguments& arguments_;
  bool is_map_;
  bool markup_;                 // fields are escaped, but for those that are escaped already
  std::int64_t automatic_ = 0;  // the next number of "{}"; -1 once fields are numbered by hand
};

Result<std::string> BraceFormatter::run(std::string_view format, int nesting) {
  if (nesting > 2) return runtime_.fail("max string recursion exceeded");
  std::string out;
  for (std::size_t i = 0; i < format.size();) {
    const char c = format[i];
    if (c != '{' && c != '}') {
      out += c;
      ++i;
      continue;
    }
    if (i + 1 < format.size() && format[i + 1] == c) {
      out += c;
      i += 2;
      continue;
    }
    if (c == '}') return runtime_.fail("single '}}' encountered in format string");
    std::size_t end = i + 1;
    int open = 1;
    bool in_brackets = false;
    for (; end < format.size(); ++end) {
      if (format[end] == '[') in_brackets = true;
      if (format[end] == ']') in_brackets = false;
      if (in_brackets) continue;
      if (format[end] == '{') ++open;
      if (format[end] == '}' && --open == 0) break;
    }
    if (end == format.size()) {
      return i + 1 == format.size() ? runtime_.fail("single '{{' encountered in format string")
                                    : runtime_.fail("expected '}}' before end of string");
    }
    GALAGO_TRY(const std::string text, field(format.substr(i + 1, end - i - 1), nesting));
    out += text;
    GALAGO_CHECK(runtime_.step_bytes(static_cast<std::int64_t>(text.size())));
    if (static_cast<std::int64_t>(out.size()) > runtime_.budget().max_string)
      return runtime_.limit("the formatted text is too long");
    i = end + 1;
  }
  return out;
}

Result<Value> BraceFormatter::first_value(std::string_view name) {
  const bool is_number = !name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos;
  std::int64_t index = -1;
  if (name.empty()) {
    if (automatic_ < 0)
      return runtime_.fail("cannot switch from manual field specification to automatic field numbering");
    index = automatic_++;
  } else if (is_number) {
    if (automatic_ > 0)
      return runtime_.fail("cannot switch from automatic field numbering to manual field specification");
    automatic_ = -1;
    bool overflow = false;
    index = parse_int(name, 10, overflow).value_or(INT64_MAX);
  }
  if (index >= 0) {
    if (is_map_ || static_cast<std::size_t>(index) >= arguments_.positional.size()) {
      return runtime_.fail("replacement index {} out of range for positional args tuple", index);
    }
    return arguments_.positional[static_cast<std::size_t>(index)];
  }
  if (is_map_) {
    const Value& mapping = arguments_.positional[0];
    if (mapping.is(Kind::kDict)) {
      if (const Value* found = mapping.dict().find(name)) return *found;
    }
    return runtime_.fail("the format has the key '{}', which the mapping lacks", name);
  }
  for (const auto& [key, value] : arguments_.keyword) {
    if (key == name) return value;
  }
  return runtime_.fail("the format has the key '{}', which is no argument", name);
}

Result<Value> BraceFormatter::look_up(std::string_view name) {
  const std::size_t first_end = std::min(name.find_first_of(".["), name.size());
  GALAGO_TRY(Value value, first_value(name.substr(0, first_end)));
  std::string_view rest = name.substr(first_end);
  while (!rest.empty()) {
    GALAGO_CHECK(runtime_.step());
    if (rest[0] == '.') {
      const std::size_t end = std::min(rest.find_first_of(".[", 1), rest.size());
      if (end == 1) return runtime_.fail("empty attribute in format string");
      GALAGO_TRY(value, get_attribute(runtime_, value, rest.substr(1, end - 1)));
      rest.remove_prefix(end);
      continue;
    }
    const std::size_t end = rest.find(']');
    if (rest[0] != '[' || end == std::string_view::npos) return runtime_.fail("missing ']' in format string");
    const std::string_view key = rest.substr(1, end - 1);
    if (key.empty()) return runtime_.fail("empty attribute in format string");
    bool overflow = false;
    const bool is_number = key.find_first_not_of("0123456789") == std::string_view::npos;
    const auto index = is_number ? parse_int(key, 10, overflow) : std::nullopt;
    GALAGO_TRY(value, get_item(runtime_, value, index ? Value::integer(*index) : runtime_.string(std::string(key))));
    rest.remove_prefix(end + 1);
    if (!rest.empty() && rest[0] != '.' && rest[0] != '[') {
      return runtime_.fail("only '.' or '[' may follow ']' in format field specifier");
    }
  }
  return value;
}

Result<std::string> BraceFormatter::field(std::string_view field, int nesting) {
  std::size_t name_end = 0;
  bool in_brackets = false;
  for (; name_end < field.size(); ++name_end) {
    const char c = field[name_end];
    if (c == '[') in_brackets = true;
    if (c == ']') in_brackets = false;
    if (!in_brackets && (c == '!' || c == ':')) break;
    if (c == '{') return runtime_.fail("unexpected '{{' in field name");
  }
  char conversion = 0;
  std::string_view spec;
  std::string_view rest = field.substr(name_end);
  if (!rest.empty() && rest[0] == '!') {
    if (rest.size() < 2) return runtime_.fail("end of string while looking for conversion specifier");
    conversion = rest[1];
    rest.remove_prefix(2);
    if (!rest.empty() && rest[0] != ':') return runtime_.fail("expected ':' after conversion specifier");
  }
  if (!rest.empty()) spec = rest.substr(1);
  GALAGO_TRY(Value value, look_up(field.substr(0, name_end)));
  if (conversion != 0) {
    std::string text;
    if (conversion == 's') {
      GALAGO_CHECK(append_str(runtime_, value, text));
    } else if (conversion == 'r' || conversion == 'a') {
      GALAGO_CHECK(append_repr(runtime_, value, text));
      if (conversion == 'a') text = escape_non_ascii(text);
    } else {
      return runtime_.fail("unknown conversion specifier '{}'", conversion);
    }
    value = runtime_.string(std::move(text));
  }
  GALAGO_TRY(const std::string filled, run(spec, nesting + 1));
  if (!markup_) return format_value(runtime_, value, filled);
  if (value.is_markup() && filled.empty()) return value.text();
  GALAGO_TRY(std::string text, format_value(runtime_, value, filled));
  GALAGO_TRY(const Value escaped, escape(runtime_, runtime_.string(std::move(text))));
  return escaped.text();
}

}  // namespace

Result<Value> brace_format(Runtime& runtime, const Value& format, const Arguments& arguments, bool is_map) {
  BraceFormatter formatter(runtime, arguments, is_map, format.is_markup());
  GALAGO_TRY(std::string text, formatter.run(format.text(), 0));
  return runtime.string(std::move(text), format.is_markup());
}

}  // namespace galago::text::jinja
