// Expressions.
#include <utility>

#include "base/try.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

Result<Value> Runtime::evaluate(const Expr& node, const Ref<Frame>& frame) {
  line_ = node.line;
  GALAGO_CHECK(step());
  const Depth depth(*this);
  GALAGO_CHECK(check_depth());
  return evaluate_inner(node, frame);
}

Value Runtime::constant(const Expr& node) {
  Value& value = constants_[static_cast<std::size_t>(node.constant)];
  if (value.is_missing()) value = string(node.name);
  return value;
}

Result<Value> Runtime::evaluate_inner(const Expr& node, const Ref<Frame>& frame) {
  switch (node.kind) {
    case ExprKind::kNone: return Value::none();
    case ExprKind::kTrue: return Value::boolean(true);
    case ExprKind::kFalse: return Value::boolean(false);
    case ExprKind::kInteger: return Value::integer(node.integer);
    case ExprKind::kFloat: return Value::number(node.number);
    case ExprKind::kString: return constant(node);
    case ExprKind::kName: return evaluate_name(node, frame);
    case ExprKind::kTuple:
    case ExprKind::kList: {
      GALAGO_TRY(auto items, evaluate_children(node, frame));
      return node.kind == ExprKind::kList ? list(std::move(items)) : tuple(std::move(items));
    }
    case ExprKind::kDict: return evaluate_dict(node, frame);
    case ExprKind::kGetAttr: {
      GALAGO_TRY(const Value value, evaluate(*node.children[0], frame));
      return get_attribute(*this, value, node.name);
    }
    case ExprKind::kGetItem: return evaluate_item(node, frame);
    case ExprKind::kCall: return evaluate_call(node, frame, Value());
    case ExprKind::kFilter: return evaluate_filter(node, frame, Value());
    case ExprKind::kTest: {
      GALAGO_TRY(const Value value, evaluate(*node.children[0], frame));
      GALAGO_TRY(Arguments arguments, evaluate_arguments(*node.call, frame));
      GALAGO_TRY(const bool holds, call_test(node.name, value, arguments));
      return Value::boolean(holds);
    }
    case ExprKind::kNot: {
      GALAGO_TRY(const Value value, evaluate(*node.children[0], frame));
      GALAGO_TRY(const bool holds, truth(*this, value));
      return Value::boolean(!holds);
    }
    case ExprKind::kNegate:
    case ExprKind::kPlus: {
      GALAGO_TRY(const Value value, evaluate(*node.children[0], frame));
      return node.kind == ExprKind::kNegate ? negate(*this, value) : plus(*this, value);
    }
    case ExprKind::kAnd:
    case ExprKind::kOr: {
      GALAGO_TRY(Value value, evaluate(*node.children[0], frame));
      GALAGO_TRY(const bool holds, truth(*this, value));
      if (holds == (node.kind == ExprKind::kOr)) return value;
      return evaluate(*node.children[1], frame);
    }
    case ExprKind::kConcat: return evaluate_concat(node, frame);
    case ExprKind::kCondition: return evaluate_condition(node, frame);
    case ExprKind::kCompare: return evaluate_compare(node, frame);
    case ExprKind::kAdd:
    case ExprKind::kSubtract:
    case ExprKind::kMultiply:
    case ExprKind::kDivide:
    case ExprKind::kFloorDivide:
    case ExprKind::kModulo:
    case ExprKind::kPower: {
      GALAGO_TRY(const Value left, evaluate(*node.children[0], frame));
      GALAGO_TRY(const Value right, evaluate(*node.children[1], frame));
      return binary(*this, node.kind, left, right);
    }
    case ExprKind::kSlice:
    case ExprKind::kNamespaceRef: break;
  }
  return fail("an expression that cannot stand here");
}

Result<Value> Runtime::evaluate_name(const Expr& node, const Ref<Frame>& frame) {
  const Value& value = frame->at(node.slot);
  if (value.is_missing()) return undefined(fmt::format("'{}' is undefined", node.name));
  return value;
}

Result<std::vector<Value>> Runtime::evaluate_children(const Expr& node, const Ref<Frame>& frame) {
  std::vector<Value> items;
  items.reserve(node.children.size());
  for (const ExprPtr& child : node.children) {
    GALAGO_TRY(Value item, evaluate(*child, frame));
    items.push_back(std::move(item));
  }
  return items;
}

Result<Value> Runtime::evaluate_dict(const Expr& node, const Ref<Frame>& frame) {
  GALAGO_TRY(const auto items, evaluate_children(node, frame));
  auto dict = make_ref<DictObject>();
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    GALAGO_CHECK(check_hashable(*this, items[i]));
    dict->insert(items[i], items[i + 1]);
  }
  return Value::object(Kind::kDict, dict.get());
}

