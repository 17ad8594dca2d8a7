#include "text/jinja/scope.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/try.h"
#include "text/jinja/builtins.h"
#include "text/jinja/lexer.h"
#include "text/jinja/symbols.h"

namespace galago::text::jinja {

namespace {

// Every if copies the names of its scope for each branch: this bounds the sum for hostile templates.
constexpr std::size_t kMaxCopiedNames = 4'000'000;

template <class Visit>
void for_each_child(const Expr& node, const Visit& visit) {
  for (const ExprPtr& child : node.children) {
    if (child) visit(*child);
  }
  if (!node.call) return;
  for (const ExprPtr& child : node.call->positional) visit(*child);
  for (const auto& [name, child] : node.call->keyword) visit(*child);
  if (node.call->rest) visit(*node.call->rest);
  if (node.call->rest_keywords) visit(*node.call->rest_keywords);
}

// Looks for a use of `name` that no assignment precedes, in the order of jinja2's tree.
class UseFinder {
 public:
  explicit UseFinder(std::string_view name) : name_(name) {}
  bool in(const Block& block) {
    for (const auto& node : block) statement(*node);
    return found_;
  }

 private:
  void load(const Expr* node) {
    if (node == nullptr || found_ || hidden_) return;
    if (node->kind == ExprKind::kName && node->name == name_) {
      found_ = true;
      return;
    }
    for_each_child(*node, [this](const Expr& child) { load(&child); });
  }
  void store(const Expr& target) {
    if (target.kind == ExprKind::kName && target.name == name_ && !found_) hidden_ = true;
    if (target.kind == ExprKind::kTuple) {
      for (const ExprPtr& child : target.children) store(*child);
    }
  }
  void parameters(const Function& function) {
    for (const std::string& name : function.parameters) hidden_ = hidden_ || (!found_ && name == name_);
    for (const ExprPtr& value : function.defaults) load(value.get());
  }
  void statement(const Stmt& node) {
    if (found_ || hidden_) return;
    if (node.kind == StmtKind::kCallBlock) load(node.value.get());
    for (const ExprPtr& target : node.targets) store(*target);
    if (node.kind == StmtKind::kSet || node.kind == StmtKind::kSetBlock) load(node.value.get());
    if (node.kind == StmtKind::kIf) {
      for (std::size_t i = 0; i < node.exprs.size(); ++i) {
        load(node.exprs[i].get());
        in(node.bodies[i]);
      }
      in(node.otherwise);
      return;
    }
    for (const ExprPtr& expr : node.exprs) load(expr.get());
    if (node.function) parameters(*node.function);
    for (const Block& body : node.bodies) in(body);
    in(node.otherwise);
    if (node.kind == StmtKind::kFilterBlock) load(node.value.get());
    load(node.test.get());
  }

  std::string_view name_;
  bool found_ = false;
  bool hidden_ = false;
};

bool uses(const Block& body, std::string_view name) { return UseFinder(name).in(body); }

bool assigns_loop(const Expr& target) {
  if (target.kind == ExprKind::kName) return target.name == "loop";
  return target.kind == ExprKind::kTuple &&
         std::any_of(target.children.begin(), target.children.end(), [](const ExprPtr& c) { return assigns_loop(*c); });
}

// The filter of a loop is a function of its own, with the loop's target among its variables.
ExprPtr clone_target(const Expr& target) {
  auto clone = std::make_unique<Expr>();
  clone->kind = target.kind;
  clone->line = target.line;
  clone->height = target.height;
  clone->name = target.name;
  for (const ExprPtr& child : target.children) clone->children.push_back(clone_target(*child));
  return clone;
}

// A for, or a set within one, that has `loop` as its target.
const Stmt* find_loop_assignment(const Stmt& node) {
  if (node.kind != StmtKind::kWith) {
    for (const ExprPtr& target : node.targets) {
      if (assigns_loop(*target)) return &node;
    }
  }
  const auto in = [](const Block& block) -> const Stmt* {
    for (const auto& child : block) {
      if (const Stmt* found = find_loop_assignment(*child)) return found;
    }
    return nullptr;
  };
  for (const Block& body : node.bodies) {
    if (const Stmt* found = in(body)) return found;
  }
  return in(node.otherwise);
}

class Resolver {
 public:
  explicit Resolver(Template& tree) : tree_(tree) {}
  Status run();

 private:
  // Where a statement stands.
  struct Place {
    Symbols& symbols;
    bool soft;     // in a branch of an if: an unknown filter is an error only when it runs
    bool in_loop;  // break and continue have a loop in this function
  };

  Error fail(int line, std::string_view message) const {
    return template_error(ErrorCode::kCorrupt, tree_.name, line, message);
  }

