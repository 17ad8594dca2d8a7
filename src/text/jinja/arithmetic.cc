#include <cmath>
#include <cstdlib>
#include <optional>

#include "base/checked.h"
#include "base/parse_number.h"
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
  if (*size > runtime.budget().memory / static_cast<std::int64_t>(sizeof(Value))) {
    return runtime.limit("a list of {} elements is over the memory limit", *size);
  }
  std::vector<Value> items;
  items.reserve(static_cast<std::size_t>(*size));
  if (*size > 0) {
    for (std::int64_t i = 0; i < count; ++i) items.insert(items.end(), value.items().begin(), value.items().end());
  }
  return value.is(Kind::kList) ? runtime.list(std::move(items)) : runtime.tuple(std::move(items));
}

Error unsupported_operands(const Runtime& runtime, ExprKind op, const Value& a, const Value& b) {
  for (const Value* side : {&a, &b}) {
    if (side->is_undefined()) return runtime.fail("{}", side->undefined().message());
  }
  return runtime.fail("unsupported operand type(s) for {}: '{}' and '{}'", symbol(op), type_name(a), type_name(b));
}

// Banker's rounding to a multiple of 10^-digits (digits < 0).
Result<Value> round_int(Runtime& runtime, std::int64_t value, std::int64_t digits) {
  if (digits >= 0) return Value::integer(value);
  if (digits < -18) return Value::integer(0);
  std::int64_t unit = 1;
  for (std::int64_t i = 0; i < -digits; ++i) unit *= 10;
  const std::int64_t low = floor_divide(value, unit);
  const std::int64_t rest = value - low * unit;
  const bool up = rest * 1.0 > unit / 2.0 || (rest == unit / 2 && (low & 1) != 0);
  const auto rounded = checked_mul(up ? low + 1 : low, unit);
  if (!rounded) return overflow(runtime, "round");
  return Value::integer(*rounded);
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
  if (op == ExprKind::kModulo && a.is_string()) return percent_format(runtime, a, b);
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
  if (value.is_undefined()) return runtime.fail("{}", value.undefined().message());
  return runtime.fail("bad operand type for unary -: '{}'", type_name(value));
}

Result<Value> plus(Runtime& runtime, const Value& value) {
  if (value.is(Kind::kFloat)) return value;
  if (value.is_integral()) return Value::integer(value.as_int());
  if (value.is_undefined()) return runtime.fail("{}", value.undefined().message());
  return runtime.fail("bad operand type for unary +: '{}'", type_name(value));
}

Result<std::int64_t> expect_int(Runtime& runtime, const Value& value, std::string_view what) {
  if (value.is_integral()) return value.as_int();
  if (value.is_undefined()) return runtime.fail("{}", value.undefined().message());
  return runtime.fail("{} must be an integer, not '{}'", what, type_name(value));
}

Result<Value> round_number(Runtime& runtime, const Value& value, const Value& digits) {
  const bool to_int = digits.is_missing() || digits.is_none();
  std::int64_t places = 0;
  if (!to_int) {
    GALAGO_TRY(places, expect_int(runtime, digits, "the precision of round"));
  }
  if (value.is_integral()) return round_int(runtime, value.as_int(), places);
  if (!value.is(Kind::kFloat)) {
    if (value.is_undefined()) return runtime.fail("{}", value.undefined().message());
    return runtime.fail("type {} doesn't define __round__ method", type_name(value));
  }
  const double number = value.as_float();
  if (to_int) {
    const double rounded = std::nearbyint(number);
    if (!(rounded >= -9.2e18 && rounded <= 9.2e18)) return runtime.limit("cannot round {} to a 64-bit integer", number);
    return Value::integer(static_cast<std::int64_t>(rounded));
  }
  if (!std::isfinite(number) || places > 323) return value;
  if (places < -308) return Value::number(std::copysign(0.0, number));
  if (places >= 0) {
    // printf rounds the exact decimal value, ties to even, as Python does.
    const std::string text = fmt::format("{:.{}f}", number, places);
    return Value::number(parse_number<double>(text).value_or(number));
  }
  // One digit of the mantissa fewer for each place before the point.
  const std::string scientific = fmt::format("{:e}", number);
  const int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  const std::int64_t kept = exponent + places;
  if (kept < 0) {
    const double unit = std::pow(10.0, static_cast<double>(-places));
    const bool up = kept == -1 && std::fabs(number) > unit / 2;
    return Value::number(std::copysign(up ? unit : 0.0, number));
  }
  const std::string text = fmt::format("{:.{}e}", number, kept);
  return Value::number(parse_number<double>(text).value_or(number));
}

}  // namespace galago::text::jinja
