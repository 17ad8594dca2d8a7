// Statements: blocks, loops and macros.
#include <algorithm>

#include "base/try.h"
#include "text/jinja/lexer.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

// A scope that something still refers to when it is left, a macro say, may be part of a cycle: it is kept until the
// end.
class Runtime::Entered {
 public:
  Entered(Runtime& runtime, const Ref<Scope>& outer) : runtime_(runtime), scope_(runtime.make_ref<Scope>(outer)) {}
  ~Entered() {
    if (scope_->use_count() > 1) runtime_.scopes_.push_back(scope_);
  }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
  const Ref<Scope>& operator*() const { return scope_; }

 private:
  Runtime& runtime_;
  Ref<Scope> scope_;
};

namespace {

class Macro : public CallableObject {
 public:
  Macro(Budget& budget, const Stmt& node, Ref<Scope> closure)
      : CallableObject(budget, sizeof(*this)), node_(node), closure_(std::move(closure)) {}
  Result<Value> call(Runtime& runtime, Arguments& arguments) const override {
    return runtime.call_macro(node_, closure_, arguments);
  }

 private:
  const Stmt& node_;
  Ref<Scope> closure_;
};

}  // namespace

Result<std::string> Runtime::render() {
  std::string out;
  const Entered root(*this, Ref<Scope>());
  for (std::size_t i = 0; i < tree_.names.size(); ++i) {
    const auto variable = variables_.find(tree_.names[i]);
    if (variable != variables_.end()) (*root)->set(static_cast<int>(i), variable->second);
  }
  const auto flow = execute(tree_.body, *root, out);
  if (!flow.ok()) return template_error(flow.error().code, tree_.name, line_, flow.error().message);
  return out;
}

