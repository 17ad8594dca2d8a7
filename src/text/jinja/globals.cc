// The functions that every template can call.
#include "base/try.h"
#include "text/jinja/builtins.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

namespace {

using Span = std::span<Value>;
using Answer = Result<Value>;

// The sandbox's own limit.
constexpr std::int64_t kMaxRange = 100000;

Answer range(Runtime& runtime, const Value& /*self*/, Span arguments) {
  std::int64_t values[3] = {0, 0, 1};  // start, stop, step
  for (std::size_t i = 0; i < 3; ++i) {
    if (arguments[i].is_missing()) continue;
    GALAGO_TRY(values[i], expect_int(runtime, arguments[i], "an argument of range()"));
  }
  auto [start, stop, step] = values;
  if (arguments[1].is_missing()) std::swap(start, stop);
  if (step == 0) return runtime.fail("range() arg 3 must not be zero");
  std::string label = fmt::format("range({}, {}", start, stop);
  label += step == 1 ? ")" : fmt::format(", {})", step);
  std::vector<Value> items;
  for (std::int64_t at = start; step > 0 ? at < stop : at > stop;) {
    if (static_cast<std::int64_t>(items.size()) == kMaxRange) {
      return runtime.limit("range too big: the sandbox blocks ranges larger than {}", kMaxRange);
    }
    items.push_back(Value::integer(at));
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(items.size()) / 4));
  return runtime.make<SequenceObject>(Kind::kRange, std::move(items), std::move(label));
}

// Pairs from a mapping or from an iterable of pairs, then the keywords: what dict() and namespace() take.
Result<Ref<DictObject>> dict_from(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.size() > 1) {
    return runtime.fail("expected at most 1 argument, got {}", arguments.positional.size());
  }
  auto dict = runtime.make_ref<DictObject>();
  if (!arguments.positional.empty()) {
    Value source = arguments.positional[0];
    if (source.is(Kind::kDict)) {
      GALAGO_TRY(source, call_method(runtime, source, "items", {}));
    }
    GALAGO_TRY(const auto pairs, to_vector(runtime, source));
    for (const Value& pair : pairs) {
      GALAGO_TRY(const auto parts, to_vector(runtime, pair));
      if (parts.size() != 2) return runtime.fail("a pair has {} values; 2 are required", parts.size());
      GALAGO_CHECK(check_hashable(runtime, parts[0]));
      dict->insert(parts[0], parts[1]);
    }
  }
  for (const auto& [key, value] : arguments.keyword) dict->insert(runtime.string(key), value);
  return dict;
}

Answer make_dict(Runtime& runtime, const Value& /*self*/, Arguments& arguments) {
  GALAGO_TRY(const auto dict, dict_from(runtime, arguments));
  return Value::object(Kind::kDict, dict.get());
}

Answer make_namespace(Runtime& runtime, const Value& /*self*/, Arguments& arguments) {
  GALAGO_TRY(const auto dict, dict_from(runtime, arguments));
  Value result = runtime.make_namespace();
  for (const auto& [key, value] : dict->entries()) {
    GALAGO_CHECK(runtime.step());
    // Python allows any key here, but no template can reach one that is not a name.
    if (!key.is_string()) continue;
    if (key.text().starts_with('_')) {
      return runtime.fail("a namespace cannot hold the attribute '{}', which starts with an underscore", key.text());
    }
    result.name_space().set(key.text(), value);
  }
  return result;
}

Answer raise_exception(Runtime& runtime, const Value& /*self*/, Span arguments) {
  GALAGO_TRY(const std::string message, to_str(runtime, arguments[0]));
  return runtime.fail("the template refuses: {}", message);
}

Answer strftime_now(Runtime& runtime, const Value& /*self*/, Span arguments) {
  if (!arguments[0].is_string()) {
    return runtime.fail("strftime() argument 1 must be str, not {}", type_name(arguments[0]));
  }
  const auto now = runtime.clock() ? runtime.clock()() : std::chrono::system_clock::now();
  GALAGO_TRY(std::string text, format_time(runtime, now, arguments[0].text()));
  return runtime.string(std::move(text));
}

constexpr Builtin kGlobals[] = {
    {.name = "dict", .raw = make_dict},
    {.name = "namespace", .raw = make_namespace},
    {"raise_exception", raise_exception, "message", 1},
    {"range", range, "start stop step", 1, false},
    {"strftime_now", strftime_now, "format", 1},
};

}  // namespace

std::span<const Builtin> globals() { return kGlobals; }

}  // namespace galago::text::jinja
