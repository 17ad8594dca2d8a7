#include <cmath>
#include <cstdlib>
#include <optional>

#include "base/checked.h"
#include "base/try.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

namespace {

std::string_view symbol(ExprKind op) {
  switch (op) {
    case ExprKind::kAdd: return "+";
    case ExprKind::kSubtract: return "-";
    case ExprKind::kMultiply: return "*";
    case ExprKind::kDivide: return "/";
    case ExprKind::kFloorDivide: return "//";
    case ExprKind::kModulo: return "%";
    default: return "**";
  }
}

Error overflow(const Runtime& runtime, std::string_view op) {
  return runtime.limit("the result of '{}' has more than 64 bits", op);
}

Result<Value> power_of_ints(Runtime& runtime, std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return runtime.fail("0.0 cannot be raised to a negative power");
    return Value::number(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  std::int64_t result = 1;
  std::int64_t square = base;
  while (exponent > 0) {
    if ((exponent & 1) != 0) {
      const auto product = checked_mul(result, square);
      if (!product) return overflow(runtime, "**");
      result = *product;
    }
    exponent >>= 1;
    if (exponent == 0) break;
    const auto next = checked_mul(square, square);
    if (!next) return overflow(runtime, "**");
    square = *next;
  }
  return Value::integer(result);
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  const std::int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

Result<Value> int_operation(Runtime& runtime, ExprKind op, std::int64_t a, std::int64_t b) {
  std::optional<std::int64_t> result;
  switch (op) {
    case ExprKind::kAdd: result = checked_add(a, b); break;
    case ExprKind::kSubtract: {
      std::int64_t difference = 0;
      if (!__builtin_sub_overflow(a, b, &difference)) result = difference;
      break;
    }
    case ExprKind::kMultiply: result = checked_mul(a, b); break;
    case ExprKind::kDivide:
      if (b == 0) return runtime.fail("division by zero");
      return Value::number(static_cast<double>(a) / static_cast<double>(b));
    case ExprKind::kFloorDivide:
    case ExprKind::kModulo:
      if (b == 0) return runtime.fail("integer division or modulo by zero");
      if (b == -1) {  // INT64_MIN / -1 has no value
        if (op == ExprKind::kModulo) return Value::integer(0);
        if (a == INT64_MIN) break;
        return Value::integer(-a);
      }
      if (op == ExprKind::kFloorDivide) return Value::integer(floor_divide(a, b));
      return Value::integer(a - floor_divide(a, b) * b);
    default: return power_of_ints(runtime, a, b);
  }
  if (!result) return overflow(runtime, symbol(op));
  return Value::integer(*result);
}

Result<Value> float_power(Runtime& runtime, double a, double b) {
  if (a == 0 && b < 0) return runtime.fail("0.0 cannot be raised to a negative power");
  if (a < 0 && std::isfinite(a) && std::isfinite(b) && b != std::floor(b)) {
    return runtime.unsupported("the power of a negative number to a fraction is complex");
  }
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) return runtime.fail("numerical result out of range");
  return Value::number(result);
}

// The floor of the quotient and the rest with the divisor's sign, as CPython computes them.
Result<Value> float_division(Runtime& runtime, ExprKind op, double a, double b) {
  if (b == 0) return runtime.fail("float division by zero");
  if (op == ExprKind::kDivide) return Value::number(a / b);
  double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0) {
    if ((b < 0) != (rest < 0)) {
      rest += b;
      quotient -= 1;
    }
  } else {
    rest = std::copysign(0.0, b);
  }
  if (op == ExprKind::kModulo) return Value::number(rest);
  if (quotient == 0) return Value::number(std::copysign(0.0, a / b));
  double floored = std::floor(quotient);
  if (quotient - floored > 0.5) floored += 1;
  return Value::number(floored);
}

Result<Value> number_operation(Runtime& runtime, ExprKind op, const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return int_operation(runtime, op, a.as_int(), b.as_int());
  const double x = a.as_number();
  const double y = b.as_number();
  switch (op) {
    case ExprKind::kAdd: return Value::number(x + y);
    case ExprKind::kSubtract: return Value::number(x - y);
    case ExprKind::kMultiply: return Value::number(x * y);
    case ExprKind::kPower: return float_power(runtime, x, y);
    default: return float_division(runtime, op, x, y);
  }
}

Result<Value> repeat(Runtime& runtime, const Value& value, std::int64_t count) {
  count = std::max<std::int64_t>(count, 0);
  if (value.is_string()) {
    const auto bytes = checked_mul(count, static_cast<std::int64_t>(value.text().size()));
    if (!bytes) return overflow(runtime, "*");
    GALAGO_CHECK(runtime.step_bytes(*bytes));
    std::string text;
    text.reserve(static_cast<std::size_t>(*bytes));
    if (*bytes > 0) {
      for (std::int64_t i = 0; i < count; ++i) text += value.text();
    }
    return runtime.string(std::move(text), value.is_markup());
  }
  const auto size = checked_mul(count, static_cast<std::int64_t>(value.items().size()));
  if (!size) return overflow(runtime, "*");
  GALAGO_CHECK(runtime.step(*size));
  GALAGO_CHECK(runtime.check_memory(*size * static_cast<std::int64_t>(sizeof(Value))));
  std::vector<Value> items;
  items.reserve(static_cast<std::size_t>(*size));
  if (*size > 0) {
    for (std::int64_t i = 0; i < count; ++i) items.insert(items.end(), value.items().begin(), value.items().end());
  }
  return value.is(Kind::kList) ? runtime.list(std::move(items)) : runtime.tuple(std::move(items));
}

Error unsupported_operands(const Runtime& runtime, ExprKind op, const Value& a, const Value& b) {
  for (const Value* side : {&a, &b}) {
    if (side->is_undefined()) return runtime.fail("{}", side->text());
  }
  return runtime.fail("unsupported operand type(s) for {}: '{}' and '{}'", symbol(op), type_name(a), type_name(b));
}

}  // namespace

