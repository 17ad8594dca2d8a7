#include "text/jinja/parser.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/try.h"
#include "text/jinja/parser_nesting.h"

namespace galago::text::jinja {

namespace {

bool is_any(const Token& token, std::span<const std::string_view> names) {
  return token.kind == TokenKind::kName && std::find(names.begin(), names.end(), token.text) != names.end();
}

std::string join_names(std::span<const std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) out += fmt::format("{}'{}'", out.empty() ? "" : " or ", name);
  return out;
}

}  // namespace

const Token& Parser::advance() {
  const Token& token = tokens_[pos_];
  if (pos_ + 1 < tokens_.size()) ++pos_;
  return token;
}

bool Parser::skip_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  advance();
  return true;
}

bool Parser::skip_operator(std::string_view op) {
  if (!current().is_operator(op)) return false;
  advance();
  return true;
}

Status Parser::expect_name(std::string_view name) {
  if (skip_name(name)) return {};
  return fail(fmt::format("expected '{}', got {}", name, describe(current())));
}

Status Parser::expect_operator(std::string_view op) {
  if (skip_operator(op)) return {};
  return fail(fmt::format("expected '{}', got {}", op, describe(current())));
}

Status Parser::expect_kind(TokenKind kind, std::string_view what) {
  if (current().kind != kind) return fail(fmt::format("expected {}, got {}", what, describe(current())));
  advance();
  return {};
}

Error Parser::fail_at(int line, std::string_view message) const {
  return template_error(ErrorCode::kCorrupt, name_, line, message);
}

Error Parser::unsupported(std::string_view what) const {
  return template_error(ErrorCode::kUnsupported, name_, current().line, what);
}

std::unique_ptr<Stmt> Parser::new_statement(StmtKind kind) const {
  auto node = std::make_unique<Stmt>();
  node->kind = kind;
  node->line = current().line;
  return node;
}

Result<Block> Parser::run() { return subparse({}); }

Result<Block> Parser::subparse(Names end_names) {
  Block body;
  std::unique_ptr<Stmt> output;
  const auto add = [&](ExprPtr expr) {
    if (!output) output = new_statement(StmtKind::kOutput);
    output->exprs.push_back(std::move(expr));
  };
  while (current().kind != TokenKind::kEnd) {
    if (current().kind == TokenKind::kData) {
      ExprPtr data = make(ExprKind::kString, current().line);
      data->name = advance().text;
      data->constant = -1;
      add(std::move(data));
    } else if (current().kind == TokenKind::kVariableBegin) {
      advance();
      GALAGO_TRY(ExprPtr value, parse_tuple({}));
      add(std::move(value));
      GALAGO_CHECK(expect_kind(TokenKind::kVariableEnd, "the end of the print statement"));
    } else {
      if (output) body.push_back(std::move(output));
      GALAGO_CHECK(expect_kind(TokenKind::kBlockBegin, "a tag"));
      if (is_any(current(), end_names)) return body;
      GALAGO_TRY(auto node, statement());
      body.push_back(std::move(node));
      GALAGO_CHECK(expect_kind(TokenKind::kBlockEnd, "the end of the statement block"));
    }
  }
  if (output) body.push_back(std::move(output));
  return body;
}

Result<Block> Parser::statements(Names end_names, bool drop_end) {
  GALAGO_TRY(const Nesting nesting, Nesting::enter(*this));
  skip_operator(":");
  GALAGO_CHECK(expect_kind(TokenKind::kBlockEnd, "the end of the statement block"));
  GALAGO_TRY(Block body, subparse(end_names));
  if (current().kind == TokenKind::kEnd) {
    return fail(fmt::format("the template ends where {} is expected", join_names(end_names)));
  }
  if (drop_end) advance();
  return body;
}

