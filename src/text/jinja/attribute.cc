// value.name, value[key] and slices, with the sandbox's rules.
#include <algorithm>
#include <array>

#include "base/try.h"
#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

namespace {

// What only a sandbox escape asks for. The sandbox answers with an undefined value.
bool is_internal(std::string_view name) { return name.starts_with("__") && name.ends_with("__"); }

bool mutates(const Value& value, std::string_view name) {
  constexpr std::array<std::string_view, 8> kList = {"append", "clear", "pop",    "reverse",
                                                     "insert", "sort",  "extend", "remove"};
  constexpr std::array<std::string_view, 5> kDict = {"clear", "pop", "popitem", "setdefault", "update"};
  if (value.is(Kind::kList)) return std::find(kList.begin(), kList.end(), name) != kList.end();
  if (value.is(Kind::kDict)) return std::find(kDict.begin(), kDict.end(), name) != kDict.end();
  return false;
}

Value unsafe(Runtime& runtime, const Value& value, std::string_view name) {
  return runtime.undefined(fmt::format("access to attribute '{}' of '{}' object is unsafe", name, type_name(value)));
}

std::string describe_object(const Value& value) {
  if (value.is_none()) return "'None'";
  return fmt::format("'{} object'", type_name(value));
}

Value no_attribute(Runtime& runtime, const Value& value, std::string_view name) {
  return runtime.undefined(fmt::format("{} has no attribute '{}'", describe_object(value), name));
}

// Python's getattr(); missing where it raises AttributeError.
Result<Value> python_attribute(Runtime& runtime, const Value& value, std::string_view name) {
  Value found;
  if (value.is_undefined()) return runtime.fail("{}", value.text());
  if (value.is(Kind::kNamespace)) {
    if (const Value* attribute = value.name_space().find(name)) found = *attribute;
  } else if (value.is(Kind::kLoop)) {
    GALAGO_TRY(found, value.loop().attribute(runtime, name));
  } else if (const Builtin* method = find_in(methods(value.kind()), name)) {
    found = bind(runtime, *method, value);
  }
  if (is_left_out(value.kind(), name)) {
    return runtime.unsupported(not_supported("attribute", fmt::format("{}' of '{}", name, type_name(value))));
  }
  return found;
}

// The index of an element, counted from the end when negative; nothing when out of range.
std::optional<std::size_t> position(std::int64_t index, std::int64_t size) {
  if (index < 0) index += size;
  if (index < 0 || index >= size) return std::nullopt;
  return static_cast<std::size_t>(index);
}

Result<Value> character(Runtime& runtime, const Value& text, std::size_t index) {
  const std::string& bytes = text.text();
  if (text.string().ascii()) return runtime.string(std::string(1, bytes[index]), text.is_markup());
  GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(bytes.size()) / 64));
  const std::size_t start = byte_offset(bytes, static_cast<std::int64_t>(index));
  std::size_t end = start + 1;
  while (end < bytes.size() && (bytes[end] & 0xC0) == 0x80) ++end;
  return runtime.string(bytes.substr(start, end - start), text.is_markup());
}

// obj[key]; missing where Python raises TypeError, IndexError or KeyError.
Result<Value> python_item(Runtime& runtime, const Value& value, const Value& key) {
  if (value.is(Kind::kDict)) {
    if (!is_hashable(key)) return Value();
    const Value* found = value.dict().find(key);
    return found == nullptr ? Value() : *found;
  }
  if (value.is_undefined()) return runtime.fail("{}", value.text());
  if (!key.is_integral()) return Value();
  if (value.is_string()) {
    const auto at = position(key.as_int(), value.string().length());
    return at ? character(runtime, value, *at) : Value();
  }
  if (!value.has_items() || value.is(Kind::kView)) return Value();
  const auto at = position(key.as_int(), static_cast<std::int64_t>(value.items().size()));
  return at ? value.items()[*at] : Value();
}

// Python's slice.indices().
struct Indices {
  std::int64_t start, stop, step, count;
};

std::int64_t clamp_bound(const Value& bound, std::int64_t fallback, std::int64_t size, std::int64_t step) {
  if (bound.is_none()) return fallback;
  std::int64_t index = bound.as_int();
  if (index < 0) {
    index += size;  // cannot overflow: one is negative
    return index < 0 ? (step < 0 ? -1 : 0) : index;
  }
  return index >= size ? (step < 0 ? size - 1 : size) : index;
}