Result<Runtime::Flow> Runtime::execute(const Block& block, const Ref<Scope>& scope, std::string& out) {
  const Depth depth(*this);
  GALAGO_CHECK(check_depth());
  for (const auto& node : block) {
    line_ = node->line;
    GALAGO_CHECK(step());
    GALAGO_TRY(const Flow flow, execute(*node, scope, out));
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Result<Runtime::Flow> Runtime::execute(const Stmt& node, const Ref<Scope>& scope, std::string& out) {
  switch (node.kind) {
    case StmtKind::kOutput: GALAGO_CHECK(output(node, scope, out)); return Flow::kNext;
    case StmtKind::kFor: return execute_for(node, scope, out);
    case StmtKind::kIf: return execute_if(node, scope, out);
    case StmtKind::kSet: {
      GALAGO_TRY(const Value value, evaluate(*node.value, scope));
      GALAGO_CHECK(assign(*node.target, value, scope));
      return Flow::kNext;
    }
    case StmtKind::kSetBlock:
    case StmtKind::kFilterBlock: return execute_captured(node, scope, out);
    case StmtKind::kMacro:
      scope->set(node.target->symbol, make<Macro>(Kind::kCallable, node, scope));
      return Flow::kNext;
    case StmtKind::kGeneration: {
      const Entered own(*this, scope);
      return execute(node.bodies[0], *own, out);
    }
    case StmtKind::kBreak: return Flow::kBreak;
    case StmtKind::kContinue: return Flow::kContinue;
  }
  return Flow::kNext;
}

Status Runtime::append(const Value& value, std::string& out) {
  const std::size_t before = out.size();
  GALAGO_CHECK(append_str(*this, value, out));
  GALAGO_CHECK(check_size(out.size()));
  return step(static_cast<std::int64_t>(out.size() - before) / 64);
}

Status Runtime::output(const Stmt& node, const Ref<Scope>& scope, std::string& out) {
  for (const ExprPtr& expr : node.exprs) {
    if (expr->kind == ExprKind::kString && expr->symbol < 0) {
      out += expr->name;
      GALAGO_CHECK(check_size(out.size()));
      GALAGO_CHECK(step(static_cast<std::int64_t>(expr->name.size()) / 64));
      continue;
    }
    GALAGO_TRY(const Value value, evaluate(*expr, scope));
    GALAGO_CHECK(append(value, out));
  }
  return {};
}

Result<Runtime::Flow> Runtime::execute_if(const Stmt& node, const Ref<Scope>& scope, std::string& out) {
  for (std::size_t i = 0; i < node.exprs.size(); ++i) {
    GALAGO_TRY(const Value test, evaluate(*node.exprs[i], scope));
    if (truth(test)) return execute(node.bodies[i], scope, out);
  }
  return execute(node.otherwise, scope, out);
}

Result<bool> Runtime::passes(const Stmt& loop, const Ref<Scope>& closure, const Value& item) {
  const Entered own(*this, closure);
  GALAGO_CHECK(assign(*loop.target, item, *own));
  GALAGO_TRY(const Value holds, evaluate(*loop.value, *own));
  return truth(holds);
}

Result<Runtime::Flow> Runtime::execute_for(const Stmt& node, const Ref<Scope>& scope, std::string& out) {
  GALAGO_TRY(const Value iterable, evaluate(*node.exprs[0], scope));
  GALAGO_TRY(auto items, to_vector(*this, iterable));
  const auto loop = make_ref<LoopObject>(node, std::move(items), scope);
  bool completed = false;  // some round ran to its end: jinja2 takes the else branch otherwise
  while (true) {
    GALAGO_CHECK(step());
    GALAGO_TRY(const Value item, loop->advance(*this));
    if (item.is_missing()) break;
    const Entered round(*this, scope);
    GALAGO_CHECK(assign(*node.target, item, *round));
    (*round)->set(tree_.loop_symbol, Value::object(Kind::kLoop, loop.get()));
    GALAGO_TRY(const Flow flow, execute(node.bodies[0], *round, out));
    if (flow == Flow::kBreak) break;
    completed = completed || flow == Flow::kNext;
  }
  if (completed || node.otherwise.empty()) return Flow::kNext;
  const Entered otherwise(*this, scope);
  return execute(node.otherwise, *otherwise, out);
}

// The text of a set block or a filter block, through its filters.
Result<Runtime::Flow> Runtime::execute_captured(const Stmt& node, const Ref<Scope>& scope, std::string& out) {
  const Entered own(*this, scope);
  std::string text;
  GALAGO_TRY(const Flow flow, execute(node.bodies[0], *own, text));
  if (flow != Flow::kNext) return flow;
  Value value = string(std::move(text));
  if (node.value) {
    GALAGO_TRY(value, evaluate_filter(*node.value, *own, value));
  }
  GALAGO_CHECK(node.target ? assign(*node.target, value, scope) : append(value, out));
  return Flow::kNext;
}

Status Runtime::assign(const Expr& target, const Value& value, const Ref<Scope>& scope) {
  if (target.kind == ExprKind::kName) {
    scope->set(target.symbol, value);
    return {};
  }
  if (target.kind == ExprKind::kNamespaceRef) {
    const Value* object = scope->find(target.children[0]->symbol);
    if (object == nullptr || !object->is(Kind::kNamespace)) {
      return fail("cannot assign the attribute '{}' on an object that is no namespace", target.name);
    }
    if (target.name.starts_with('_')) {
      return fail("a namespace cannot hold the attribute '{}', which starts with an underscore", target.name);
    }
    GALAGO_CHECK(step(static_cast<std::int64_t>(object->name_space().attributes().size()) / 16));
    object->name_space().set(target.name, value);
    return {};
  }
  GALAGO_TRY(const auto items, to_vector(*this, value));
  if (items.size() != target.children.size()) {
    return fail("{} values to unpack, expected {}", items.size(), target.children.size());
  }
  for (std::size_t i = 0; i < items.size(); ++i) GALAGO_CHECK(assign(*target.children[i], items[i], scope));
  return {};
}

Result<Value> Runtime::call_macro(const Stmt& node, const Ref<Scope>& closure, Arguments& arguments) {
  const std::string& name = node.target->name;
  const std::size_t count = node.names.size();
  std::vector<Value>& given = arguments.positional;
  if (given.size() > count) return fail("macro '{}' takes not more than {} argument(s)", name, count);
  given.resize(count);
  for (auto& [key, value] : arguments.keyword) {
    std::size_t at = 0;
    while (at < count && node.names[at]->name != key) ++at;
    if (at == count || !given[at].is_missing()) return fail("macro '{}' takes no keyword argument '{}'", name, key);
    given[at] = std::move(value);
  }
  const Entered own(*this, closure);
  const std::size_t first_default = count - node.exprs.size();
  // All are there before the first default is evaluated: a later parameter is undefined in it.
  for (std::size_t i = 0; i < count; ++i) (*own)->set(node.names[i]->symbol, given[i]);
  for (std::size_t i = 0; i < count; ++i) {
    if (given[i].is_missing() && i < first_default) {
      given[i] = undefined(fmt::format("parameter '{}' was not provided", node.names[i]->name));
    } else if (given[i].is_missing()) {
      GALAGO_TRY(given[i], evaluate(*node.exprs[i - first_default], *own));
    }
    (*own)->set(node.names[i]->symbol, given[i]);
  }
  std::string out;
  GALAGO_TRY([[maybe_unused]] const Flow flow, execute(node.bodies[0], *own, out));
  return string(std::move(out));
}

Result<Value> LoopObject::fetch(Runtime& runtime) {
  while (position_ < items_.size()) {
    const Value item = items_[position_++];
    if (filtered_ || !statement_.value) return item;
    GALAGO_CHECK(runtime.step());
    GALAGO_TRY(const bool passes, runtime.passes(statement_, closure_, item));
    if (passes) return item;
  }
  return Value();
}

Result<Value> LoopObject::advance(Runtime& runtime) {
  Value item = std::exchange(after_, Value());
  if (item.is_missing()) {
    GALAGO_TRY(item, fetch(runtime));
  }
  if (item.is_missing()) return item;
  ++index0_;
  before_ = std::exchange(current_, item);
  return item;
}

Result<Value> LoopObject::peek(Runtime& runtime) {
  if (after_.is_missing()) {
    GALAGO_TRY(after_, fetch(runtime));
  }
  return after_;
}

Result<std::int64_t> LoopObject::length(Runtime& runtime) {
  if (length_ >= 0) return length_;
  std::vector<Value> rest;
  while (true) {
    GALAGO_CHECK(runtime.step());
    GALAGO_TRY(Value item, fetch(runtime));
    if (item.is_missing()) break;
    rest.push_back(std::move(item));
  }
  items_ = std::move(rest);
  position_ = 0;
  filtered_ = true;
  length_ = static_cast<std::int64_t>(items_.size()) + index0_ + (after_.is_missing() ? 1 : 2);
  return length_;
}

Result<Value> LoopObject::attribute(Runtime& runtime, std::string_view name) {
  if (name == "index0") return Value::integer(index0_);
  if (name == "index") return Value::integer(index0_ + 1);
  if (name == "first") return Value::boolean(index0_ == 0);
  if (name == "length" || name == "revindex" || name == "revindex0") {
    GALAGO_TRY(const std::int64_t count, length(runtime));
    return Value::integer(name == "length" ? count : name == "revindex" ? count - index0_ : count - index0_ - 1);
  }
  if (name == "last" || name == "nextitem") {
    GALAGO_TRY(const Value next, peek(runtime));
    if (name == "last") return Value::boolean(next.is_missing());
    return next.is_missing() ? runtime.undefined("there is no next item") : next;
  }
  if (name == "previtem") return index0_ == 0 ? runtime.undefined("there is no previous item") : before_;
  return Value();
}

}  // namespace galago::text::jinja
