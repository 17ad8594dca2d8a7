#include "text/jinja/parser.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/try.h"
#include "text/jinja/check.h"

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

Status Parser::check_nesting() const {
  if (nesting_ <= kMaxNesting) return {};
  return template_error(ErrorCode::kOutOfRange, name_, current().line,
                        fmt::format("nested deeper than {} levels", kMaxNesting));
}

Error Parser::fail_at(int line, std::string_view message) const {
  return template_error(ErrorCode::kCorrupt, name_, line, message);
}

Error Parser::unsupported(std::string_view what) const {
  return template_error(ErrorCode::kUnsupported, name_, current().line, fmt::format("{} not supported here", what));
}

int Parser::symbol(const std::string& name) {
  const auto [it, is_new] = symbols_.try_emplace(name, static_cast<int>(symbols_.size()));
  if (is_new) template_.names.push_back(name);
  return it->second;
}

std::unique_ptr<Stmt> Parser::new_statement(StmtKind kind) const {
  auto node = std::make_unique<Stmt>();
  node->kind = kind;
  node->line = current().line;
  return node;
}

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
  const Nested nested(*this);
  GALAGO_CHECK(check_nesting());
  skip_operator(":");
  GALAGO_CHECK(expect_kind(TokenKind::kBlockEnd, "the end of the statement block"));
  GALAGO_TRY(Block body, subparse(end_names));
  if (current().kind == TokenKind::kEnd) {
    return fail(fmt::format("the template ends where {} is expected", join_names(end_names)));
  }
  if (drop_end) advance();
  return body;
}

Status Parser::parse_body(Stmt& node, std::string_view end) {
  GALAGO_TRY(auto body, statements(std::span(&end, 1), true));
  node.bodies.push_back(std::move(body));
  return {};
}

Result<std::unique_ptr<Stmt>> Parser::statement() {
  if (current().kind != TokenKind::kName) {
    return fail(fmt::format("expected a tag's name, got {}", describe(current())));
  }
  const std::string& tag = current().text;
  if (tag == "for") return parse_for();
  if (tag == "if") return parse_if();
  if (tag == "set") return parse_set();
  if (tag == "macro") return parse_macro();
  if (tag == "filter") return parse_filter_block();
  if (tag == "generation") return parse_generation();
  if (tag == "break" || tag == "continue") {
    auto node = new_statement(tag == "break" ? StmtKind::kBreak : StmtKind::kContinue);
    advance();
    return node;
  }
  constexpr std::array<std::string_view, 9> kOther = {"include",    "import", "from", "extends", "block",
                                                      "autoescape", "call",   "with", "print"};
  if (is_any(current(), kOther)) return unsupported(fmt::format("the tag '{}' is", tag));
  return fail(fmt::format("unknown tag '{}'", tag));
}

Result<std::unique_ptr<Stmt>> Parser::parse_for() {
  auto node = new_statement(StmtKind::kFor);
  advance();
  GALAGO_TRY(node->target, parse_target("in", false));
  GALAGO_CHECK(expect_name("in"));
  GALAGO_TRY(auto iterable, parse_tuple({.with_condition = false, .end_name = "recursive"}));
  node->exprs.push_back(std::move(iterable));
  if (skip_name("if")) {
    GALAGO_TRY(node->value, expression());
  }
  if (current().is_name("recursive")) return unsupported("a recursive loop is");
  constexpr std::array<std::string_view, 2> kEnds = {"endfor", "else"};
  GALAGO_TRY(auto body, statements(kEnds, false));
  node->bodies.push_back(std::move(body));
  if (advance().text != "endfor") {
    GALAGO_TRY(node->otherwise, statements(std::span(kEnds).first(1), true));
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
      GALAGO_TRY(node->otherwise, statements(std::span(kEnds).last(1), true));
    }
    return node;
  }
}

Result<std::unique_ptr<Stmt>> Parser::parse_set() {
  auto node = new_statement(StmtKind::kSet);
  advance();
  GALAGO_TRY(node->target, parse_target({}, true));
  if (skip_operator("=")) {
    GALAGO_TRY(node->value, parse_tuple({}));
    return node;
  }
  node->kind = StmtKind::kSetBlock;
  GALAGO_TRY(node->value, parse_filters(nullptr, false));
  GALAGO_CHECK(parse_body(*node, "endset"));
  return node;
}

Result<std::unique_ptr<Stmt>> Parser::parse_macro() {
  auto node = new_statement(StmtKind::kMacro);
  advance();
  GALAGO_TRY(node->target, name_target());
  GALAGO_CHECK(expect_operator("("));
  while (!current().is_operator(")")) {
    if (!node->names.empty()) GALAGO_CHECK(expect_operator(","));
    GALAGO_TRY(auto parameter, name_target());
    for (const ExprPtr& known : node->names) {
      if (known->name == parameter->name) return fail(fmt::format("the parameter '{}' is declared twice", known->name));
    }
    if (skip_operator("=")) {
      GALAGO_TRY(auto value, expression());
      node->exprs.push_back(std::move(value));
    } else if (!node->exprs.empty()) {
      return fail("a parameter without a default follows one with a default");
    }
    node->names.push_back(std::move(parameter));
  }
  GALAGO_CHECK(expect_operator(")"));
  GALAGO_CHECK(parse_body(*node, "endmacro"));
  return node;
}

Result<std::unique_ptr<Stmt>> Parser::parse_filter_block() {
  auto node = new_statement(StmtKind::kFilterBlock);
  advance();
  GALAGO_TRY(node->value, parse_filters(nullptr, true));
  GALAGO_CHECK(parse_body(*node, "endfilter"));
  return node;
}

// transformers' mark of what the assistant wrote.
Result<std::unique_ptr<Stmt>> Parser::parse_generation() {
  auto node = new_statement(StmtKind::kGeneration);
  advance();
  GALAGO_CHECK(parse_body(*node, "endgeneration"));
  return node;
}

Result<Template> Parser::run() {
  template_.loop_symbol = symbol("loop");
  GALAGO_TRY(template_.body, subparse({}));
  template_.name = std::string(name_);
  GALAGO_CHECK(check_template(template_));
  return std::move(template_);
}

Result<Template> parse_template(std::string_view source, std::string name) {
  GALAGO_TRY(auto tokens, tokenize(source, name));
  return Parser(std::move(tokens), name).run();
}

}  // namespace galago::text::jinja
