#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/try.h"
#include "text/jinja/parser.h"
#include "text/jinja/parser_nesting.h"

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

}  // namespace

ExprPtr Parser::make(ExprKind kind, int line) const {
  auto node = std::make_unique<Expr>();
  node->kind = kind;
  node->line = line;
  return node;
}

Status Parser::measure(Expr& node) const {
  int height = 0;
  const auto see = [&height](const ExprPtr& child) {
    if (child) height = std::max(height, child->height);
  };
  for (const ExprPtr& child : node.children) see(child);
  if (node.call) {
    for (const ExprPtr& child : node.call->positional) see(child);
    for (const auto& [name, child] : node.call->keyword) see(child);
    see(node.call->rest);
    see(node.call->rest_keywords);
  }
  node.height = height + 1;
  if (node.height <= kMaxHeight) return {};
  return template_error(ErrorCode::kOutOfRange, name_, node.line,
                        fmt::format("an expression of more than {} nested operations", kMaxHeight));
}

Result<ExprPtr> Parser::join(ExprKind kind, int line, ExprPtr left, ExprPtr right) {
  ExprPtr node = make(kind, line);
  node->children.push_back(std::move(left));
  if (right) node->children.push_back(std::move(right));
  GALAGO_CHECK(measure(*node));
  return node;
}

Result<ExprPtr> Parser::expression(bool with_condition) {
  GALAGO_TRY(const Nesting nesting, Nesting::enter(*this));
  int line = current().line;
  GALAGO_TRY(ExprPtr node, parse_or());
  while (with_condition && skip_name("if")) {
    GALAGO_TRY(ExprPtr test, parse_or());
    ExprPtr otherwise;
    if (skip_name("else")) {
      GALAGO_TRY(otherwise, expression());
    }
    ExprPtr condition = make(ExprKind::kCondition, line);
    condition->children.push_back(std::move(test));
    condition->children.push_back(std::move(node));
    condition->children.push_back(std::move(otherwise));
    GALAGO_CHECK(measure(*condition));
    node = std::move(condition);
    line = current().line;
  }
  return node;
}

Result<ExprPtr> Parser::parse_or() {
  int line = current().line;
  GALAGO_TRY(ExprPtr left, parse_and());
  while (skip_name("or")) {
    GALAGO_TRY(ExprPtr right, parse_and());
    GALAGO_TRY(left, join(ExprKind::kOr, line, std::move(left), std::move(right)));
    line = current().line;
  }
  return left;
}

Result<ExprPtr> Parser::parse_and() {
  int line = current().line;
  GALAGO_TRY(ExprPtr left, parse_not());
  while (skip_name("and")) {
    GALAGO_TRY(ExprPtr right, parse_not());
    GALAGO_TRY(left, join(ExprKind::kAnd, line, std::move(left), std::move(right)));
    line = current().line;
  }
  return left;
}

Result<ExprPtr> Parser::parse_not() {
  if (!current().is_name("not")) return parse_compare();
  GALAGO_TRY(const Nesting nesting, Nesting::enter(*this));
  const int line = advance().line;
  GALAGO_TRY(ExprPtr operand, parse_not());
  return join(ExprKind::kNot, line, std::move(operand), nullptr);
}

Result<ExprPtr> Parser::parse_compare() {
  const int line = current().line;
  GALAGO_TRY(ExprPtr first, parse_sum());
  ExprPtr node;
  while (true) {
    CompareOp op{};
    const auto* known = std::find_if(kCompareOperators.begin(), kCompareOperators.end(),
                                     [this](const NamedCompare& c) { return current().is_operator(c.text); });
    if (known != kCompareOperators.end()) {
      op = known->op;
      advance();
    } else if (skip_name("in")) {
      op = CompareOp::kIn;
    } else if (current().is_name("not") && ahead().is_name("in")) {
      op = CompareOp::kNotIn;
      advance();
      advance();
    } else {
      break;
    }
    if (!node) {
      node = make(ExprKind::kCompare, line);
      node->children.push_back(std::move(first));
    }
    GALAGO_TRY(ExprPtr operand, parse_sum());
    node->operators.push_back(op);
    node->children.push_back(std::move(operand));
  }
  if (!node) return first;
  GALAGO_CHECK(measure(*node));
  return node;
}

Result<ExprPtr> Parser::parse_sum() {
  int line = current().line;
  GALAGO_TRY(ExprPtr left, parse_concat());
  while (current().is_operator("+") || current().is_operator("-")) {
    const ExprKind kind = advance().text == "+" ? ExprKind::kAdd : ExprKind::kSubtract;
    GALAGO_TRY(ExprPtr right, parse_concat());
    GALAGO_TRY(left, join(kind, line, std::move(left), std::move(right)));
    line = current().line;
  }
  return left;
}

Result<ExprPtr> Parser::parse_concat() {
  const int line = current().line;
  GALAGO_TRY(ExprPtr first, parse_product());
  if (!current().is_operator("~")) return first;
  ExprPtr node = make(ExprKind::kConcat, line);
  node->children.push_back(std::move(first));
  while (skip_operator("~")) {
    GALAGO_TRY(ExprPtr next, parse_product());
    node->children.push_back(std::move(next));
  }
  GALAGO_CHECK(measure(*node));
  return node;
}

