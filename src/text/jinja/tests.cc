// The tests of the template language: what follows `is`.
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
using Answer = Result<bool>;

template <CompareOp op>
Answer compared(Runtime& runtime, const Value& value, Span arguments) {
  return compare(runtime, op, value, arguments[0]);
}

// value % divisor == expected
Answer has_rest(Runtime& runtime, const Value& value, const Value& divisor, std::int64_t expected) {
  GALAGO_TRY(const Value rest, binary(runtime, ExprKind::kModulo, value, divisor));
  return equal(rest, Value::integer(expected));
}

// str.islower() or isupper(): some cased character, and none of the other case.
Answer all_cased(Runtime& runtime, const Value& value, bool (*wanted)(char32_t)) {
  GALAGO_TRY(const std::string text, to_str(runtime, value));
  bool any = false;
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    if (wanted(c.code_point)) {
      any = true;
    } else if (is_cased(c.code_point)) {
      return false;
    }
    i += c.size;
  }
  return any;
}

Answer is_sequence_test(Runtime& /*runtime*/, const Value& value, Span /*arguments*/) {
  switch (value.kind()) {
    case Kind::kString:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
    case Kind::kRange:
    case Kind::kUndefined: return true;
    default: return false;
  }
}

constexpr TestSpec kTests[] = {
    {"odd", 0, [](Runtime& r, const Value& v, Span) { return has_rest(r, v, Value::integer(2), 1); }},
    {"even", 0, [](Runtime& r, const Value& v, Span) { return has_rest(r, v, Value::integer(2), 0); }},
    {"divisibleby", 1, [](Runtime& r, const Value& v, Span a) { return has_rest(r, v, a[0], 0); }},
    {"defined", 0, [](Runtime&, const Value& v, Span) { return Answer(!v.is_undefined()); }},
    {"undefined", 0, [](Runtime&, const Value& v, Span) { return Answer(v.is_undefined()); }},
    {"filter", 0,
     [](Runtime& r, const Value& v, Span) -> Answer {
       GALAGO_CHECK(check_hashable(r, v));
       return v.is_string() && find_filter(v.text()) != nullptr;
     }},
    {"test", 0,
     [](Runtime& r, const Value& v, Span) -> Answer {
       GALAGO_CHECK(check_hashable(r, v));
       return v.is_string() && find_test(v.text()) != nullptr;
     }},
    {"none", 0, [](Runtime&, const Value& v, Span) { return Answer(v.is_none()); }},
    {"boolean", 0, [](Runtime&, const Value& v, Span) { return Answer(v.is(Kind::kBool)); }},
    {"false", 0, [](Runtime&, const Value& v, Span) { return Answer(v.is(Kind::kBool) && !v.as_bool()); }},
    {"true", 0, [](Runtime&, const Value& v, Span) { return Answer(v.is(Kind::kBool) && v.as_bool()); }},
    {"integer", 0, [](Runtime&, const Value& v, Span) { return Answer(v.is(Kind::kInt)); }},
    {"float", 0, [](Runtime&, const Value& v, Span) { return Answer(v.is(Kind::kFloat)); }},
    {"lower", 0, [](Runtime& r, const Value& v, Span) { return all_cased(r, v, is_lower); }},
    {"upper", 0, [](Runtime& r, const Value& v, Span) { return all_cased(r, v, is_upper); }},
    {"string", 0, [](Runtime&, const Value& v, Span) { return Answer(v.is_string()); }},
    {"mapping", 0, [](Runtime&, const Value& v, Span) { return Answer(v.is(Kind::kDict)); }},
    {"number", 0, [](Runtime&, const Value& v, Span) { return Answer(v.is_number()); }},
    {"sequence", 0, is_sequence_test},
    {"iterable", 0, [](Runtime&, const Value& v, Span) { return Answer(is_iterable(v)); }},
    {"callable", 0,
     [](Runtime&, const Value& v, Span) {
       return Answer(v.is(Kind::kCallable) || v.is(Kind::kLoop) || v.is(Kind::kJoiner) || v.is_undefined());
     }},
    {"sameas", 1, [](Runtime&, const Value& v, Span a) { return Answer(v.same_as(a[0])); }},
    {"escaped", 0, [](Runtime&, const Value& v, Span) { return Answer(v.is_markup()); }},
    {"in", 1, [](Runtime& r, const Value& v, Span a) { return contains(r, a[0], v); }},
    {"==", 1, compared<CompareOp::kEqual>},
    {"eq", 1, compared<CompareOp::kEqual>},
    {"equalto", 1, compared<CompareOp::kEqual>},
    {"!=", 1, compared<CompareOp::kNotEqual>},
    {"ne", 1, compared<CompareOp::kNotEqual>},
    {">", 1, compared<CompareOp::kGreater>},
    {"gt", 1, compared<CompareOp::kGreater>},
    {"greaterthan", 1, compared<CompareOp::kGreater>},
    {"ge", 1, compared<CompareOp::kGreaterEqual>},
    {">=", 1, compared<CompareOp::kGreaterEqual>},
    {"<", 1, compared<CompareOp::kLess>},
    {"lt", 1, compared<CompareOp::kLess>},
    {"lessthan", 1, compared<CompareOp::kLess>},
    {"<=", 1, compared<CompareOp::kLessEqual>},
    {"le", 1, compared<CompareOp::kLessEqual>},
};

}  // namespace

const TestSpec* find_test(std::string_view name) {
  const auto* it =
      std::find_if(std::begin(kTests), std::end(kTests), [name](const TestSpec& t) { return t.name == name; });
  return it == std::end(kTests) ? nullptr : it;
}

}  // namespace galago::text::jinja
