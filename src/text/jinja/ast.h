// The tree of a template. Names carry, after resolve_scopes(), the slot that holds their variable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace galago::text::jinja {

struct Expr;
struct Stmt;
using ExprPtr = std::unique_ptr<Expr>;
using Block = std::vector<std::unique_ptr<Stmt>>;

enum class ExprKind : std::uint8_t {
  kNone,
  kTrue,
  kFalse,
  kInteger,
  kFloat,
  kString,
  kName,
  kNamespaceRef,  // ns.attribute as a target of set
  kTuple,
  kList,
  kDict,     // children: key, value, key, value, ...
  kGetAttr,  // children[0].name
  kGetItem,  // children[0][children[1]]
  kSlice,    // children: start, stop, step, each may be null; only as a kGetItem's second child
  kCall,     // children[0](call)
  kFilter,   // children[0] | name(call); children[0] is null in filter blocks and set blocks
  kTest,     // children[0] is name(call)
  kNot,
  kNegate,
  kPlus,
  kAnd,
  kOr,
  kConcat,
  kCondition,  // children: test, then, else (may be null)
  kCompare,    // children: first, then one per operator in `operators`
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
};

enum class CompareOp : std::uint8_t { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };

struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> keyword;
  ExprPtr rest;           // *rest
  ExprPtr rest_keywords;  // **rest_keywords
};

// Where a variable lives: `hops` functions outwards, at `slot` of that function's frame.
struct SlotRef {
  int hops = 0;
  int slot = -1;
};

struct Expr {
  ExprKind kind = ExprKind::kNone;
  int line = 1;
  int height = 1;  // of the subtree: what evaluating it may recurse
  std::string name;
  std::int64_t integer = 0;
  double number = 0;
  int constant = -1;  // a string's place in the rendering's pool of constants

  SlotRef slot;
  std::vector<ExprPtr> children;
  std::vector<CompareOp> operators;
  std::unique_ptr<CallArguments> call;
};

// What is done on entering a scope, before its body runs.
struct ScopeEntry {
  enum class Action : std::uint8_t { kResolve, kAlias, kClear } action = Action::kClear;
  int slot = -1;     // in the current function's frame
  SlotRef source;    // of kAlias
  std::string name;  // of kResolve: the variable of the context
};

struct Scope {
  std::vector<ScopeEntry> entries;
  std::vector<int> owned;  // slots that are unset again when the scope is left
};

// What the runtime needs to call a piece of the tree that has variables of its own: a macro, the body of a call block,
// a recursive loop, a loop's filter, the template itself.
struct Function {
  Scope scope;
  int slots = 0;
  std::vector<std::string> parameters;
  std::vector<int> parameter_slots;
  std::vector<ExprPtr> defaults;  // of the last parameters
  int caller_slot = -1;           // of `caller`, `kwargs` and `varargs` where the body uses them
  int kwargs_slot = -1;
  int varargs_slot = -1;
};

enum class StmtKind : std::uint8_t {
  kOutput,
  kFor,
  kIf,
  kSet,
  kSetBlock,
  kWith,
  kMacro,
  kCallBlock,
  kFilterBlock,
  kGeneration,
  kBreak,
  kContinue,
};

struct Stmt {
  StmtKind kind = StmtKind::kOutput;
  int line = 1;
  int height = 1;
  std::vector<ExprPtr> exprs;    // kOutput; kWith: the values; kIf: the tests; kFor: the iterable
  std::vector<ExprPtr> targets;  // kSet, kSetBlock: one; kFor: one, and its copy for the filter; kWith
  std::vector<Block> bodies;     // kIf: one per test; others: one
  Block otherwise;               // kIf, kFor
  bool has_otherwise = false;
  ExprPtr value;                       // kSet: the value; kSetBlock, kFilterBlock: the filters; kCallBlock: the call
  ExprPtr test;                        // kFor: the filter
  bool recursive = false;              // kFor
  std::string name;                    // kMacro
  SlotRef slot;                        // kMacro: its variable
  Scope scope;                         // of the body
  Scope otherwise_scope;               // kFor
  int loop_slot = -1;                  // kFor: of `loop`, where the body uses it
  std::unique_ptr<Function> function;  // kMacro, kCallBlock, kGeneration; kFor when recursive
  std::unique_ptr<Function> test_function;  // kFor with a filter
};

// A parsed template: immutable, shared by all renderings.
struct Template {
  std::string name;
  Block body;
  Function function;
  int constants = 0;
  std::vector<std::string> context_names;  // every variable that may be looked up in the context
};

}  // namespace galago::text::jinja
