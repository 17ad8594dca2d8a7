// The tree of a template.
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
  kNamespaceRef,  // children[0].name as a target of set
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
};

struct Expr {
  ExprKind kind = ExprKind::kNone;
  int line = 1;
  int height = 1;  // of the subtree: what evaluating it may recurse
  std::string name;
  std::int64_t integer = 0;
  double number = 0;
  int symbol = -1;  // of kName: which of Template::names; of kString: its place in the rendering's pool of constants
  std::vector<ExprPtr> children;
  std::vector<CompareOp> operators;
  std::unique_ptr<CallArguments> call;
};

enum class StmtKind : std::uint8_t {
  kOutput,
  kFor,
  kIf,
  kSet,
  kSetBlock,
  kMacro,
  kFilterBlock,
  kGeneration,
  kBreak,
  kContinue,
};

struct Stmt {
  StmtKind kind = StmtKind::kOutput;
  int line = 1;
  std::vector<ExprPtr> exprs;  // kOutput; kIf: the tests; kFor: the iterable; kMacro: the last parameters' defaults
  ExprPtr target;              // kSet, kSetBlock, kFor; kMacro: its name
  std::vector<ExprPtr> names;  // kMacro: the parameters
  std::vector<Block> bodies;   // kIf: one per test; others: one
  Block otherwise;             // kIf, kFor
  ExprPtr value;               // kSet: the value; kSetBlock, kFilterBlock: the filters; kFor: the filter
};

// A parsed template: immutable, shared by all renderings.
struct Template {
  std::string name;
  Block body;
  int constants = 0;
  std::vector<std::string> names;  // of all variables
  int loop_symbol = -1;            // the place of "loop" in `names`
};

}  // namespace galago::text::jinja
