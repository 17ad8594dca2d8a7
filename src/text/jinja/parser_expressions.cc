#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/try.h"
#include "text/jinja/parser.h"

namespace galago::text::jinja {

namespace {

bool is_reserved(std::string_view name) {
  constexpr std::array<std::string_view, 6> kReserved = {"true", "false", "none", "True", "False", "None"};
  return std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
}

struct NamedCompare {
  std::string_view text;
  CompareOp op;
};
constexpr std::array<NamedCompare, 6> kCompareOperators = {{{"==", CompareOp::kEqual},
                                                            {"!=", CompareOp::kNotEqual},
                                                            {"<", CompareOp::kLess},
                                                            {"<=", CompareOp::kLessEqual},
                                                            {">", CompareOp::kGreater},
                                                            {">=", CompareOp::kGreaterEqual}}};

struct Chained {
  int level;
  std::string_view text;
  ExprKind kind;
};
constexpr std::array<Chained, 9> kChained = {{{0, "or", ExprKind::kOr},
                                              {1, "and", ExprKind::kAnd},
                                              {2, "+", ExprKind::kAdd},
                                              {2, "-", ExprKind::kSubtract},
                                              {3, "*", ExprKind::kMultiply},
                                              {3, "/", ExprKind::kDivide},
                                              {3, "//", ExprKind::kFloorDivide},
                                              {3, "%", ExprKind::kModulo},
                                              {4, "**", ExprKind::kPower}}};

}  // namespace

ExprPtr Parser::make(ExprKind kind, int line) const {
  auto node = std::make_unique<Expr>();
  node->kind = kind;
  node->line = line;
  return node;
}

Result<ExprPtr> Parser::measured(ExprPtr node) const {
  int height = 0;
  const auto see = [&height](const ExprPtr& child) {
    if (child) height = std::max(height, child->height);
  };
  for (const ExprPtr& child : node->children) see(child);
  if (node->call) {
    for (const ExprPtr& child : node->call->positional) see(child);
    for (const auto& [name, child] : node->call->keyword) see(child);
  }
  node->height = height + 1;
  if (node->height <= kMaxHeight) return node;
  return template_error(ErrorCode::kOutOfRange, name_, node->line,
                        fmt::format("an expression of more than {} nested operations", kMaxHeight));
}

Result<ExprPtr> Parser::join(ExprKind kind, int line, ExprPtr left, ExprPtr right) {
  ExprPtr node = make(kind, line);
  node->children.push_back(std::move(left));
  if (right) node->children.push_back(std::move(right));
  return measured(std::move(node));
}

Result<ExprPtr> Parser::expression(bool with_condition) {
  const Nested nested(*this);
  GALAGO_CHECK(check_nesting());
  int line = current().line;
  GALAGO_TRY(ExprPtr node, parse_chain(0));
  while (with_condition && skip_name("if")) {
    ExprPtr condition = make(ExprKind::kCondition, line);
    condition->children.resize(3);
    condition->children[1] = std::move(node);
    GALAGO_TRY(condition->children[0], parse_chain(0));
    if (skip_name("else")) {
      GALAGO_TRY(condition->children[2], expression());
    }
    GALAGO_TRY(node, measured(std::move(condition)));
    line = current().line;
  }
  return node;
}

// Operators that group from the left, from the loosest to the tightest; between two levels stand others.
Result<ExprPtr> Parser::parse_chain(int level) {
  const auto operand = [this, level]() -> Result<ExprPtr> {
    switch (level) {
      case 0: return parse_chain(1);
      case 1: return parse_not();
      case 2: return parse_concat();
      case 3: return parse_chain(4);
      default: return parse_unary(true);
    }
  };
  int line = current().line;
  GALAGO_TRY(ExprPtr left, operand());
  while (true) {
    const Token& token = current();
    const auto* known = std::find_if(kChained.begin(), kChained.end(), [&](const Chained& c) {
      return c.level == level && token.text == c.text &&
             token.kind == (level < 2 ? TokenKind::kName : TokenKind::kOperator);
    });
    if (known == kChained.end()) return left;
    advance();
    GALAGO_TRY(ExprPtr right, operand());
    GALAGO_TRY(left, join(known->kind, line, std::move(left), std::move(right)));
    line = current().line;
  }
}

Result<ExprPtr> Parser::parse_not() {
  if (!current().is_name("not")) return parse_compare();
  const Nested nested(*this);
  GALAGO_CHECK(check_nesting());
  const int line = advance().line;
  GALAGO_TRY(ExprPtr operand, parse_not());
  return join(ExprKind::kNot, line, std::move(operand), nullptr);
}

Result<ExprPtr> Parser::parse_compare() {
  ExprPtr node = make(ExprKind::kCompare, current().line);
  while (true) {
    GALAGO_TRY(ExprPtr operand, parse_chain(2));
    node->children.push_back(std::move(operand));
    const auto* known = std::find_if(kCompareOperators.begin(), kCompareOperators.end(),
                                     [this](const NamedCompare& c) { return current().is_operator(c.text); });
    if (known != kCompareOperators.end()) {
      node->operators.push_back(known->op);
      advance();
    } else if (skip_name("in")) {
      node->operators.push_back(CompareOp::kIn);
    } else if (current().is_name("not") && ahead().is_name("in")) {
      node->operators.push_back(CompareOp::kNotIn);
      advance();
      advance();
    } else if (node->operators.empty()) {
      return std::move(node->children[0]);
    } else {
      return measured(std::move(node));
    }
  }
}

Result<ExprPtr> Parser::parse_concat() {
  ExprPtr node = make(ExprKind::kConcat, current().line);
  do {
    GALAGO_TRY(ExprPtr operand, parse_chain(3));
    node->children.push_back(std::move(operand));
  } while (skip_operator("~"));
  if (node->children.size() == 1) return std::move(node->children[0]);
  return measured(std::move(node));
}

Result<ExprPtr> Parser::parse_unary(bool with_filter) {
  const int line = current().line;
  ExprPtr node;
  if (current().is_operator("-") || current().is_operator("+")) {
    const Nested nested(*this);
    GALAGO_CHECK(check_nesting());
    const ExprKind kind = advance().text == "-" ? ExprKind::kNegate : ExprKind::kPlus;
    GALAGO_TRY(ExprPtr operand, parse_unary(false));
    GALAGO_TRY(node, join(kind, line, std::move(operand), nullptr));
  } else {
    GALAGO_TRY(node, parse_primary());
  }
  GALAGO_TRY(node, parse_postfix(std::move(node)));
  if (!with_filter) return node;
  return parse_filters_and_tests(std::move(node));
}

Result<ExprPtr> Parser::parse_primary(bool with_namespace) {
  const Token& token = current();
  switch (token.kind) {
    case TokenKind::kName: {
      advance();
      if (token.text == "true" || token.text == "True") return make(ExprKind::kTrue, token.line);
      if (token.text == "false" || token.text == "False") return make(ExprKind::kFalse, token.line);
      if (token.text == "none" || token.text == "None") return make(ExprKind::kNone, token.line);
      ExprPtr node = make(ExprKind::kName, token.line);
      node->name = token.text;
      node->symbol = symbol(token.text);
      if (!with_namespace || !current().is_operator(".")) return node;
      advance();
      if (current().kind != TokenKind::kName) return fail(fmt::format("expected a name, got {}", describe(current())));
      // The namespace is a name of its own, so that its slot is found like any other's.
      ExprPtr reference = make(ExprKind::kNamespaceRef, token.line);
      reference->name = advance().text;
      reference->children.push_back(std::move(node));
      return reference;
    }
    case TokenKind::kString: {
      ExprPtr node = make(ExprKind::kString, token.line);
      while (current().kind == TokenKind::kString) node->name += advance().text;
      node->symbol = template_.constants++;
      return node;
    }
    case TokenKind::kInteger:
    case TokenKind::kFloat: {
      ExprPtr node = make(token.kind == TokenKind::kInteger ? ExprKind::kInteger : ExprKind::kFloat, token.line);
      node->integer = token.integer;
      node->number = token.number;
      advance();
      return node;
    }
    default: break;
  }
  if (skip_operator("(")) {
    GALAGO_TRY(ExprPtr node, parse_tuple({.explicit_parentheses = true}));
    GALAGO_CHECK(expect_operator(")"));
    return node;
  }
  if (token.is_operator("[")) return parse_list();
  if (token.is_operator("{")) return parse_dict();
  return fail(fmt::format("unexpected {}", describe(token)));
}

Result<ExprPtr> Parser::parse_tuple(const TupleRules& rules) {
  const Nested nested(*this);
  GALAGO_CHECK(check_nesting());
  int line = current().line;
  std::vector<ExprPtr> items;
  bool is_tuple = false;
  while (true) {
    if (!items.empty()) GALAGO_CHECK(expect_operator(","));
    const Token& token = current();
    if (token.kind == TokenKind::kVariableEnd || token.kind == TokenKind::kBlockEnd || token.is_operator(")") ||
        (!rules.end_name.empty() && token.is_name(rules.end_name))) {
      break;
    }
    GALAGO_TRY(ExprPtr item, rules.is_target ? parse_primary(rules.with_namespace) : expression(rules.with_condition));
    items.push_back(std::move(item));
    if (!current().is_operator(",")) break;
    is_tuple = true;
    line = current().line;
  }
  if (!is_tuple) {
    if (!items.empty()) return std::move(items[0]);
    if (!rules.explicit_parentheses) return fail(fmt::format("expected an expression, got {}", describe(current())));
  }
  ExprPtr node = make(ExprKind::kTuple, line);
  node->children = std::move(items);
  return measured(std::move(node));
}

Result<ExprPtr> Parser::parse_list() {
  ExprPtr node = make(ExprKind::kList, advance().line);
  while (!current().is_operator("]")) {
    if (!node->children.empty()) GALAGO_CHECK(expect_operator(","));
    if (current().is_operator("]")) break;
    GALAGO_TRY(ExprPtr item, expression());
    node->children.push_back(std::move(item));
  }
  advance();
  return measured(std::move(node));
}

Result<ExprPtr> Parser::parse_dict() {
  ExprPtr node = make(ExprKind::kDict, advance().line);
  while (!current().is_operator("}")) {
    if (!node->children.empty()) GALAGO_CHECK(expect_operator(","));
    if (current().is_operator("}")) break;
    GALAGO_TRY(ExprPtr key, expression());
    GALAGO_CHECK(expect_operator(":"));
    GALAGO_TRY(ExprPtr value, expression());
    node->children.push_back(std::move(key));
    node->children.push_back(std::move(value));
  }
  advance();
  return measured(std::move(node));
}

Result<ExprPtr> Parser::parse_postfix(ExprPtr node) {
  while (true) {
    if (current().is_operator(".") || current().is_operator("[")) {
      GALAGO_TRY(node, parse_subscript(std::move(node)));
    } else if (current().is_operator("(")) {
      GALAGO_TRY(node, parse_call(std::move(node)));
    } else {
      return node;
    }
  }
}

Result<ExprPtr> Parser::parse_filters_and_tests(ExprPtr node) {
  while (true) {
    if (current().is_operator("|")) {
      GALAGO_TRY(node, parse_filters(std::move(node), false));
    } else if (current().is_name("is")) {
      GALAGO_TRY(node, parse_test(std::move(node)));
    } else if (current().is_operator("(")) {
      GALAGO_TRY(node, parse_call(std::move(node)));
    } else {
      return node;
    }
  }
}

Result<ExprPtr> Parser::parse_subscript(ExprPtr node) {
  const Token& token = advance();
  if (token.text == ".") {
    const Token& attribute = advance();
    if (attribute.kind == TokenKind::kName) {
      GALAGO_TRY(ExprPtr access, join(ExprKind::kGetAttr, token.line, std::move(node), nullptr));
      access->name = attribute.text;
      return access;
    }
    if (attribute.kind != TokenKind::kInteger) return fail_at(attribute.line, "expected a name or a number after '.'");
    ExprPtr index = make(ExprKind::kInteger, attribute.line);
    index->integer = attribute.integer;
    return join(ExprKind::kGetItem, token.line, std::move(node), std::move(index));
  }
  GALAGO_TRY(ExprPtr key, parse_subscribed());
  if (current().is_operator(",")) return unsupported("a subscript with a comma is");
  GALAGO_CHECK(expect_operator("]"));
  return join(ExprKind::kGetItem, token.line, std::move(node), std::move(key));
}

Result<ExprPtr> Parser::parse_subscribed() {
  ExprPtr slice = make(ExprKind::kSlice, current().line);
  slice->children.resize(3);
  const auto ends = [this] { return current().is_operator("]") || current().is_operator(","); };
  if (!current().is_operator(":")) {
    GALAGO_TRY(ExprPtr start, expression());
    if (!current().is_operator(":")) return start;
    slice->children[0] = std::move(start);
  }
  advance();
  if (!current().is_operator(":") && !ends()) {
    GALAGO_TRY(slice->children[1], expression());
  }
  if (skip_operator(":") && !ends()) {
    GALAGO_TRY(slice->children[2], expression());
  }
  return measured(std::move(slice));
}

Result<ExprPtr> Parser::parse_call(ExprPtr node) {
  const int line = current().line;
  GALAGO_TRY(auto arguments, parse_call_arguments());
  ExprPtr call = make(ExprKind::kCall, line);
  call->children.push_back(std::move(node));
  call->call = std::move(arguments);
  return measured(std::move(call));
}

Result<std::unique_ptr<CallArguments>> Parser::parse_call_arguments() {
  const int line = current().line;
  GALAGO_CHECK(expect_operator("("));
  auto arguments = std::make_unique<CallArguments>();
  bool any = false;
  while (!current().is_operator(")")) {
    if (any) {
      GALAGO_CHECK(expect_operator(","));
      if (current().is_operator(")")) break;
    }
    any = true;
    if (current().is_operator("*") || current().is_operator("**")) return unsupported("an argument with a star is");
    if (current().kind == TokenKind::kName && ahead().is_operator("=")) {
      std::string key = advance().text;
      advance();
      for (const auto& [known, value] : arguments->keyword) {
        if (known == key) return fail_at(line, fmt::format("the keyword argument '{}' is repeated", key));
      }
      GALAGO_TRY(ExprPtr value, expression());
      arguments->keyword.emplace_back(std::move(key), std::move(value));
    } else {
      if (!arguments->keyword.empty()) return fail_at(line, "a positional argument follows one with a name");
      GALAGO_TRY(ExprPtr value, expression());
      arguments->positional.push_back(std::move(value));
    }
  }
  advance();
  return arguments;
}

Result<std::string> Parser::dotted_name() {
  if (current().kind != TokenKind::kName) return fail(fmt::format("expected a name, got {}", describe(current())));
  std::string name = advance().text;
  while (skip_operator(".")) {
    if (current().kind != TokenKind::kName) return fail(fmt::format("expected a name, got {}", describe(current())));
    name += "." + advance().text;
  }
  return name;
}

Result<ExprPtr> Parser::parse_filters(ExprPtr node, bool start_inline) {
  while (start_inline || current().is_operator("|")) {
    if (!start_inline) advance();
    start_inline = false;
    ExprPtr filter = make(ExprKind::kFilter, current().line);
    GALAGO_TRY(filter->name, dotted_name());
    filter->call = std::make_unique<CallArguments>();
    if (current().is_operator("(")) {
      GALAGO_TRY(filter->call, parse_call_arguments());
    }
    filter->children.push_back(std::move(node));
    GALAGO_TRY(node, measured(std::move(filter)));
  }
  return node;
}

Result<ExprPtr> Parser::parse_test(ExprPtr node) {
  const int line = advance().line;
  const bool negated = skip_name("not");
  ExprPtr test = make(ExprKind::kTest, line);
  GALAGO_TRY(test->name, dotted_name());
  test->call = std::make_unique<CallArguments>();
  const Token& token = current();
  const bool starts_argument = token.kind == TokenKind::kName || token.kind == TokenKind::kString ||
                               token.kind == TokenKind::kInteger || token.kind == TokenKind::kFloat ||
                               token.is_operator("[") || token.is_operator("{");
  if (token.is_operator("(")) {
    GALAGO_TRY(test->call, parse_call_arguments());
  } else if (starts_argument && !token.is_name("else") && !token.is_name("or") && !token.is_name("and")) {
    if (token.is_name("is")) return fail("tests cannot be chained with 'is'");
    GALAGO_TRY(ExprPtr argument, parse_primary());
    GALAGO_TRY(argument, parse_postfix(std::move(argument)));
    test->call->positional.push_back(std::move(argument));
  }
  test->children.push_back(std::move(node));
  GALAGO_TRY(test, measured(std::move(test)));
  if (!negated) return test;
  return join(ExprKind::kNot, line, std::move(test), nullptr);
}

Status Parser::check_target(const Expr& node) const {
  switch (node.kind) {
    case ExprKind::kName:
      if (!is_reserved(node.name)) return {};
      break;
    case ExprKind::kNamespaceRef: return {};
    case ExprKind::kTuple:
      for (const ExprPtr& child : node.children) GALAGO_CHECK(check_target(*child));
      return {};
    default: break;
  }
  return fail_at(node.line, "cannot assign to this expression");
}

Result<ExprPtr> Parser::parse_target(std::string_view end_name, bool with_namespace) {
  GALAGO_TRY(ExprPtr node, parse_tuple({.is_target = true, .with_namespace = with_namespace, .end_name = end_name}));
  GALAGO_CHECK(check_target(*node));
  return node;
}

Result<ExprPtr> Parser::name_target() {
  if (current().kind != TokenKind::kName) return fail(fmt::format("expected a name, got {}", describe(current())));
  ExprPtr node = make(ExprKind::kName, current().line);
  node->name = advance().text;
  node->symbol = symbol(node->name);
  GALAGO_CHECK(check_target(*node));
  return node;
}

}  // namespace galago::text::jinja