Result<ExprPtr> Parser::parse_product() {
  int line = current().line;
  GALAGO_TRY(ExprPtr left, parse_power());
  while (true) {
    ExprKind kind{};
    if (current().is_operator("*")) {
      kind = ExprKind::kMultiply;
    } else if (current().is_operator("/")) {
      kind = ExprKind::kDivide;
    } else if (current().is_operator("//")) {
      kind = ExprKind::kFloorDivide;
    } else if (current().is_operator("%")) {
      kind = ExprKind::kModulo;
    } else {
      return left;
    }
    advance();
    GALAGO_TRY(ExprPtr right, parse_power());
    GALAGO_TRY(left, join(kind, line, std::move(left), std::move(right)));
    line = current().line;
  }
}

Result<ExprPtr> Parser::parse_power() {
  int line = current().line;
  GALAGO_TRY(ExprPtr left, parse_unary(true));
  while (skip_operator("**")) {
    GALAGO_TRY(ExprPtr right, parse_unary(true));
    GALAGO_TRY(left, join(ExprKind::kPower, line, std::move(left), std::move(right)));
    line = current().line;
  }
  return left;
}

Result<ExprPtr> Parser::parse_unary(bool with_filter) {
  const int line = current().line;
  ExprPtr node;
  if (current().is_operator("-") || current().is_operator("+")) {
    GALAGO_TRY(const Nesting nesting, Nesting::enter(*this));
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
      node->constant = constants_++;
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
  GALAGO_TRY(const Nesting nesting, Nesting::enter(*this));
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
    GALAGO_TRY(ExprPtr item, rules.simplified ? parse_primary(rules.with_namespace) : expression(rules.with_condition));
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
  GALAGO_CHECK(measure(*node));
  return node;
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
  GALAGO_CHECK(measure(*node));
  return node;
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
  GALAGO_CHECK(measure(*node));
  return node;
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
      access->constant = constants_++;
      return access;
    }
    if (attribute.kind != TokenKind::kInteger) return fail_at(attribute.line, "expected a name or a number after '.'");
    ExprPtr index = make(ExprKind::kInteger, attribute.line);
    index->integer = attribute.integer;
    return join(ExprKind::kGetItem, token.line, std::move(node), std::move(index));
  }
  std::vector<ExprPtr> items;
  while (!current().is_operator("]")) {
    if (!items.empty()) GALAGO_CHECK(expect_operator(","));
    GALAGO_TRY(ExprPtr item, parse_subscribed());
    items.push_back(std::move(item));
  }
  advance();
  if (items.size() == 1) return join(ExprKind::kGetItem, token.line, std::move(node), std::move(items[0]));
  if (std::any_of(items.begin(), items.end(), [](const ExprPtr& e) { return e->kind == ExprKind::kSlice; })) {
    return unsupported("a subscript with several slices is not supported");
  }
  ExprPtr tuple = make(ExprKind::kTuple, token.line);
  tuple->children = std::move(items);
  GALAGO_CHECK(measure(*tuple));
  return join(ExprKind::kGetItem, token.line, std::move(node), std::move(tuple));
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
  GALAGO_CHECK(measure(*slice));
  return slice;
}

Result<ExprPtr> Parser::parse_call(ExprPtr node) {
  const int line = current().line;
  GALAGO_TRY(auto arguments, parse_call_arguments());
  ExprPtr call = make(ExprKind::kCall, line);
  call->children.push_back(std::move(node));
  call->call = std::move(arguments);
  GALAGO_CHECK(measure(*call));
  return call;
}

Result<std::unique_ptr<CallArguments>> Parser::parse_call_arguments() {
  const int line = current().line;
  GALAGO_CHECK(expect_operator("("));
  auto arguments = std::make_unique<CallArguments>();
  const auto misplaced = [&] { return fail_at(line, "an argument stands where it may not in this call"); };
  bool any = false;
  while (!current().is_operator(")")) {
    if (any) {
      GALAGO_CHECK(expect_operator(","));
      if (current().is_operator(")")) break;
    }
    any = true;
    if (skip_operator("*")) {
      if (arguments->rest || arguments->rest_keywords) return misplaced();
      GALAGO_TRY(arguments->rest, expression());
    } else if (skip_operator("**")) {
      if (arguments->rest_keywords) return misplaced();
      GALAGO_TRY(arguments->rest_keywords, expression());
    } else if (current().kind == TokenKind::kName && ahead().is_operator("=")) {
      if (arguments->rest_keywords) return misplaced();
      std::string key = advance().text;
      advance();
      for (const auto& [known, value] : arguments->keyword) {
        if (known == key) return fail_at(line, fmt::format("the keyword argument '{}' is repeated", key));
      }
      GALAGO_TRY(ExprPtr value, expression());
      arguments->keyword.emplace_back(std::move(key), std::move(value));
    } else {
      if (arguments->rest || arguments->rest_keywords || !arguments->keyword.empty()) return misplaced();
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
    GALAGO_CHECK(measure(*filter));
    node = std::move(filter);
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
  GALAGO_CHECK(measure(*test));
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

Result<ExprPtr> Parser::target(std::string_view end_name, bool with_namespace) {
  GALAGO_TRY(ExprPtr node, parse_tuple({.simplified = true, .with_namespace = with_namespace, .end_name = end_name}));
  GALAGO_CHECK(check_target(*node));
  return node;
}

Result<ExprPtr> Parser::name_target() {
  if (current().kind != TokenKind::kName) return fail(fmt::format("expected a name, got {}", describe(current())));
  ExprPtr node = make(ExprKind::kName, current().line);
  node->name = advance().text;
  GALAGO_CHECK(check_target(*node));
  return node;
}

}  // namespace galago::text::jinja
