// Cuts a template into tokens as jinja2 does with trim_blocks and lstrip_blocks on and keep_trailing_newline off.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "galago/result.h"

namespace galago::text::jinja {

enum class TokenKind : std::uint8_t {
  kData,
  kVariableBegin,
  kVariableEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  int line = 1;
  std::string text;  // data, a name, a string's value, an operator, a number's digits
  std::int64_t integer = 0;
  double number = 0;

  bool is_operator(std::string_view op) const { return kind == TokenKind::kOperator && text == op; }
  bool is_name(std::string_view name) const { return kind == TokenKind::kName && text == name; }
};

// How a token is called in errors.
std::string describe(const Token& token);

// The last token is kEnd. `name` stands for the template in errors; `source` is UTF-8.
Result<std::vector<Token>> tokenize(std::string_view source, std::string_view name);

// "<template>:<line>: <message>" as an error.
Error template_error(ErrorCode code, std::string_view name, int line, std::string_view message);

}  // namespace galago::text::jinja