Result<std::unique_ptr<Stmt>> Parser::statement() {
  if (current().kind != TokenKind::kName)
    return fail(fmt::format("expected a tag's name, got {}", describe(current())));
  const std::string& tag = current().text;
  if (tag == "for") return parse_for();
  if (tag == "if") return parse_if();
  if (tag == "set") return parse_set();
  if (tag == "with") return parse_with();
  if (tag == "macro") return parse_macro();
  if (tag == "call") return parse_call_block();
  if (tag == "filter") return parse_filter_block();
  if (tag == "generation") return parse_generation();
  if (tag == "print") return parse_print();
  if (tag == "break" || tag == "continue") {
    auto node = new_statement(tag == "break" ? StmtKind::kBreak : StmtKind::kContinue);
    advance();
    return node;
  }
  constexpr std::array<std::string_view, 6> kOther = {"include", "import", "from", "extends", "block", "autoescape"};
  if (is_any(current(), kOther)) {
    return unsupported(
        fmt::format("the tag '{}' is not supported: a chat template is one file without inheritance", tag));
  }
  return fail(fmt::format("unknown tag '{}'", tag));
}

Result<std::unique_ptr<Stmt>> Parser::parse_for() {
  auto node = new_statement(StmtKind::kFor);
  advance();
  GALAGO_TRY(auto variable, target("in", false));
  node->targets.push_back(std::move(variable));
  GALAGO_CHECK(expect_name("in"));
  GALAGO_TRY(auto iterable, parse_tuple({.with_condition = false, .end_name = "recursive"}));
  node->exprs.push_back(std::move(iterable));
  if (skip_name("if")) {
    GALAGO_TRY(node->test, expression());
  }
  node->recursive = skip_name("recursive");
  constexpr std::array<std::string_view, 2> kEnds = {"endfor", "else"};
  GALAGO_TRY(auto body, statements(kEnds, false));
  node->bodies.push_back(std::move(body));
  if (advance().text != "endfor") {
    node->has_otherwise = true;
    GALAGO_TRY(node->otherwise, statements(std::span(kEnds).first(1), true));
    // An empty else is none.
    node->has_otherwise = !node->otherwise.empty();
  }
  return node;
}

Result<std::unique_ptr<Stmt>> Parser::parse_if() {
  auto node = new_statement(StmtKind::kIf);
  advance();
  constexpr std::array<std::string_view, 3> kEnds = {"elif", "else", "endif"};
  while (true) {
    GALAGO_TRY(auto test, parse_tuple({.with_condition = false}));
    node->exprs.push_back(std::move(test));
    GALAGO_TRY(auto body, statements(kEnds, false));
    node->bodies.push_back(std::move(body));
    const std::string end = advance().text;
    if (end == "elif") continue;
    if (end == "else") {
      node->has_otherwise = true;
      GALAGO_TRY(node->otherwise, statements(std::span(kEnds).last(1), true));
    }
    return node;
  }
}

Result<std::unique_ptr<Stmt>> Parser::parse_set() {
  auto node = new_statement(StmtKind::kSet);
  advance();
  GALAGO_TRY(auto variable, target({}, true));
  node->targets.push_back(std::move(variable));
  if (skip_operator("=")) {
    GALAGO_TRY(node->value, parse_tuple({}));
    return node;
  }
  node->kind = StmtKind::kSetBlock;
  GALAGO_TRY(node->value, parse_filters(nullptr, false));
  constexpr std::array<std::string_view, 1> kEnds = {"endset"};
  GALAGO_TRY(auto body, statements(kEnds, true));
  node->bodies.push_back(std::move(body));
  return node;
}

Result<std::unique_ptr<Stmt>> Parser::parse_with() {
  auto node = new_statement(StmtKind::kWith);
  advance();
  while (current().kind != TokenKind::kBlockEnd) {
    if (!node->targets.empty()) GALAGO_CHECK(expect_operator(","));
    GALAGO_TRY(auto variable, target({}, false));
    node->targets.push_back(std::move(variable));
    GALAGO_CHECK(expect_operator("="));
    GALAGO_TRY(auto value, expression());
    node->exprs.push_back(std::move(value));
  }
  constexpr std::array<std::string_view, 1> kEnds = {"endwith"};
  GALAGO_TRY(auto body, statements(kEnds, true));
  node->bodies.push_back(std::move(body));
  return node;
}