  // First pass of a scope: which names it loads and stores, without the scopes within it.
  Status collect(const Block& block, Symbols& symbols);
  Status collect(const Stmt& node, Symbols& symbols);
  Status collect_if(const Stmt& node, Symbols& symbols);
  Status collect_branch(const Stmt& node, std::size_t branch, Symbols& symbols);
  Result<Symbols> copy(const Symbols& symbols);
  void collect_loads(const Expr* node, Symbols& symbols);
  void collect_target(const Expr& node, Symbols& symbols, bool as_parameter);

  // Second pass: slots for the names, and the scopes within.
  Status bind(Block& block, const Place& place);
  Status bind(Stmt& node, const Place& place);
  Status bind_for(Stmt& node, const Place& place);
  Status bind_inner(Stmt& node, const Place& place);
  Status bind_function(Stmt& node, const Place& place);
  Status bind_expr(Expr* node, const Symbols& symbols, bool soft);
  Status bind_name(Expr& node, const Symbols& symbols);
  SlotRef reference(const Variable& variable, const Symbols& from) const {
    return {from.function().depth - variable.function->depth, variable.slot};
  }
  Scope finish(const Symbols& symbols);
  FunctionSlots nested(const Symbols& symbols) const { return {&symbols.function(), symbols.function().depth + 1, {}}; }

