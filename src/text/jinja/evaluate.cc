// Expressions.
#include <utility>

#include "base/try.h"
#include "text/jinja/builtins.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

Result<Value> Runtime::evaluate(const Expr& node, const Ref<Scope>& scope) {
  line_ = node.line;
  GALAGO_CHECK(step());
  const Depth depth(*this);
  GALAGO_CHECK(check_depth());
  return evaluate_inner(node, scope);
}

Result<Value> Runtime::evaluate_inner(const Expr& node, const Ref<Scope>& scope) {
  switch (node.kind) {
    case ExprKind::kNone: return Value::none();
    case ExprKind::kTrue: return Value::boolean(true);
    case ExprKind::kFalse: return Value::boolean(false);
    case ExprKind::kInteger: return Value::integer(node.integer);
    case ExprKind::kFloat: return Value::number(node.number);
    case ExprKind::kString: {
      Value& value = constants_[static_cast<std::size_t>(node.symbol)];
      if (value.is_missing()) value = string(node.name);
      return value;
    }
    case ExprKind::kName: return evaluate_name(node, scope);
    case ExprKind::kTuple:
    case ExprKind::kList: {
      GALAGO_TRY(auto items, evaluate_children(node, scope));
      return node.kind == ExprKind::kList ? list(std::move(items)) : tuple(std::move(items));
    }
    case ExprKind::kDict: return evaluate_dict(node, scope);
    case ExprKind::kGetAttr: {
      GALAGO_TRY(const Value value, evaluate(*node.children[0], scope));
      return get_attribute(*this, value, node.name);
    }
    case ExprKind::kGetItem: return evaluate_item(node, scope);
    case ExprKind::kCall: {
      GALAGO_TRY(const Value callee, evaluate(*node.children[0], scope));
      GALAGO_TRY(Arguments arguments, evaluate_arguments(*node.call, scope));
      line_ = node.line;
      return call(callee, arguments);
    }
    case ExprKind::kFilter: return evaluate_filter(node, scope, Value());
    case ExprKind::kTest: {
      GALAGO_TRY(const Value value, evaluate(*node.children[0], scope));
      GALAGO_TRY(Arguments arguments, evaluate_arguments(*node.call, scope));
      GALAGO_TRY(const bool holds, call_test(node.name, value, arguments));
      return Value::boolean(holds);
    }
    case ExprKind::kNot: {
      GALAGO_TRY(const Value value, evaluate(*node.children[0], scope));
      return Value::boolean(!truth(value));
    }
    case ExprKind::kNegate:
    case ExprKind::kPlus: {
      GALAGO_TRY(const Value value, evaluate(*node.children[0], scope));
      return node.kind == ExprKind::kNegate ? negate(*this, value) : plus(*this, value);
    }
    case ExprKind::kAnd:
    case ExprKind::kOr: {
      GALAGO_TRY(Value value, evaluate(*node.children[0], scope));
      if (truth(value) == (node.kind == ExprKind::kOr)) return value;
      return evaluate(*node.children[1], scope);
    }
    case ExprKind::kConcat: return evaluate_concat(node, scope);
    case ExprKind::kCondition: return evaluate_condition(node, scope);
    case ExprKind::kCompare: return evaluate_compare(node, scope);
    case ExprKind::kAdd:
    case ExprKind::kSubtract:
    case ExprKind::kMultiply:
    case ExprKind::kDivide:
    case ExprKind::kFloorDivide:
    case ExprKind::kModulo:
    case ExprKind::kPower: {
      GALAGO_TRY(const Value left, evaluate(*node.children[0], scope));
      GALAGO_TRY(const Value right, evaluate(*node.children[1], scope));
      return binary(*this, node.kind, left, right);
    }
    case ExprKind::kSlice:
    case ExprKind::kNamespaceRef: break;
  }
  return fail("an expression that cannot stand here");
}

Result<Value> Runtime::evaluate_name(const Expr& node, const Ref<Scope>& scope) {
  // A parameter that has no value yet hides what is outside the macro.
  if (const Value* value = scope->find(node.symbol)) {
    if (!value->is_missing()) return *value;
    return undefined(fmt::format("'{}' is undefined", node.name));
  }
  if (const Builtin* global = find_in(globals(), node.name)) return bind(*this, *global, Value::none());
  if (is_left_out_global(node.name)) return unsupported(not_supported("function", node.name));
  return undefined(fmt::format("'{}' is undefined", node.name));
}