Indices slice_indices(const SliceBounds& bounds, std::int64_t step, std::int64_t size) {
  const std::int64_t start = clamp_bound(bounds.start, step < 0 ? size - 1 : 0, size, step);
  const std::int64_t stop = clamp_bound(bounds.stop, step < 0 ? -1 : size, size, step);
  std::int64_t count = 0;
  if (step > 0 && start < stop) count = (stop - start - 1) / step + 1;
  if (step < 0 && start > stop) count = (start - stop - 1) / (step == INT64_MIN ? INT64_MAX : -step) + 1;
  return {start, stop, step, count};
}

Result<Value> slice_text(Runtime& runtime, const Value& value, const Indices& at) {
  const std::string& text = value.text();
  GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(text.size()) / 64 + at.count / 16));
  std::string out;
  if (at.count > 0 && at.step == 1) {
    const bool ascii = value.string().ascii();
    const std::size_t start = ascii ? static_cast<std::size_t>(at.start) : byte_offset(text, at.start);
    const std::string_view rest = std::string_view(text).substr(start);
    out = rest.substr(0, ascii ? static_cast<std::size_t>(at.count) : byte_offset(rest, at.count));
  } else if (at.count > 0) {
    std::vector<std::size_t> starts;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if ((text[i] & 0xC0) != 0x80) starts.push_back(i);
    }
    starts.push_back(text.size());
    for (std::int64_t i = 0, index = at.start; i < at.count; ++i, index += i < at.count ? at.step : 0) {
      const auto c = static_cast<std::size_t>(index);
      out.append(text, starts[c], starts[c + 1] - starts[c]);
    }
  }
  return runtime.string(std::move(out), value.is_markup());
}

}  // namespace

Result<Value> get_attribute(Runtime& runtime, const Value& value, std::string_view name) {
  if (is_internal(name) && (!value.is_undefined() || name == "__class__")) return unsafe(runtime, value, name);
  GALAGO_TRY(Value found, python_attribute(runtime, value, name));
  if (!found.is_missing()) return name.starts_with('_') ? unsafe(runtime, value, name) : found;
  if (mutates(value, name)) return unsafe(runtime, value, name);
  if (value.is(Kind::kDict)) {
    if (const Value* item = value.dict().find(name)) return *item;
  }
  return no_attribute(runtime, value, name);
}

Result<Value> get_item(Runtime& runtime, const Value& value, const Value& key) {
  GALAGO_TRY(Value found, python_item(runtime, value, key));
  if (!found.is_missing()) return found;
  if (!key.is_string()) {
    std::string text;
    GALAGO_CHECK(append_repr(runtime, key, text));
    return runtime.undefined(fmt::format("{} has no element {}", describe_object(value), text));
  }
  const std::string& name = key.text();
  if (is_internal(name) || mutates(value, name)) return unsafe(runtime, value, name);
  GALAGO_TRY(found, python_attribute(runtime, value, name));
  if (found.is_missing()) return no_attribute(runtime, value, name);
  return name.starts_with('_') ? unsafe(runtime, value, name) : found;
}

Result<Value> get_slice(Runtime& runtime, const Value& value, const SliceBounds& bounds) {
  const auto is_index = [](const Value& bound) { return bound.is_none() || bound.is_integral(); };
  if (value.is_undefined()) return runtime.fail("{}", value.text());
  if (value.is(Kind::kRange)) return runtime.unsupported("a slice of a range is not supported here");
  // jinja2 leaves slices to Python, whose errors are no undefined values.
  if (!value.is_string() && !value.is_sequence()) {
    return runtime.fail("'{}' object is not subscriptable by a slice", type_name(value));
  }
  if (!is_index(bounds.start) || !is_index(bounds.stop) || !is_index(bounds.step)) {
    return runtime.fail("slice indices must be integers or None");
  }
  const std::int64_t step = bounds.step.is_none() ? 1 : bounds.step.as_int();
  if (step == 0) return runtime.fail("slice step cannot be zero");
  GALAGO_TRY(const std::int64_t size, length(runtime, value));
  const Indices at = slice_indices(bounds, step, size);
  if (value.is_string()) return slice_text(runtime, value, at);
  GALAGO_CHECK(runtime.step(at.count / 4 + 1));
  std::vector<Value> items;
  items.reserve(static_cast<std::size_t>(at.count));
  for (std::int64_t i = 0, index = at.start; i < at.count; ++i, index += i < at.count ? at.step : 0) {
    items.push_back(value.items()[static_cast<std::size_t>(index)]);
  }
  return value.is(Kind::kList) ? runtime.list(std::move(items)) : runtime.tuple(std::move(items));
}

}  // namespace galago::text::jinja
