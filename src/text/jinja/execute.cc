// Statements.
#include "base/try.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"
#include "text/jinja/runtime_guards.h"

namespace galago::text::jinja {

namespace {

// The elements of a loop that its filter lets pass.
class FilteredIterator : public IteratorObject {
 public:
  FilteredIterator(Budget& budget, const Stmt& node, Ref<Frame> frame, Ref<IteratorObject> source)
      : IteratorObject(budget, sizeof(*this)), node_(node), frame_(std::move(frame)), source_(std::move(source)) {
    set_depth(source_->depth() + 1);
  }
  Result<Value> next(Runtime& runtime) override {
    while (true) {
      GALAGO_TRY(Value item, source_->next(runtime));
      if (item.is_missing()) return item;
      GALAGO_TRY(const bool passes, runtime.loop_filter(node_, frame_, item));
      if (passes) return item;
    }
  }

 private:
  const Stmt& node_;
  Ref<Frame> frame_;
  Ref<IteratorObject> source_;
};

}  // namespace

Result<std::string> Runtime::render() {
  std::string out;
  const FrameGuard frame(*this, make_ref<Frame>(tree_.function.slots, Ref<Frame>()));
  enter_scope(tree_.function.scope, **frame);
  auto flow = execute(tree_.body, *frame, out);
  if (!flow.ok()) return locate(std::move(flow).error());
  return out;
}

void Runtime::enter_scope(const Scope& scope, Frame& frame) {
  for (const ScopeEntry& entry : scope.entries) {
    switch (entry.action) {
      case ScopeEntry::Action::kClear: frame.slot(entry.slot) = Value(); break;
      case ScopeEntry::Action::kAlias: frame.slot(entry.slot) = frame.at(entry.source); break;
      case ScopeEntry::Action::kResolve: frame.slot(entry.slot) = look_up(entry.name); break;
    }
  }
}

void Runtime::leave_scope(const Scope& scope, Frame& frame) {
  for (const int slot : scope.owned) frame.slot(slot) = Value();
}

Result<Runtime::Flow> Runtime::execute(const Block& block, const Ref<Frame>& frame, std::string& out) {
  const Depth depth(*this);
  GALAGO_CHECK(check_depth());
  for (const auto& node : block) {
    line_ = node->line;
    GALAGO_CHECK(step());
    GALAGO_TRY(const Flow flow, execute(*node, frame, out));
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Result<Runtime::Flow> Runtime::execute(const Stmt& node, const Ref<Frame>& frame, std::string& out) {
  switch (node.kind) {
    case StmtKind::kOutput: GALAGO_CHECK(output(node, frame, out)); return Flow::kNext;
    case StmtKind::kFor: return execute_for(node, frame, out);
    case StmtKind::kIf: return execute_if(node, frame, out);
    case StmtKind::kSet: return execute_set(node, frame);
    case StmtKind::kSetBlock: return execute_set_block(node, frame);
    case StmtKind::kWith: return execute_with(node, frame, out);
    case StmtKind::kFilterBlock: return execute_filter_block(node, frame, out);
    case StmtKind::kMacro: {
      GALAGO_TRY(frame->at(node.slot), make_macro(node, frame));
      return Flow::kNext;
    }
    case StmtKind::kCallBlock:
    case StmtKind::kGeneration: GALAGO_CHECK(execute_call_block(node, frame, out)); return Flow::kNext;
    case StmtKind::kBreak: return Flow::kBreak;
    case StmtKind::kContinue: return Flow::kContinue;
  }
  return Flow::kNext;
}

Status Runtime::append(const Value& value, std::string& out) {
  const std::size_t before = out.size();
  GALAGO_CHECK(append_str(*this, value, out));
  if (static_cast<std::int64_t>(out.size()) > budget_.max_string) {
    return limit("the rendered text is longer than the limit of {} bytes", budget_.max_string);
  }
  return step(static_cast<std::int64_t>(out.size() - before) / 64);
}

Status Runtime::output(const Stmt& node, const Ref<Frame>& frame, std::string& out) {
  for (const ExprPtr& expr : node.exprs) {
    if (expr->kind == ExprKind::kString && expr->constant < 0) {
      out += expr->name;
      if (static_cast<std::int64_t>(out.size()) > budget_.max_string) {
        return limit("the rendered text is longer than the limit of {} bytes", budget_.max_string);
      }
      GALAGO_CHECK(step(static_cast<std::int64_t>(expr->name.size()) / 64));
      continue;
    }
    GALAGO_TRY(const Value value, evaluate(*expr, frame));
    GALAGO_CHECK(append(value, out));
  }
  return {};
}

Result<Runtime::Flow> Runtime::execute_if(const Stmt& node, const Ref<Frame>& frame, std::string& out) {
  for (std::size_t i = 0; i < node.exprs.size(); ++i) {
    GALAGO_TRY(const Value test, evaluate(*node.exprs[i], frame));
    GALAGO_TRY(const bool holds, truth(*this, test));
    if (holds) return execute(node.bodies[i], frame, out);
  }
  return execute(node.otherwise, frame, out);
}

Result<Runtime::Flow> Runtime::execute_for(const Stmt& node, const Ref<Frame>& frame, std::string& out) {
  GALAGO_TRY(const Value iterable, evaluate(*node.exprs[0], frame));
  if (!node.recursive) return run_loop(node, frame, frame, iterable, 0, out);
  GALAGO_TRY(const Value text, call_loop(node, frame, iterable, 0));
  GALAGO_CHECK(append(text, out));
  return Flow::kNext;
}

Result<Value> Runtime::call_loop(const Stmt& node, const Ref<Frame>& closure, const Value& iterable,
                                 std::int64_t level) {
  std::string out;
  const FrameGuard frame(*this, make_ref<Frame>(node.function->slots, closure));
  GALAGO_TRY([[maybe_unused]] const Flow flow, run_loop(node, *frame, closure, iterable, level, out));
  return string(std::move(out));
}

Result<bool> Runtime::loop_filter(const Stmt& node, const Ref<Frame>& frame, const Value& item) {
  GALAGO_CHECK(assign(*node.targets[1], item, frame));
  GALAGO_TRY(const Value passes, evaluate(*node.test, frame));
  return truth(*this, passes);
}

Result<Runtime::Flow> Runtime::run_loop(const Stmt& node, const Ref<Frame>& frame, const Ref<Frame>& closure,
                                        const Value& iterable, std::int64_t level, std::string& out) {
  GALAGO_TRY(Ref<IteratorObject> iterator, iterate(*this, iterable));
  Value source = iterable;
  if (node.test) {
    auto test_frame = make_ref<Frame>(node.test_function->slots, closure);
    enter_scope(node.test_function->scope, *test_frame);
    iterator = Ref<IteratorObject>(make_ref<FilteredIterator>(node, std::move(test_frame), iterator).get());
    source = Value::object(Kind::kIterator, iterator.get());
  }
  Ref<LoopObject> loop;
  if (node.loop_slot >= 0) {
    loop = make_ref<LoopObject>(source, iterator, level);
    if (node.recursive) {
      loop->statement = &node;
      loop->closure = closure;
    }
  }
  const LoopGuard guard(*this, loop);
  bool completed = false;  // some iteration ran to its end: jinja2 takes the else branch otherwise
  while (true) {
    GALAGO_CHECK(step());
    GALAGO_TRY(const Value item, loop ? loop->advance(*this) : iterator->next(*this));
    if (item.is_missing()) break;
    GALAGO_CHECK(assign(*node.targets[0], item, frame));
    if (loop) frame->slot(node.loop_slot) = Value::object(Kind::kLoop, loop.get());
    enter_scope(node.scope, *frame);
    GALAGO_TRY(const Flow flow, execute(node.bodies[0], frame, out));
    if (flow == Flow::kBreak) break;
    completed = completed || flow == Flow::kNext;
  }
  leave_scope(node.scope, *frame);
  if (completed || !node.has_otherwise) return Flow::kNext;
  enter_scope(node.otherwise_scope, *frame);
  GALAGO_TRY(const Flow flow, execute(node.otherwise, frame, out));
  leave_scope(node.otherwise_scope, *frame);
  return flow;
}

Status Runtime::check_namespaces(const Expr& target, const Ref<Frame>& frame) {
  if (target.kind == ExprKind::kNamespaceRef) {
    if (frame->at(target.children[0]->slot).is(Kind::kNamespace)) return {};
    return fail("cannot assign the attribute '{}' on an object that is no namespace", target.name);
  }
  if (target.kind != ExprKind::kTuple) return {};
  for (const ExprPtr& child : target.children) GALAGO_CHECK(check_namespaces(*child, frame));
  return {};
}

Status Runtime::assign(const Expr& target, const Value& value, const Ref<Frame>& frame) {
  if (target.kind == ExprKind::kName) {
    frame->at(target.slot) = value;
    return {};
  }
  if (target.kind == ExprKind::kNamespaceRef) {
    if (target.name.starts_with('_')) {
      return fail("a namespace cannot hold the attribute '{}', which starts with an underscore", target.name);
    }
    NamespaceObject& object = frame->at(target.children[0]->slot).name_space();
    GALAGO_CHECK(step(static_cast<std::int64_t>(object.attributes().size()) / 16));
    if (object.find(target.name) == nullptr)
      budget_.memory -= static_cast<std::int64_t>(sizeof(Value) + target.name.size() + 32);
    object.set(target.name, value);
    return {};
  }
  GALAGO_TRY(const auto iterator, iterate(*this, value));
  for (const ExprPtr& child : target.children) {
    GALAGO_TRY(const Value item, iterator->next(*this));
    if (item.is_missing()) return fail("not enough values to unpack (expected {})", target.children.size());
    GALAGO_CHECK(assign(*child, item, frame));
  }
  GALAGO_TRY(const Value more, iterator->next(*this));
  if (!more.is_missing()) return fail("too many values to unpack (expected {})", target.children.size());
  return {};
}

Result<Runtime::Flow> Runtime::execute_set(const Stmt& node, const Ref<Frame>& frame) {
  GALAGO_CHECK(check_namespaces(*node.targets[0], frame));
  GALAGO_TRY(const Value value, evaluate(*node.value, frame));
  GALAGO_CHECK(assign(*node.targets[0], value, frame));
  return Flow::kNext;
}

Result<Runtime::Flow> Runtime::execute_set_block(const Stmt& node, const Ref<Frame>& frame) {
  enter_scope(node.scope, *frame);
  std::string text;
  GALAGO_TRY(const Flow flow, execute(node.bodies[0], frame, text));
  if (flow != Flow::kNext) return flow;
  Value value = string(std::move(text));
  if (node.value) {
    GALAGO_TRY(value, evaluate_filter(*node.value, frame, value));
  }
  // Here jinja2 makes no check, and fails in its own way.
  GALAGO_CHECK(check_namespaces(*node.targets[0], frame));
  GALAGO_CHECK(assign(*node.targets[0], value, frame));
  leave_scope(node.scope, *frame);
  return Flow::kNext;
}

Result<Runtime::Flow> Runtime::execute_with(const Stmt& node, const Ref<Frame>& frame, std::string& out) {
  enter_scope(node.scope, *frame);
  for (std::size_t i = 0; i < node.targets.size(); ++i) {
    GALAGO_TRY(const Value value, evaluate(*node.exprs[i], frame));
    GALAGO_CHECK(assign(*node.targets[i], value, frame));
  }
  GALAGO_TRY(const Flow flow, execute(node.bodies[0], frame, out));
  leave_scope(node.scope, *frame);
  return flow;
}

Result<Runtime::Flow> Runtime::execute_filter_block(const Stmt& node, const Ref<Frame>& frame, std::string& out) {
  enter_scope(node.scope, *frame);
  std::string text;
  GALAGO_TRY(const Flow flow, execute(node.bodies[0], frame, text));
  if (flow != Flow::kNext) return flow;
  GALAGO_TRY(const Value value, evaluate_filter(*node.value, frame, string(std::move(text))));
  leave_scope(node.scope, *frame);
  GALAGO_CHECK(append(value, out));
  return Flow::kNext;
}

Status Runtime::execute_call_block(const Stmt& node, const Ref<Frame>& frame, std::string& out) {
  if (node.kind == StmtKind::kGeneration) {
    Arguments none;
    GALAGO_TRY(const Value text, call_function(node, frame, none));
    return append(text, out);
  }
  GALAGO_TRY(const Value caller, make_macro(node, frame));
  GALAGO_TRY(const Value value, evaluate_call(*node.value, frame, caller));
  return append(value, out);
}

}  // namespace galago::text::jinja
