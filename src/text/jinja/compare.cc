#include <cmath>

#include "base/try.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

namespace {

constexpr int kUnordered = 2;

int sign(bool less, bool greater) { return less ? -1 : greater ? 1 : 0; }

// Exact, though a double cannot hold every 64-bit integer.
int order_int_float(std::int64_t i, double d) {
  if (std::isnan(d)) return kUnordered;
  if (d >= 9223372036854775808.0) return -1;
  if (d < -9223372036854775808.0) return 1;
  const double whole = std::trunc(d);
  const auto w = static_cast<std::int64_t>(whole);
  if (i != w) return i < w ? -1 : 1;
  return sign(whole<d, whole> d);
}

int order_numbers(const Value& a, const Value& b) {
  const bool a_float = a.is(Kind::kFloat);
  const bool b_float = b.is(Kind::kFloat);
  if (!a_float && !b_float) return sign(a.as_int() < b.as_int(), a.as_int() > b.as_int());
  if (a_float && b_float) {
    if (std::isnan(a.as_float()) || std::isnan(b.as_float())) return kUnordered;
    return sign(a.as_float() < b.as_float(), a.as_float() > b.as_float());
  }
  if (b_float) return order_int_float(a.as_int(), b.as_float());
  const int reversed = order_int_float(b.as_int(), a.as_float());
  return reversed == kUnordered ? kUnordered : -reversed;
}

bool equal_items(const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!equal(a[i], b[i])) return false;
  }
  return true;
}

bool equal_dicts(const DictObject& a, const DictObject& b) {
  if (a.entries().size() != b.entries().size()) return false;
  for (const auto& [key, value] : a.entries()) {
    const Value* other = b.find(key);
    if (other == nullptr || !equal(value, *other)) return false;
  }
  return true;
}

}  // namespace

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return order_numbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined: return true;
    case Kind::kString: return a.string().pay(static_cast<std::int64_t>(a.text().size()) / 64) && a.text() == b.text();
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kRange: return a.same_as(b) || (a.sequence().pay(1) && equal_items(a.items(), b.items()));
    case Kind::kDict: return a.same_as(b) || (a.dict().pay(1) && equal_dicts(a.dict(), b.dict()));
    default: return a.same_as(b);
  }
}

Status check_hashable(Runtime& runtime, const Value& value) {
  if (is_hashable(value)) return {};
  return runtime.fail("unhashable type: '{}'", type_name(value));
}

bool truth(const Value& value) {
  switch (value.kind()) {
    case Kind::kMissing:
    case Kind::kUndefined:
    case Kind::kNone: return false;
    case Kind::kBool:
    case Kind::kInt: return value.as_int() != 0;
    case Kind::kFloat: return value.as_float() != 0;
    case Kind::kString: return !value.text().empty();
    case Kind::kDict: return !value.dict().entries().empty();
    default: return !value.has_items() || !value.items().empty();
  }
}

Result<int> order(Runtime& runtime, const Value& a, const Value& b, std::string_view op) {
  GALAGO_CHECK(runtime.step());
  if (a.is_number() && b.is_number()) return order_numbers(a, b);
  if (a.is_string() && b.is_string()) {
    // UTF-8 sorts as its code points do.
    GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(std::min(a.text().size(), b.text().size())) / 64));
    const int result = a.text().compare(b.text());
    return sign(result < 0, result > 0);
  }
  if (a.is_sequence() && a.kind() == b.kind()) {
    const Runtime::Depth depth(runtime);
    GALAGO_CHECK(runtime.check_depth());
    const auto& left = a.items();
    const auto& right = b.items();
    for (std::size_t i = 0; i < left.size() && i < right.size(); ++i) {
      if (!left[i].same_as(right[i]) && !equal(left[i], right[i])) return order(runtime, left[i], right[i], op);
    }
    return sign(left.size() < right.size(), left.size() > right.size());
  }
  for (const Value* side : {&a, &b}) {
    if (side->is_undefined()) return runtime.fail("{}", side->text());
  }
  return runtime.fail("'{}' not supported between instances of '{}' and '{}'", op, type_name(a), type_name(b));
}

Result<bool> contains(Runtime& runtime, const Value& container, const Value& item) {
  if (container.is_string()) {
    if (!item.is_string()) {
      return runtime.fail("'in <string>' requires string as left operand, not {}", type_name(item));
    }
    GALAGO_TRY(const std::size_t at, find_text(runtime, container, item, 0));
    return at != std::string::npos;
  }
  if (container.is(Kind::kDict)) {
    GALAGO_CHECK(check_hashable(runtime, item));
    return container.dict().find(item) != nullptr;
  }
  if (!is_iterable(container) || container.is(Kind::kLoop)) {
    return runtime.fail("argument of type '{}' is not iterable", type_name(container));
  }
  GALAGO_TRY(const auto items, to_vector(runtime, container));
  for (const Value& candidate : items) {
    GALAGO_CHECK(runtime.step());
    if (candidate.same_as(item) || equal(candidate, item)) return true;
  }
  return false;
}

Result<bool> compare(Runtime& runtime, CompareOp op, const Value& a, const Value& b) {
  switch (op) {
    case CompareOp::kEqual: return equal(a, b);
    case CompareOp::kNotEqual: return !equal(a, b);
    case CompareOp::kIn: return contains(runtime, b, a);
    case CompareOp::kNotIn: {
      GALAGO_TRY(const bool found, contains(runtime, b, a));
      return !found;
    }
    default: break;
  }
  constexpr std::string_view kSigns[] = {"==", "!=", "<", "<=", ">", ">="};
  GALAGO_TRY(const int result, order(runtime, a, b, kSigns[static_cast<std::size_t>(op)]));
  if (result == kUnordered) return false;
  switch (op) {
    case CompareOp::kLess: return result < 0;
    case CompareOp::kLessEqual: return result <= 0;
    case CompareOp::kGreater: return result > 0;
    default: return result >= 0;
  }
}

}  // namespace galago::text::jinja
