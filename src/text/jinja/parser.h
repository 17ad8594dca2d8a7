// The grammar of the template language: jinja2's, with the tags break, continue and generation, without those that no
// published chat template uses.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "galago/result.h"
#include "text/jinja/ast.h"
#include "text/jinja/lexer.h"

namespace galago::text::jinja {

// Nesting of expressions and blocks that the parser accepts; far more than jinja2, whose own recursion ends near 60.
inline constexpr int kMaxNesting = 200;
// Height of an expression: a chain of operators or of attributes is parsed without recursion, but evaluated with it.
inline constexpr int kMaxHeight = 300;

// `source` is UTF-8. Refuses what jinja2's compiler refuses, and what is not supported here.
Result<Template> parse_template(std::string_view source, std::string name);

class Parser {
 public:
  Parser(std::vector<Token> tokens, std::string_view name) : tokens_(std::move(tokens)), name_(name) {}
  Result<Template> run();

 private:
  using Names = std::span<const std::string_view>;
  // Counts how deep the recursion is, so that a hostile template cannot exhaust the stack.
  struct Nested {
    explicit Nested(Parser& owner) : parser(owner) { ++parser.nesting_; }
    ~Nested() { --parser.nesting_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;
    Parser& parser;
  };
  Status check_nesting() const;

  const Token& current() const { return tokens_[pos_]; }
  const Token& ahead() const { return tokens_[std::min(pos_ + 1, tokens_.size() - 1)]; }
  const Token& advance();
  bool skip_name(std::string_view name);
  bool skip_operator(std::string_view op);
  Status expect_name(std::string_view name);
  Status expect_operator(std::string_view op);
  Status expect_kind(TokenKind kind, std::string_view what);
  Error fail(std::string_view message) const { return fail_at(current().line, message); }
  Error fail_at(int line, std::string_view message) const;
  Error unsupported(std::string_view what) const;
  int symbol(const std::string& name);

  // Statements (parser.cc).
  Result<Block> subparse(Names end_names);
  Result<Block> statements(Names end_names, bool drop_end);
  Result<std::unique_ptr<Stmt>> statement();
  Status parse_body(Stmt& node, std::string_view end);
  Result<std::unique_ptr<Stmt>> parse_for();
  Result<std::unique_ptr<Stmt>> parse_if();
  Result<std::unique_ptr<Stmt>> parse_set();
  Result<std::unique_ptr<Stmt>> parse_macro();
  Result<std::unique_ptr<Stmt>> parse_filter_block();
  Result<std::unique_ptr<Stmt>> parse_generation();
  std::unique_ptr<Stmt> new_statement(StmtKind kind) const;

  // Expressions (parser_expressions.cc).
  Result<ExprPtr> expression(bool with_condition = true);
  Result<ExprPtr> parse_chain(int level);
  Result<ExprPtr> parse_not();
  Result<ExprPtr> parse_compare();
  Result<ExprPtr> parse_concat();
  Result<ExprPtr> parse_unary(bool with_filter);
  Result<ExprPtr> parse_primary(bool with_namespace = false);
  struct TupleRules {
    bool is_target = false;  // primaries alone
    bool with_condition = true;
    bool explicit_parentheses = false;
    bool with_namespace = false;
    std::string_view end_name = {};
  };
  Result<ExprPtr> parse_tuple(const TupleRules& rules);
  Result<ExprPtr> parse_list();
  Result<ExprPtr> parse_dict();
  Result<ExprPtr> parse_postfix(ExprPtr node);
  Result<ExprPtr> parse_filters_and_tests(ExprPtr node);
  Result<ExprPtr> parse_subscript(ExprPtr node);
  Result<ExprPtr> parse_subscribed();
  Result<ExprPtr> parse_call(ExprPtr node);
  Result<std::unique_ptr<CallArguments>> parse_call_arguments();
  // `node` may be null: the filters of a filter block.
  Result<ExprPtr> parse_filters(ExprPtr node, bool start_inline);
  Result<ExprPtr> parse_test(ExprPtr node);
  Result<std::string> dotted_name();
  Result<ExprPtr> parse_target(std::string_view end_name, bool with_namespace);
  Result<ExprPtr> name_target();
  Status check_target(const Expr& node) const;

  ExprPtr make(ExprKind kind, int line) const;
  // Fails when the tree grows too high. `right` may be null.
  Result<ExprPtr> join(ExprKind kind, int line, ExprPtr left, ExprPtr right);
  Result<ExprPtr> measured(ExprPtr node) const;

  std::vector<Token> tokens_;
  std::string_view name_;
  std::size_t pos_ = 0;
  int nesting_ = 0;
  Template template_;
  std::map<std::string, int> symbols_;
};

}  // namespace galago::text::jinja