Result<Value> Runtime::evaluate_item(const Expr& node, const Ref<Frame>& frame) {
  GALAGO_TRY(const Value value, evaluate(*node.children[0], frame));
  const Expr& key = *node.children[1];
  if (key.kind != ExprKind::kSlice) {
    GALAGO_TRY(const Value index, evaluate(key, frame));
    return get_item(*this, value, index);
  }
  SliceBounds bounds{Value::none(), Value::none(), Value::none()};
  Value* const parts[] = {&bounds.start, &bounds.stop, &bounds.step};
  for (std::size_t i = 0; i < 3; ++i) {
    if (!key.children[i]) continue;
    GALAGO_TRY(*parts[i], evaluate(*key.children[i], frame));
  }
  return get_slice(*this, value, bounds);
}

Result<Value> Runtime::evaluate_compare(const Expr& node, const Ref<Frame>& frame) {
  GALAGO_TRY(Value left, evaluate(*node.children[0], frame));
  for (std::size_t i = 0; i < node.operators.size(); ++i) {
    GALAGO_TRY(Value right, evaluate(*node.children[i + 1], frame));
    GALAGO_TRY(const bool holds, compare(*this, node.operators[i], left, right));
    if (!holds) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Result<Value> Runtime::evaluate_concat(const Expr& node, const Ref<Frame>& frame) {
  // All operands are evaluated before the first is printed, as in jinja2.
  GALAGO_TRY(const auto items, evaluate_children(node, frame));
  std::string text;
  for (const Value& item : items) {
    GALAGO_CHECK(append_str(*this, item, text));
    GALAGO_CHECK(step_bytes(static_cast<std::int64_t>(text.size())));
  }
  return string(std::move(text));
}

Result<Value> Runtime::evaluate_condition(const Expr& node, const Ref<Frame>& frame) {
  GALAGO_TRY(const Value test, evaluate(*node.children[0], frame));
  GALAGO_TRY(const bool holds, truth(*this, test));
  if (holds) return evaluate(*node.children[1], frame);
  if (node.children[2]) return evaluate(*node.children[2], frame);
  return undefined(
      fmt::format("the inline if-expression on line {} evaluated to false and no else section was defined", node.line));
}

Result<Arguments> Runtime::evaluate_arguments(const CallArguments& call, const Ref<Frame>& frame) {
  Arguments arguments;
  for (const ExprPtr& node : call.positional) {
    GALAGO_TRY(Value value, evaluate(*node, frame));
    arguments.positional.push_back(std::move(value));
  }
  for (const auto& [name, node] : call.keyword) {
    GALAGO_TRY(Value value, evaluate(*node, frame));
    arguments.keyword.emplace_back(name, std::move(value));
  }
  if (call.rest) {
    GALAGO_TRY(const Value rest, evaluate(*call.rest, frame));
    GALAGO_TRY(auto items, to_vector(*this, rest));
    for (Value& item : items) arguments.positional.push_back(std::move(item));
  }
  if (call.rest_keywords) {
    GALAGO_TRY(const Value rest, evaluate(*call.rest_keywords, frame));
    if (!rest.is(Kind::kDict)) return fail("argument after ** must be a mapping, not {}", type_name(rest));
    for (const auto& [key, value] : rest.dict().entries()) {
      GALAGO_CHECK(step());
      if (!key.is_string()) return fail("keywords must be strings");
      for (const auto& [known, other] : arguments.keyword) {
        if (known == key.text()) return fail("got multiple values for the keyword argument '{}'", known);
      }
      arguments.keyword.emplace_back(key.text(), value);
    }
  }
  return arguments;
}

Result<Value> Runtime::evaluate_call(const Expr& node, const Ref<Frame>& frame, const Value& caller) {
  GALAGO_TRY(const Value callee, evaluate(*node.children[0], frame));
  GALAGO_TRY(Arguments arguments, evaluate_arguments(*node.call, frame));
  if (!caller.is_missing()) {
    for (const auto& [name, value] : arguments.keyword) {
      if (name == "caller") return fail("a call block passes 'caller' itself");
    }
    arguments.keyword.emplace_back("caller", caller);
  }
  line_ = node.line;
  return call(callee, arguments);
}

Result<Value> Runtime::evaluate_filter(const Expr& node, const Ref<Frame>& frame, const Value& base) {
  Value value = base;
  if (const Expr* child = node.children[0].get(); child != nullptr) {
    // In filter blocks the innermost filter has no operand: it gets the block's text.
    const bool chained = !base.is_missing() && child->kind == ExprKind::kFilter;
    GALAGO_TRY(value, chained ? evaluate_filter(*child, frame, base) : evaluate(*child, frame));
  }
  GALAGO_TRY(Arguments arguments, evaluate_arguments(*node.call, frame));
  line_ = node.line;
  return call_filter(node.name, value, arguments);
}

}  // namespace galago::text::jinja
