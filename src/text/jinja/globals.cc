// The functions that every template can call.
#include <algorithm>

#include "base/try.h"
#include "text/jinja/builtins.h"
#include "text/jinja/native.h"
#include "text/jinja/operations.h"

namespace galago::text::jinja {

namespace {

// The sandbox's own limit.
constexpr std::int64_t kMaxRange = 100000;

Result<Value> range(Runtime& runtime, const Value& /*self*/, Arguments& arguments) {
  if (!arguments.keyword.empty()) return runtime.fail("range() takes no keyword arguments");
  const auto& given = arguments.positional;
  if (given.empty() || given.size() > 3) return runtime.fail("range expected 1 to 3 arguments, got {}", given.size());
  std::int64_t values[3] = {0, 0, 1};
  for (std::size_t i = 0; i < given.size(); ++i) {
    GALAGO_TRY(values[i], expect_int(runtime, given[i], "an argument of range()"));
  }
  if (given.size() == 1) std::swap(values[0], values[1]);
  if (values[2] == 0) return runtime.fail("range() arg 3 must not be zero");
  Value result = runtime.make<RangeObject>(Kind::kRange, values[0], values[1], values[2]);
  if (result.range().size() > kMaxRange) {
    return runtime.limit("range too big: the sandbox blocks ranges larger than {}", kMaxRange);
  }
  return result;
}

// Pairs from a mapping or from an iterable of pairs, then the keywords: what dict() and namespace() take.
Result<Ref<DictObject>> dict_from(Runtime& runtime, Arguments& arguments, std::string_view function) {
  if (arguments.positional.size() > 1) {
    return runtime.fail("{} expected at most 1 argument, got {}", function, arguments.positional.size());
  }
  auto dict = runtime.make_ref<DictObject>();
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (source.is(Kind::kDict)) {
      for (const auto& [key, value] : source.dict().entries()) {
        GALAGO_CHECK(runtime.step());
        dict->insert(key, value);
      }
    } else {
      GALAGO_TRY(const auto pairs, to_vector(runtime, source));
      for (const Value& pair : pairs) {
        GALAGO_TRY(const auto parts, to_vector(runtime, pair));
        if (parts.size() != 2) return runtime.fail("a pair of {} has length {}; 2 is required", function, parts.size());
        GALAGO_CHECK(check_hashable(runtime, parts[0]));
        dict->insert(parts[0], parts[1]);
      }
    }
  }
  for (const auto& [key, value] : arguments.keyword) dict->insert(runtime.string(key), value);
  return dict;
}

Result<Value> make_dict(Runtime& runtime, const Value& /*self*/, Arguments& arguments) {
  GALAGO_TRY(const auto dict, dict_from(runtime, arguments, "dict"));
  return Value::object(Kind::kDict, dict.get());
}

Result<Value> from_keys(Runtime& runtime, const Value& /*self*/, Arguments& arguments) {
  GALAGO_TRY(const auto bound, bind_parameters(runtime, "fromkeys", arguments, "iterable value", 1));
  GALAGO_TRY(const auto keys, to_vector(runtime, bound[0]));
  auto dict = runtime.make_ref<DictObject>();
  for (const Value& key : keys) {
    GALAGO_CHECK(check_hashable(runtime, key));
    dict->insert(key, bound[1].is_missing() ? Value::none() : bound[1]);
  }
  return Value::object(Kind::kDict, dict.get());
}

// transformers' TemplateDict: callable, with fromkeys().
class DictFunction : public CallableObject {
 public:
  explicit DictFunction(Budget& budget) : CallableObject(budget, sizeof(*this)) {}
  Result<Value> call(Runtime& runtime, Arguments& arguments) const override {
    return make_dict(runtime, Value(), arguments);
  }
  Value attribute(Runtime& runtime, std::string_view name) const override {
    return name == "fromkeys" ? bind_native(runtime, Value::none(), from_keys) : Value();
  }
};

Result<Value> make_namespace(Runtime& runtime, const Value& /*self*/, Arguments& arguments) {
  GALAGO_TRY(const auto dict, dict_from(runtime, arguments, "namespace"));
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

Result<Value> make_cycler(Runtime& runtime, const Value& /*self*/, Arguments& arguments) {
  if (!arguments.keyword.empty()) return runtime.fail("cycler() takes no keyword arguments");
  if (arguments.positional.empty()) return runtime.fail("at least one item has to be provided");
  return runtime.make<CyclerObject>(Kind::kCycler, arguments.positional);
}

Result<Value> make_joiner(Runtime& runtime, const Value& /*self*/, Arguments& arguments) {
  GALAGO_TRY(const auto bound, bind_parameters(runtime, "joiner", arguments, "sep", 0));
  return runtime.make<JoinerObject>(Kind::kJoiner, bound[0].is_missing() ? runtime.string(", ") : bound[0]);
}

Result<Value> raise_exception(Runtime& runtime, const Value& /*self*/, Arguments& arguments) {
  GALAGO_TRY(const auto bound, bind_parameters(runtime, "raise_exception", arguments, "message", 1));
  GALAGO_TRY(const std::string message, to_str(runtime, bound[0]));
  return runtime.fail("the template refuses: {}", message);
}

Result<Value> strftime_now(Runtime& runtime, const Value& /*self*/, Arguments& arguments) {
  GALAGO_TRY(const auto bound, bind_parameters(runtime, "strftime_now", arguments, "format", 1));
  if (!bound[0].is_string()) return runtime.fail("strftime() argument 1 must be str, not {}", type_name(bound[0]));
  GALAGO_CHECK(runtime.step_bytes(static_cast<std::int64_t>(bound[0].text().size()) * 16));
  const auto now = runtime.clock() ? runtime.clock()() : std::chrono::system_clock::now();
  return runtime.string(format_time(now, bound[0].text()));
}

Result<Value> lipsum(Runtime& runtime, const Value& /*self*/, Arguments& /*arguments*/) {
  return runtime.unsupported("lipsum() is not supported: a prompt must not depend on chance");
}

struct Global {
  std::string_view name;
  NativeFunction function;
};

constexpr Global kGlobals[] = {
    {"range", range},        {"namespace", make_namespace},        {"cycler", make_cycler},
    {"joiner", make_joiner}, {"raise_exception", raise_exception}, {"strftime_now", strftime_now},
    {"lipsum", lipsum},
};

}  // namespace

Value find_global(Runtime& runtime, std::string_view name) {
  if (name == "dict") return runtime.make<DictFunction>(Kind::kCallable);
  const auto* it =
      std::find_if(std::begin(kGlobals), std::end(kGlobals), [name](const Global& g) { return g.name == name; });
  if (it == std::end(kGlobals)) return {};
  return bind_native(runtime, Value::none(), it->function);
}

}  // namespace galago::text::jinja