Result<std::vector<Value>> Runtime::evaluate_children(const Expr& node, const Ref<Scope>& scope) {
  std::vector<Value> items;
  items.reserve(node.children.size());
  for (const ExprPtr& child : node.children) {
    GALAGO_TRY(Value item, evaluate(*child, scope));
    items.push_back(std::move(item));
  }
  return items;
}

Result<Value> Runtime::evaluate_dict(const Expr& node, const Ref<Scope>& scope) {
  GALAGO_TRY(const auto items, evaluate_children(node, scope));
  auto dict = make_ref<DictObject>();
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    GALAGO_CHECK(check_hashable(*this, items[i]));
    dict->insert(items[i], items[i + 1]);
  }
  return Value::object(Kind::kDict, dict.get());
}

Result<Value> Runtime::evaluate_item(const Expr& node, const Ref<Scope>& scope) {
  GALAGO_TRY(const Value value, evaluate(*node.children[0], scope));
  const Expr& key = *node.children[1];
  if (key.kind != ExprKind::kSlice) {
    GALAGO_TRY(const Value index, evaluate(key, scope));
    return get_item(*this, value, index);
  }
  SliceBounds bounds{Value::none(), Value::none(), Value::none()};
  Value* const parts[] = {&bounds.start, &bounds.stop, &bounds.step};
  for (std::size_t i = 0; i < 3; ++i) {
    if (!key.children[i]) continue;
    GALAGO_TRY(*parts[i], evaluate(*key.children[i], scope));
  }
  return get_slice(*this, value, bounds);
}

Result<Value> Runtime::evaluate_compare(const Expr& node, const Ref<Scope>& scope) {
  GALAGO_TRY(Value left, evaluate(*node.children[0], scope));
  for (std::size_t i = 0; i < node.operators.size(); ++i) {
    GALAGO_TRY(Value right, evaluate(*node.children[i + 1], scope));
    GALAGO_TRY(const bool holds, compare(*this, node.operators[i], left, right));
    if (!holds) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Result<Value> Runtime::evaluate_concat(const Expr& node, const Ref<Scope>& scope) {
  // All operands are evaluated before the first is printed, as in jinja2.
  GALAGO_TRY(const auto items, evaluate_children(node, scope));
  std::string text;
  for (const Value& item : items) GALAGO_CHECK(append(item, text));
  return string(std::move(text));
}

Result<Value> Runtime::evaluate_condition(const Expr& node, const Ref<Scope>& scope) {
  GALAGO_TRY(const Value test, evaluate(*node.children[0], scope));
  if (truth(test)) return evaluate(*node.children[1], scope);
  if (node.children[2]) return evaluate(*node.children[2], scope);
  return undefined(
      fmt::format("the inline if-expression on line {} evaluated to false and no else section was defined", node.line));
}

Result<Arguments> Runtime::evaluate_arguments(const CallArguments& call, const Ref<Scope>& scope) {
  Arguments arguments;
  for (const ExprPtr& node : call.positional) {
    GALAGO_TRY(Value value, evaluate(*node, scope));
    arguments.positional.push_back(std::move(value));
  }
  for (const auto& [name, node] : call.keyword) {
    GALAGO_TRY(Value value, evaluate(*node, scope));
    arguments.keyword.emplace_back(name, std::move(value));
  }
  return arguments;
}

Result<Value> Runtime::evaluate_filter(const Expr& node, const Ref<Scope>& scope, const Value& base) {
  Value value = base;
  if (const Expr* child = node.children[0].get(); child != nullptr) {
    // In filter blocks the innermost filter has no operand: it gets the block's text.
    const bool chained = !base.is_missing() && child->kind == ExprKind::kFilter;
    GALAGO_TRY(value, chained ? evaluate_filter(*child, scope, base) : evaluate(*child, scope));
  }
  GALAGO_TRY(Arguments arguments, evaluate_arguments(*node.call, scope));
  line_ = node.line;
  return call_filter(node.name, value, arguments);
}

}  // namespace galago::text::jinja
