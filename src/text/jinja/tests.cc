// The tests: what follows `is`.
#include "base/try.h"
#include "text/jinja/builtins.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

namespace {

using Span = std::span<Value>;
using Answer = Result<Value>;

Answer compared(Runtime& runtime, CompareOp op, const Value& a, const Value& b) {
  GALAGO_TRY(const bool holds, compare(runtime, op, a, b));
  return Value::boolean(holds);
}

template <CompareOp op>
Answer by(Runtime& runtime, const Value& value, Span arguments) {
  return compared(runtime, op, value, arguments[0]);
}

// value % divisor == expected
Answer has_rest(Runtime& runtime, const Value& value, const Value& divisor, std::int64_t expected) {
  if (value.is_string()) return runtime.fail("a text is neither odd nor even");
  GALAGO_TRY(const Value rest, binary(runtime, ExprKind::kModulo, value, divisor));
  return Value::boolean(equal(rest, Value::integer(expected)));
}

template <bool (*holds)(const Value&)>
Answer plain(Runtime&, const Value& value, Span) {
  return Value::boolean(holds(value));
}

bool is_true(const Value& v) { return v.is(Kind::kBool) && v.as_bool(); }
bool is_false(const Value& v) { return v.is(Kind::kBool) && !v.as_bool(); }
bool is_defined(const Value& v) { return !v.is_undefined(); }
bool is_undefined(const Value& v) { return v.is_undefined(); }
bool is_callable(const Value& v) { return v.is(Kind::kCallable) || v.is(Kind::kLoop) || v.is_undefined(); }
bool is_number(const Value& v) { return v.is_number(); }
template <Kind kind>
bool is_kind(const Value& v) {
  return v.is(kind);
}
// What has a length and can be subscripted.
bool is_sequence(const Value& v) {
  return is_iterable(v) && !v.is(Kind::kView) && !v.is(Kind::kIterator) && !v.is(Kind::kLoop);
}

constexpr Builtin kTests[] = {
    {"!=", by<CompareOp::kNotEqual>, "other", 1},
    {"<", by<CompareOp::kLess>, "other", 1},
    {"<=", by<CompareOp::kLessEqual>, "other", 1},
    {"==", by<CompareOp::kEqual>, "other", 1},
    {">", by<CompareOp::kGreater>, "other", 1},
    {">=", by<CompareOp::kGreaterEqual>, "other", 1},
    {"boolean", plain<is_kind<Kind::kBool>>},
    {"callable", plain<is_callable>},
    {"defined", plain<is_defined>},
    {"divisibleby", [](Runtime& r, const Value& v, Span a) { return has_rest(r, v, a[0], 0); }, "num", 1},
    {"eq", by<CompareOp::kEqual>, "other", 1},
    {"equalto", by<CompareOp::kEqual>, "other", 1},
    {"even", [](Runtime& r, const Value& v, Span) { return has_rest(r, v, Value::integer(2), 0); }},
    {"false", plain<is_false>},
    {"float", plain<is_kind<Kind::kFloat>>},
    {"ge", by<CompareOp::kGreaterEqual>, "other", 1},
    {"greaterthan", by<CompareOp::kGreater>, "other", 1},
    {"gt", by<CompareOp::kGreater>, "other", 1},
    {"in", by<CompareOp::kIn>, "seq", 1},
    {"integer", plain<is_kind<Kind::kInt>>},
    {"iterable", plain<is_iterable>},
    {"le", by<CompareOp::kLessEqual>, "other", 1},
    {"lessthan", by<CompareOp::kLess>, "other", 1},
    {"lt", by<CompareOp::kLess>, "other", 1},
    {"mapping", plain<is_kind<Kind::kDict>>},
    {"ne", by<CompareOp::kNotEqual>, "other", 1},
    {"none", plain<is_kind<Kind::kNone>>},
    {"number", plain<is_number>},
    {"odd", [](Runtime& r, const Value& v, Span) { return has_rest(r, v, Value::integer(2), 1); }},
    {"sequence", plain<is_sequence>},
    {"string", plain<is_kind<Kind::kString>>},
    {"true", plain<is_true>},
    {"undefined", plain<is_undefined>},
};

}  // namespace

std::span<const Builtin> tests() { return kTests; }

}  // namespace galago::text::jinja