  Template& tree_;
  std::set<std::string> context_names_;
  std::size_t copied_ = 0;
};

void Resolver::collect_loads(const Expr* node, Symbols& symbols) {
  if (node == nullptr) return;
  if (node->kind == ExprKind::kName) symbols.load(node->name);
  for_each_child(*node, [&](const Expr& child) { collect_loads(&child, symbols); });
}

void Resolver::collect_target(const Expr& node, Symbols& symbols, bool as_parameter) {
  if (node.kind == ExprKind::kNamespaceRef) {
    symbols.load(node.children[0]->name);
  } else if (node.kind == ExprKind::kTuple) {
    for (const ExprPtr& child : node.children) collect_target(*child, symbols, as_parameter);
  } else if (as_parameter) {
    symbols.declare_parameter(node.name);
  } else {
    symbols.store(node.name);
  }
}

Result<Symbols> Resolver::copy(const Symbols& symbols) {
  copied_ += symbols.size();
  if (copied_ > kMaxCopiedNames) {
    return template_error(ErrorCode::kOutOfRange, tree_.name, 1, "too many variables in too many branches");
  }
  return symbols;
}

Status Resolver::collect_branch(const Stmt& node, std::size_t branch, Symbols& symbols) {
  collect_loads(node.exprs[branch].get(), symbols);
  std::vector<Symbols> branches;
  GALAGO_TRY(auto taken, copy(symbols));
  branches.push_back(std::move(taken));
  GALAGO_CHECK(collect(node.bodies[branch], branches[0]));
  symbols.merge_branches(branches);
  return {};
}

Status Resolver::collect_if(const Stmt& node, Symbols& symbols) {
  collect_loads(node.exprs[0].get(), symbols);
  std::vector<Symbols> branches;
  for (int i = 0; i < 3; ++i) {
    GALAGO_TRY(auto branch, copy(symbols));
    branches.push_back(std::move(branch));
  }
  GALAGO_CHECK(collect(node.bodies[0], branches[0]));
  for (std::size_t i = 1; i < node.exprs.size(); ++i) GALAGO_CHECK(collect_branch(node, i, branches[1]));
  GALAGO_CHECK(collect(node.otherwise, branches[2]));
  symbols.merge_branches(branches);
  return {};
}

Status Resolver::collect(const Block& block, Symbols& symbols) {
  for (const auto& node : block) GALAGO_CHECK(collect(*node, symbols));
  return {};
}

Status Resolver::collect(const Stmt& node, Symbols& symbols) {
  switch (node.kind) {
    case StmtKind::kIf: return collect_if(node, symbols);
    case StmtKind::kOutput:
    case StmtKind::kFor:
    case StmtKind::kWith:
      for (const ExprPtr& expr : node.exprs) collect_loads(expr.get(), symbols);
      break;
    case StmtKind::kSet:
      collect_loads(node.value.get(), symbols);
      collect_target(*node.targets[0], symbols, false);
      break;
    case StmtKind::kSetBlock: collect_target(*node.targets[0], symbols, false); break;
    case StmtKind::kMacro: symbols.store(node.name); break;
    case StmtKind::kCallBlock:
    case StmtKind::kFilterBlock: collect_loads(node.value.get(), symbols); break;
    case StmtKind::kGeneration:
    case StmtKind::kBreak:
    case StmtKind::kContinue: break;
  }
  return {};
}

Scope Resolver::finish(const Symbols& symbols) {
  Scope scope;
  for (const auto& [slot, load] : symbols.loads()) {
    scope.owned.push_back(slot);
    ScopeEntry entry;
    entry.slot = slot;
    switch (load.kind) {
      case Load::Kind::kParameter: continue;
      case Load::Kind::kUndefined: entry.action = ScopeEntry::Action::kClear; break;
      case Load::Kind::kAlias:
        entry.action = ScopeEntry::Action::kAlias;
        entry.source = reference(load.source, symbols);
        break;
      case Load::Kind::kResolve:
        entry.action = ScopeEntry::Action::kResolve;
        entry.name = load.name;
        context_names_.insert(load.name);
        break;
    }
    scope.entries.push_back(std::move(entry));
  }
  return scope;
}

Status Resolver::bind_name(Expr& node, const Symbols& symbols) {
  const Variable* variable = symbols.find(node.name);
  // jinja2's compiler fails here too: the arguments of a set block's filter belong to no scope.
  if (variable == nullptr) return fail(node.line, fmt::format("the name '{}' cannot be used here", node.name));
  node.slot = reference(*variable, symbols);
  return {};
}

Status Resolver::bind_expr(Expr* node, const Symbols& symbols, bool soft) {
  if (node == nullptr) return {};
  soft = soft || node->kind == ExprKind::kCondition;
  if (node->kind == ExprKind::kName) return bind_name(*node, symbols);
  if (node->kind == ExprKind::kFilter && !soft && find_filter(node->name) == nullptr) {
    return fail(node->line, fmt::format("no filter named '{}'", node->name));
  }
  if (node->kind == ExprKind::kTest && !soft && find_test(node->name) == nullptr) {
    return fail(node->line, fmt::format("no test named '{}'", node->name));
  }
  Status status;
  for_each_child(*node, [&](const Expr& child) {
    if (status.ok()) status = bind_expr(const_cast<Expr*>(&child), symbols, soft);
  });
  return status;
}

Status Resolver::bind(Block& block, const Place& place) {
  for (const auto& node : block) GALAGO_CHECK(bind(*node, place));
  return {};
}

Status Resolver::bind(Stmt& node, const Place& place) {
  const Symbols& symbols = place.symbols;
  switch (node.kind) {
    case StmtKind::kFor: return bind_for(node, place);
    case StmtKind::kIf: {
      const Place branch{place.symbols, true, place.in_loop};
      for (std::size_t i = 0; i < node.exprs.size(); ++i) {
        GALAGO_CHECK(bind_expr(node.exprs[i].get(), symbols, true));
        GALAGO_CHECK(bind(node.bodies[i], branch));
      }
      return bind(node.otherwise, branch);
    }
    case StmtKind::kOutput:
      for (const ExprPtr& expr : node.exprs) GALAGO_CHECK(bind_expr(expr.get(), symbols, place.soft));
      return {};
    case StmtKind::kSet:
      GALAGO_CHECK(bind_expr(node.value.get(), symbols, place.soft));
      return bind_expr(node.targets[0].get(), symbols, place.soft);
    case StmtKind::kSetBlock:
    case StmtKind::kWith:
    case StmtKind::kFilterBlock: return bind_inner(node, place);
    case StmtKind::kMacro:
    case StmtKind::kCallBlock:
    case StmtKind::kGeneration: return bind_function(node, place);
    case StmtKind::kBreak:
    case StmtKind::kContinue:
      if (place.in_loop) return {};
      return fail(node.line,
                  fmt::format("'{}' outside of a loop", node.kind == StmtKind::kBreak ? "break" : "continue"));
  }
  return {};
}

// Scopes in the same function: the bodies of set blocks, with and filter blocks.
Status Resolver::bind_inner(Stmt& node, const Place& place) {
  Symbols inner(place.symbols.function(), &place.symbols);
  if (node.kind == StmtKind::kWith) {
    for (const ExprPtr& target : node.targets) collect_target(*target, inner, true);
  }
  GALAGO_CHECK(collect(node.bodies[0], inner));
  if (node.kind == StmtKind::kFilterBlock) collect_loads(node.value.get(), inner);
  node.scope = finish(inner);
  GALAGO_CHECK(bind(node.bodies[0], {inner, false, place.in_loop}));
  if (node.kind == StmtKind::kWith) {
    for (const ExprPtr& value : node.exprs) GALAGO_CHECK(bind_expr(value.get(), place.symbols, place.soft));
    for (const ExprPtr& target : node.targets) GALAGO_CHECK(bind_expr(target.get(), inner, false));
    return {};
  }
  if (node.kind == StmtKind::kSetBlock) GALAGO_CHECK(bind_expr(node.targets[0].get(), place.symbols, place.soft));
  return bind_expr(node.value.get(), inner, false);
}

Status Resolver::bind_for(Stmt& node, const Place& place) {
  if (const Stmt* found = find_loop_assignment(node)) {
    return fail(found->line, "cannot assign to the special variable 'loop' in a loop");
  }
  GALAGO_CHECK(bind_expr(node.exprs[0].get(), place.symbols, place.soft));
  FunctionSlots own = nested(place.symbols);
  if (node.recursive) node.function = std::make_unique<Function>();
  FunctionSlots& function = node.recursive ? own : place.symbols.function();
  Symbols body(function, &place.symbols);
  if (node.recursive || uses(node.bodies[0], "loop")) node.loop_slot = body.declare_parameter("loop");
  collect_target(*node.targets[0], body, true);
  GALAGO_CHECK(collect(node.bodies[0], body));
  node.scope = finish(body);
  Symbols otherwise(function, &place.symbols);
  GALAGO_CHECK(collect(node.otherwise, otherwise));
  node.otherwise_scope = finish(otherwise);
  if (node.test) {
    node.targets.push_back(clone_target(*node.targets[0]));
    FunctionSlots filter = nested(place.symbols);
    Symbols test(filter, &place.symbols);
    collect_target(*node.targets[0], test, true);
    collect_loads(node.test.get(), test);
    node.test_function = std::make_unique<Function>();
    node.test_function->scope = finish(test);
    node.test_function->slots = static_cast<int>(filter.slots.size());
    GALAGO_CHECK(bind_expr(node.test.get(), test, false));
    GALAGO_CHECK(bind_expr(node.targets[1].get(), test, false));
  }
  GALAGO_CHECK(bind_expr(node.targets[0].get(), body, false));
  GALAGO_CHECK(bind(node.bodies[0], {body, false, true}));
  // After the loop, a break belongs to the loop around, unless the recursion has made this a function of its own.
  GALAGO_CHECK(bind(node.otherwise, {otherwise, false, place.in_loop && !node.recursive}));
  if (node.recursive) node.function->slots = static_cast<int>(own.slots.size());
  return {};
}

Status Resolver::bind_function(Stmt& node, const Place& place) {
  Function& function = *node.function;
  FunctionSlots slots = nested(place.symbols);
  Symbols inner(slots, &place.symbols);
  for (const std::string& name : function.parameters) function.parameter_slots.push_back(inner.declare_parameter(name));
  const auto has_parameter = [&](std::string_view name) {
    return std::find(function.parameters.begin(), function.parameters.end(), name) != function.parameters.end();
  };
  if (uses(node.bodies[0], "caller")) {
    if (!has_parameter("caller")) {
      function.caller_slot = inner.declare_parameter("caller");
    } else {
      const auto at =
          std::find(function.parameters.begin(), function.parameters.end(), "caller") - function.parameters.begin();
      if (static_cast<std::size_t>(at) + function.defaults.size() < function.parameters.size()) {
        return fail(node.line, "a parameter named 'caller' must have a default");
      }
    }
  }
  if (uses(node.bodies[0], "kwargs") && !has_parameter("kwargs"))
    function.kwargs_slot = inner.declare_parameter("kwargs");
  if (uses(node.bodies[0], "varargs") && !has_parameter("varargs"))
    function.varargs_slot = inner.declare_parameter("varargs");
  for (const ExprPtr& value : function.defaults) collect_loads(value.get(), inner);
  GALAGO_CHECK(collect(node.bodies[0], inner));
  function.scope = finish(inner);
  for (const ExprPtr& value : function.defaults) GALAGO_CHECK(bind_expr(value.get(), inner, false));
  GALAGO_CHECK(bind(node.bodies[0], {inner, false, false}));
  function.slots = static_cast<int>(slots.slots.size());
  if (node.kind == StmtKind::kCallBlock) return bind_expr(node.value.get(), place.symbols, place.soft);
  if (node.kind == StmtKind::kMacro) node.slot = reference(*place.symbols.find(node.name), place.symbols);
  return {};
}

Status Resolver::run() {
  FunctionSlots slots;
  Symbols root(slots, nullptr);
  GALAGO_CHECK(collect(tree_.body, root));
  tree_.function.scope = finish(root);
  GALAGO_CHECK(bind(tree_.body, {root, false, false}));
  tree_.function.slots = static_cast<int>(slots.slots.size());
  tree_.context_names.assign(context_names_.begin(), context_names_.end());
  return {};
}

}  // namespace

Status resolve_scopes(Template& tree) { return Resolver(tree).run(); }

}  // namespace galago::text::jinja
