// Methods of dicts, lists, tuples, ranges and numbers, and the look-up of any method.
#include "text/jinja/methods.h"

#include <cmath>

#include "base/try.h"
#include "text/jinja/native.h"
#include "text/jinja/operations.h"

namespace galago::text::jinja {

namespace {

using Span = std::span<Value>;
using Answer = Result<Value>;

class BoundMethod : public CallableObject {
 public:
  BoundMethod(Budget& budget, Value self, const MethodSpec& spec)
      : CallableObject(budget, sizeof(*this)), self_(std::move(self)), spec_(spec) {
    set_depth(self_.depth() + 1);
  }
  Result<Value> call(Runtime& runtime, Arguments& arguments) const override {
    if (spec_.raw != nullptr) return spec_.raw(runtime, self_, arguments);
    if (!spec_.keywords && !arguments.keyword.empty()) {
      return runtime.fail("{}() takes no keyword arguments", spec_.name);
    }
    GALAGO_TRY(auto bound, bind_parameters(runtime, spec_.name, arguments, spec_.parameters, spec_.required));
    return spec_.apply(runtime, self_, bound);
  }
  Value attribute(Runtime& /*runtime*/, std::string_view /*name*/) const override { return {}; }

 private:
  Value self_;
  const MethodSpec& spec_;
};

template <ViewObject::Part part>
Answer view(Runtime& runtime, const Value& self, Span) {
  return runtime.make<ViewObject>(Kind::kView, self, part);
}

Answer get(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_CHECK(check_hashable(runtime, arguments[0]));
  if (const Value* found = self.dict().find(arguments[0])) return *found;
  return arguments[1].is_missing() ? Value::none() : arguments[1];
}

Answer same(Runtime& /*runtime*/, const Value& self, Span) { return self; }

constexpr MethodSpec kDictMethods[] = {
    {"items", view<ViewObject::Part::kItems>},
    {"keys", view<ViewObject::Part::kKeys>},
    {"values", view<ViewObject::Part::kValues>},
    {"get", get, "key default", 1},
    {"copy", same},
};

Answer count_items(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_TRY(const auto items, to_vector(runtime, self));
  std::int64_t count = 0;
  for (const Value& item : items) count += item.same_as(arguments[0]) || equal(item, arguments[0]) ? 1 : 0;
  return Value::integer(count);
}

Answer index_of(Runtime& runtime, const Value& self, Span arguments) {
  GALAGO_TRY(const auto items, to_vector(runtime, self));
  const auto size = static_cast<std::int64_t>(items.size());
  std::int64_t bounds[] = {0, size};
  for (std::size_t i = 0; i < 2; ++i) {
    if (arguments[i + 1].is_missing()) continue;
    GALAGO_TRY(bounds[i], expect_int(runtime, arguments[i + 1], "a bound of index()"));
    if (bounds[i] < 0) bounds[i] = std::max<std::int64_t>(bounds[i] + size, 0);
  }
  for (std::int64_t i = bounds[0]; i < std::min(bounds[1], size); ++i) {
    const Value& item = items[static_cast<std::size_t>(i)];
    if (item.same_as(arguments[0]) || equal(item, arguments[0])) return Value::integer(i);
  }
  return runtime.fail("the value of index() is not in the {}", type_name(self));
}

constexpr MethodSpec kListMethods[] = {
    {"count", count_items, "value", 1},
    {"index", index_of, "value start stop", 1},
    {"copy", same},
};
constexpr MethodSpec kTupleMethods[] = {
    {"count", count_items, "value", 1},
    {"index", index_of, "value start stop", 1},
};

Answer bit_length(Runtime& /*runtime*/, const Value& self, Span) {
  const auto value = static_cast<std::uint64_t>(self.as_int());
  std::uint64_t magnitude = self.as_int() < 0 ? ~value + 1 : value;
  std::int64_t bits = 0;
  for (; magnitude != 0; magnitude >>= 1) ++bits;
  return Value::integer(bits);
}

constexpr MethodSpec kIntMethods[] = {
    {"bit_length", bit_length},
    {"conjugate", [](Runtime&, const Value& v, Span) { return Answer(Value::integer(v.as_int())); }},
};
constexpr MethodSpec kFloatMethods[] = {
    {"is_integer",
     [](Runtime&, const Value& v, Span) {
       return Answer(Value::boolean(std::isfinite(v.as_float()) && v.as_float() == std::floor(v.as_float())));
     }},
    {"conjugate", same},
};

Answer cycler_next(Runtime& /*runtime*/, const Value& self, Span) {
  CyclerObject& cycler = self.cycler();
  const Value item = cycler.items[cycler.position];
  cycler.position = (cycler.position + 1) % cycler.items.size();
  return item;
}

Answer cycler_reset(Runtime& /*runtime*/, const Value& self, Span) {
  self.cycler().position = 0;
  return Value::none();
}

constexpr MethodSpec kCyclerMethods[] = {{"next", cycler_next}, {"reset", cycler_reset}};

std::span<const MethodSpec> methods_of(const Value& value) {
  switch (value.kind()) {
    case Kind::kDict: return kDictMethods;
    case Kind::kList: return kListMethods;
    case Kind::kTuple:
    case Kind::kRange: return kTupleMethods;
    case Kind::kBool:
    case Kind::kInt: return kIntMethods;
    case Kind::kFloat: return kFloatMethods;
    case Kind::kCycler: return kCyclerMethods;
    default: return {};
  }
}

const MethodSpec* find_in(std::span<const MethodSpec> methods, std::string_view name) {
  const auto it = std::find_if(methods.begin(), methods.end(), [name](const MethodSpec& m) { return m.name == name; });
  return it == methods.end() ? nullptr : &*it;
}

}  // namespace

Value find_method(Runtime& runtime, const Value& value, std::string_view name) {
  if (value.is(Kind::kCycler) && name == "current") return value.cycler().items[value.cycler().position];
  if (value.is(Kind::kJoiner) && name == "sep") return value.joiner().separator;
  if (value.is(Kind::kJoiner) && name == "used") return Value::boolean(value.joiner().used);
  const MethodSpec* spec = nullptr;
  if (value.is_string()) {
    spec = find_in(text_methods(), name);
    if (spec == nullptr) spec = find_in(text_search_methods(), name);
  } else {
    spec = find_in(methods_of(value), name);
  }
  if (spec == nullptr) return {};
  return runtime.make<BoundMethod>(Kind::kCallable, value, *spec);
}

}  // namespace galago::text::jinja