Status Parser::parse_signature(Function& function) {
  GALAGO_CHECK(expect_operator("("));
  while (!current().is_operator(")")) {
    if (!function.parameters.empty()) GALAGO_CHECK(expect_operator(","));
    GALAGO_TRY(auto parameter, name_target());
    const auto& known = function.parameters;
    if (std::find(known.begin(), known.end(), parameter->name) != known.end()) {
      return fail(fmt::format("the parameter '{}' is declared twice", parameter->name));
    }
    if (skip_operator("=")) {
      GALAGO_TRY(auto value, expression());
      function.defaults.push_back(std::move(value));
    } else if (!function.defaults.empty()) {
      return fail("a parameter without a default follows one with a default");
    }
    function.parameters.push_back(std::move(parameter->name));
  }
  return expect_operator(")");
}

Result<std::unique_ptr<Stmt>> Parser::parse_macro() {
  auto node = new_statement(StmtKind::kMacro);
  advance();
  GALAGO_TRY(auto name, name_target());
  node->name = std::move(name->name);
  node->function = std::make_unique<Function>();
  GALAGO_CHECK(parse_signature(*node->function));
  constexpr std::array<std::string_view, 1> kEnds = {"endmacro"};
  GALAGO_TRY(auto body, statements(kEnds, true));
  node->bodies.push_back(std::move(body));
  return node;
}

Result<std::unique_ptr<Stmt>> Parser::parse_call_block() {
  auto node = new_statement(StmtKind::kCallBlock);
  advance();
  node->name = "caller";
  node->function = std::make_unique<Function>();
  if (current().is_operator("(")) GALAGO_CHECK(parse_signature(*node->function));
  GALAGO_TRY(node->value, expression());
  if (node->value->kind != ExprKind::kCall) return fail_at(node->line, "a call block needs a call");
  constexpr std::array<std::string_view, 1> kEnds = {"endcall"};
  GALAGO_TRY(auto body, statements(kEnds, true));
  node->bodies.push_back(std::move(body));
  return node;
}

Result<std::unique_ptr<Stmt>> Parser::parse_filter_block() {
  auto node = new_statement(StmtKind::kFilterBlock);
  advance();
  GALAGO_TRY(node->value, parse_filters(nullptr, true));
  constexpr std::array<std::string_view, 1> kEnds = {"endfilter"};
  GALAGO_TRY(auto body, statements(kEnds, true));
  node->bodies.push_back(std::move(body));
  return node;
}

Result<std::unique_ptr<Stmt>> Parser::parse_generation() {
  auto node = new_statement(StmtKind::kGeneration);
  advance();
  node->name = "caller";
  node->function = std::make_unique<Function>();
  constexpr std::array<std::string_view, 1> kEnds = {"endgeneration"};
  GALAGO_TRY(auto body, statements(kEnds, true));
  node->bodies.push_back(std::move(body));
  return node;
}

Result<std::unique_ptr<Stmt>> Parser::parse_print() {
  auto node = new_statement(StmtKind::kOutput);
  advance();
  while (current().kind != TokenKind::kBlockEnd) {
    if (!node->exprs.empty()) GALAGO_CHECK(expect_operator(","));
    GALAGO_TRY(auto value, expression());
    node->exprs.push_back(std::move(value));
  }
  return node;
}

Result<Template> parse_template(std::string_view source, std::string name) {
  GALAGO_TRY(auto tokens, tokenize(source, name));
  Parser parser(std::move(tokens), name);
  GALAGO_TRY(Block body, parser.run());
  Template result;
  result.name = std::move(name);
  result.body = std::move(body);
  result.constants = parser.constants();
  return result;
}

}  // namespace galago::text::jinja