Result<Value> add(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return number_operation(runtime, ExprKind::kAdd, a, b);
  if (a.is_string() && b.is_string()) {
    GALAGO_CHECK(runtime.step_bytes(static_cast<std::int64_t>(a.text().size() + b.text().size())));
    if (a.is_markup() == b.is_markup()) return runtime.string(a.text() + b.text(), a.is_markup());
    GALAGO_TRY(const Value left, escape(runtime, a));
    GALAGO_TRY(const Value right, escape(runtime, b));
    return runtime.string(left.text() + right.text(), true);
  }
  if (a.is_sequence() && a.kind() == b.kind()) {
    GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(a.items().size() + b.items().size()) / 4));
    std::vector<Value> items = a.items();
    items.insert(items.end(), b.items().begin(), b.items().end());
    return a.is(Kind::kList) ? runtime.list(std::move(items)) : runtime.tuple(std::move(items));
  }
  return unsupported_operands(runtime, ExprKind::kAdd, a, b);
}

Result<Value> binary(Runtime& runtime, ExprKind op, const Value& a, const Value& b) {
  if (op == ExprKind::kAdd) return add(runtime, a, b);
  if (op == ExprKind::kModulo && a.is_string()) {
    return runtime.unsupported("'%' on a text is not supported here: use '~' or format()");
  }
  if (a.is_number() && b.is_number()) return number_operation(runtime, op, a, b);
  if (op == ExprKind::kMultiply) {
    if ((a.is_string() || a.is_sequence()) && b.is_integral()) return repeat(runtime, a, b.as_int());
    if ((b.is_string() || b.is_sequence()) && a.is_integral()) return repeat(runtime, b, a.as_int());
  }
  return unsupported_operands(runtime, op, a, b);
}

Result<Value> negate(Runtime& runtime, const Value& value) {
  if (value.is(Kind::kFloat)) return Value::number(-value.as_float());
  if (value.is_integral()) {
    if (value.as_int() == INT64_MIN) return overflow(runtime, "-");
    return Value::integer(-value.as_int());
  }
  if (value.is_undefined()) return runtime.fail("{}", value.text());
  return runtime.fail("bad operand type for a sign: '{}'", type_name(value));
}

Result<Value> plus(Runtime& runtime, const Value& value) {
  if (value.is_integral()) return Value::integer(value.as_int());
  if (value.is(Kind::kFloat)) return value;
  return negate(runtime, value);
}

Result<std::int64_t> expect_int(Runtime& runtime, const Value& value, std::string_view what) {
  if (value.is_integral()) return value.as_int();
  if (value.is_undefined()) return runtime.fail("{}", value.text());
  return runtime.fail("{} must be an integer, not '{}'", what, type_name(value));
}

}  // namespace galago::text::jinja
