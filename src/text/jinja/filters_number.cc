// Filters of numbers, and tojson.
#include <array>
#include <cmath>

#include "base/try.h"
#include "text/jinja/filters.h"
#include "text/jinja/number_text.h"

namespace galago::text::jinja {

namespace {

using Span = std::span<Value>;
using Answer = Result<Value>;

Answer absolute(Runtime& runtime, const Value& value, Span) {
  if (value.is(Kind::kFloat)) return Value::number(std::fabs(value.as_float()));
  if (!value.is_integral()) return runtime.fail("bad operand type for abs(): '{}'", type_name(value));
  return value.as_int() < 0 ? negate(runtime, value) : Value::integer(value.as_int());
}

// int(float): nothing for NaN; fails beyond 64 bits, and for infinity, where Python raises OverflowError.
Result<std::optional<std::int64_t>> truncate(Runtime& runtime, double number) {
  if (std::isnan(number)) return std::optional<std::int64_t>();
  if (!(number > -9.2233720368547758e18 && number < 9.2233720368547758e18)) {
    return runtime.limit("cannot convert {} to a 64-bit integer", float_repr(number));
  }
  return std::optional<std::int64_t>(static_cast<std::int64_t>(number));
}

Answer to_int(Runtime& runtime, const Value& value, Span arguments) {
  const Value fallback = arguments[0].is_missing() ? Value::integer(0) : arguments[0];
  if (value.is_integral()) return Value::integer(value.as_int());
  if (value.is_undefined()) return runtime.fail("{}", value.undefined().message());
  if (value.is(Kind::kFloat)) {
    GALAGO_TRY(const auto whole, truncate(runtime, value.as_float()));
    return whole ? Value::integer(*whole) : fallback;
  }
  if (!value.is_string()) return fallback;
  std::int64_t base = 10;
  // A base that is no integer is a TypeError, which the filter takes as "try float".
  const bool has_base = arguments[1].is_missing() || arguments[1].is_integral();
  if (has_base && !arguments[1].is_missing()) base = arguments[1].as_int();
  if (has_base && (base == 0 || (base >= 2 && base <= 36))) {
    bool overflow = false;
    if (const auto number = parse_int(value.text(), static_cast<int>(base), overflow)) return Value::integer(*number);
    if (overflow) return runtime.limit("the integer '{:.40}' has more than 64 bits", value.text());
  }
  const auto number = parse_float(value.text());
  if (!number || std::isnan(*number) || std::isinf(*number)) return fallback;
  GALAGO_TRY(const auto whole, truncate(runtime, *number));
  return whole ? Value::integer(*whole) : fallback;
}

Answer to_float(Runtime& runtime, const Value& value, Span arguments) {
  const Value fallback = arguments[0].is_missing() ? Value::number(0) : arguments[0];
  if (value.is_number()) return Value::number(value.as_number());
  if (value.is_undefined()) return runtime.fail("{}", value.undefined().message());
  if (!value.is_string()) return fallback;
  const auto number = parse_float(value.text());
  return number ? Value::number(*number) : fallback;
}

Answer round(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(const std::string method, text_argument(runtime, arguments[1], "common", "method"));
  if (method != "common" && method != "ceil" && method != "floor") {
    return runtime.fail("method must be common, ceil or floor");
  }
  const Value precision = arguments[0].is_missing() ? Value::integer(0) : arguments[0];
  if (method == "common") return round_number(runtime, value, precision);
  GALAGO_TRY(const Value factor, binary(runtime, ExprKind::kPower, Value::integer(10), precision));
  GALAGO_TRY(const Value scaled, binary(runtime, ExprKind::kMultiply, value, factor));
  if (!scaled.is_number()) return runtime.fail("must be real number, not {}", type_name(scaled));
  Value whole = scaled;
  if (scaled.is(Kind::kFloat)) {
    const double rounded = method == "ceil" ? std::ceil(scaled.as_float()) : std::floor(scaled.as_float());
    GALAGO_TRY(const auto integer, truncate(runtime, rounded));
    if (!integer) return runtime.fail("cannot convert float NaN to integer");
    whole = Value::integer(*integer);
  }
  return binary(runtime, ExprKind::kDivide, whole, factor);
}

Answer filesizeformat(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(const bool is_binary, flag(runtime, arguments[0], false));
  double bytes = 0;
  if (value.is_number()) {
    bytes = value.as_number();
  } else {
    const auto number = value.is_string() ? parse_float(value.text()) : std::nullopt;
    if (!number) return runtime.fail("could not convert a {} to float", type_name(value));
    bytes = *number;
  }
  const double base = is_binary ? 1024 : 1000;
  if (bytes == 1) return runtime.string("1 Byte");
  if (bytes < base) {
    GALAGO_TRY(const auto whole, truncate(runtime, bytes));
    return runtime.string(fmt::format("{} Bytes", whole.value_or(0)));
  }
  constexpr std::array<std::string_view, 8> kPrefixes = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
  double unit = base;
  std::size_t at = 0;
  do {
    unit *= base;
    ++at;
  } while (at < kPrefixes.size() && !(bytes < unit));
  std::string prefix(kPrefixes[at - 1]);
  if (is_binary) prefix = (prefix == "k" ? "K" : prefix) + "i";
  return runtime.string(fmt::format("{:.1f} {}B", base * bytes / unit, prefix));
}

Answer tojson(Runtime& runtime, const Value& value, Span arguments) {
  JsonTextOptions options;
  GALAGO_TRY(options.ensure_ascii, flag(runtime, arguments[0], false));
  GALAGO_TRY(options.sort_keys, flag(runtime, arguments[3], false));
  if (const Value& indent = arguments[1]; !indent.is_missing() && !indent.is_none()) {
    options.pretty = true;
    options.item_separator.assign(1, ',');
    if (indent.is_string()) {
      options.indent = indent.text();
    } else {
      GALAGO_TRY(const std::int64_t width, expect_int(runtime, indent, "indent"));
      GALAGO_CHECK(runtime.step_bytes(std::max<std::int64_t>(width, 0)));
      options.indent = std::string(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
    }
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

constexpr FilterSpec kNumberFilters[] = {
    {"abs", absolute},
    {"filesizeformat", filesizeformat, "binary"},
    {"float", to_float, "default"},
    {"int", to_int, "default base"},
    {"round", round, "precision method"},
    {"tojson", tojson, "ensure_ascii indent separators sort_keys"},
};

}  // namespace

std::span<const FilterSpec> number_filters() { return kNumberFilters; }

}  // namespace galago::text::jinja
