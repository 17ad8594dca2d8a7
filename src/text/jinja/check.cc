#include "text/jinja/check.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "text/jinja/builtins.h"
#include "text/jinja/lexer.h"

namespace galago::text::jinja {

namespace {

// Where a statement stands.
struct Place {
  bool soft = false;       // in a branch of an if
  bool breakable = false;  // break and continue have a loop in this macro or template
  bool in_loop = false;
  bool in_macro = false;
};

class Checker {
 public:
  explicit Checker(const Template& tree) : tree_(tree) {}

  Status block(const Block& block, const Place& place) {
    for (const auto& node : block) GALAGO_CHECK(statement(*node, place));
    return {};
  }

 private:
  Error fail(int line, std::string_view message) const {
    return template_error(ErrorCode::kCorrupt, tree_.name, line, message);
  }
  Error unsupported(int line, std::string_view message) const {
    return template_error(ErrorCode::kUnsupported, tree_.name, line, message);
  }

  Status statement(const Stmt& node, Place place) {
    if (node.kind == StmtKind::kFor) place.in_loop = true;
    if (node.target) GALAGO_CHECK(target(*node.target, place));
    Place inner{.breakable = place.breakable, .in_loop = place.in_loop, .in_macro = place.in_macro};
    switch (node.kind) {
      case StmtKind::kIf:
        place.soft = true;
        inner = place;
        break;
      case StmtKind::kFor:
        GALAGO_CHECK(expression(node.value.get(), inner));
        // After the loop, a break belongs to the loop around.
        GALAGO_CHECK(block(node.otherwise, inner));
        inner.breakable = true;
        break;
      case StmtKind::kMacro: inner.in_macro = true; [[fallthrough]];
      case StmtKind::kGeneration: inner.breakable = false; break;
      case StmtKind::kBreak:
      case StmtKind::kContinue:
        if (place.breakable) break;
        return fail(node.line,
                    fmt::format("'{}' outside of a loop", node.kind == StmtKind::kBreak ? "break" : "continue"));
      default: break;
    }
    for (const ExprPtr& expr : node.exprs) GALAGO_CHECK(expression(expr.get(), place));
    if (node.kind != StmtKind::kFor) {
      GALAGO_CHECK(expression(node.value.get(), place));
      GALAGO_CHECK(block(node.otherwise, inner));
    }
    for (const Block& body : node.bodies) GALAGO_CHECK(block(body, inner));
    return {};
  }

  Status target(const Expr& node, const Place& place) const {
    if (node.kind == ExprKind::kName && node.name == "loop" && place.in_loop) {
      return fail(node.line, "cannot assign to the special variable 'loop' in a loop");
    }
    if (node.kind != ExprKind::kTuple) return {};
    for (const ExprPtr& child : node.children) GALAGO_CHECK(target(*child, place));
    return {};
  }

  Status expression(const Expr* node, Place place) const {
    if (node == nullptr) return {};
    switch (node->kind) {
      case ExprKind::kCondition: place.soft = true; break;
      case ExprKind::kName:
        // They would be arguments that the macro does not name, or the body of a call block.
        if (place.in_macro && (node->name == "varargs" || node->name == "kwargs" || node->name == "caller")) {
          return unsupported(node->line, fmt::format("'{}' in a macro is not supported here", node->name));
        }
        break;
      case ExprKind::kFilter:
        if (place.soft || find_in(filters(), node->name) != nullptr) break;
        return unsupported(node->line, not_supported("filter", node->name));
      case ExprKind::kTest:
        if (place.soft || find_in(tests(), node->name) != nullptr) break;
        return unsupported(node->line, not_supported("test", node->name));
      default: break;
    }
    for (const ExprPtr& child : node->children) GALAGO_CHECK(expression(child.get(), place));
    if (!node->call) return {};
    for (const ExprPtr& child : node->call->positional) GALAGO_CHECK(expression(child.get(), place));
    for (const auto& [name, child] : node->call->keyword) GALAGO_CHECK(expression(child.get(), place));
    return {};
  }

  const Template& tree_;
};

}  // namespace

Status check_template(const Template& tree) { return Checker(tree).block(tree.body, {}); }

}  // namespace galago::text::jinja
