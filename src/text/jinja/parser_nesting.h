// Counts how deep the parser's recursion is, so that a hostile template cannot exhaust the stack.
#pragma once

#include <utility>

#include "base/error.h"
#include "text/jinja/parser.h"

namespace galago::text::jinja {

class Parser::Nesting {
 public:
  static Result<Nesting> enter(Parser& parser) {
    if (parser.nesting_ >= kMaxNesting) {
      return template_error(ErrorCode::kOutOfRange, parser.name_, parser.current().line,
                            fmt::format("nested deeper than {} levels", kMaxNesting));
    }
    return Nesting(parser);
  }
  ~Nesting() {
    if (parser_) --parser_->nesting_;
  }
  Nesting(Nesting&& other) noexcept : parser_(std::exchange(other.parser_, nullptr)) {}
  Nesting& operator=(Nesting&&) = delete;

 private:
  explicit Nesting(Parser& parser) : parser_(&parser) { ++parser.nesting_; }
  Parser* parser_;
};

}  // namespace galago::text::jinja
