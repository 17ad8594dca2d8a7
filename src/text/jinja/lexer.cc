#include "text/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/error.h"
#include "text/jinja/characters.h"
#include "text/jinja/number_text.h"
#include "text/unicode.h"

namespace galago::text::jinja {

namespace {

// Longest first: "//" before "/".
constexpr std::array<std::string_view, 27> kOperators = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                         "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                         ">",  "<",  "=",  ".",  ":",  "|",  ",", ";", ""};

// Names are ASCII here; Python allows letters of all scripts.
bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

// "\r\n" and "\r" become "\n", and one newline at the end is dropped.
std::string normalize_newlines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
      continue;
    }
    text += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

class Lexer {
 public:
  Lexer(std::string source, std::string_view name) : source_(std::move(source)), text_(source_), name_(name) {}

  Result<std::vector<Token>> run();

 private:
  // The tag that starts at `at`, if one does.
  struct Tag {
    enum class Type : std::uint8_t { kVariable, kBlock, kComment, kRaw } type;
    char sign;        // '-', '+' or 0
    std::size_t end;  // behind the tag's opening
  };
  std::optional<Tag> tag_at(std::size_t at) const;
  std::optional<std::size_t> raw_opening(std::size_t after_sign) const;
  std::size_t skip_space(std::size_t at) const;
  bool starts(std::size_t at, std::string_view what) const { return text_.substr(at, what.size()) == what; }
  Error fail(std::string_view message) const { return template_error(ErrorCode::kCorrupt, name_, line_, message); }

  // The data before a tag with the given sign, with the whitespace that the tag eats taken off.
  std::string_view strip_data(std::string_view data, char sign, bool is_variable) const;
  void push(TokenKind kind, std::string text);
  void count_lines(std::string_view passed) {
    line_ += static_cast<int>(std::count(passed.begin(), passed.end(), '\n'));
  }
  // The end of a block or comment tag at `at` ("%}" with its optional sign): the position behind it and what it eats.
  std::optional<std::size_t> closing(std::size_t at, std::string_view end, bool plus, bool trim_newline) const;

  Status comment(std::size_t at);
  Status raw(std::size_t at);
  Status tag_body(bool is_block);
  Status token(bool& balanced_end);
  Status number();
  Status string(char quote);
  Status op();

  std::string source_;
  std::string_view text_;
  std::string_view name_;
  std::size_t pos_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<char> open_;  // the closing brackets that are awaited
  std::vector<Token> tokens_;
};

void Lexer::push(TokenKind kind, std::string text) {
  Token token;
  token.kind = kind;
  token.line = line_;
  token.text = std::move(text);
  tokens_.push_back(std::move(token));
}

std::size_t Lexer::skip_space(std::size_t at) const {
  while (at < text_.size()) {
    const Decoded c = decode_utf8(text_, at);
    if (!is_space(c.code_point)) break;
    at += c.size;
  }
  return at;
}

std::optional<std::size_t> Lexer::closing(std::size_t at, std::string_view end, bool plus, bool trim_newline) const {
  if (plus && at < text_.size() && text_[at] == '+' && starts(at + 1, end)) return at + 1 + end.size();
  if (at < text_.size() && text_[at] == '-' && starts(at + 1, end)) return skip_space(at + 1 + end.size());
  if (!starts(at, end)) return std::nullopt;
  const std::size_t behind = at + end.size();
  return trim_newline && behind < text_.size() && text_[behind] == '\n' ? behind + 1 : behind;
}

std::optional<std::size_t> Lexer::raw_opening(std::size_t after_sign) const {
  std::size_t at = skip_space(after_sign);
  if (!starts(at, "raw")) return std::nullopt;
  at = skip_space(at + 3);
  return closing(at, "%}", false, false);
}

std::optional<Lexer::Tag> Lexer::tag_at(std::size_t at) const {
  if (at + 1 >= text_.size() || text_[at] != '{') return std::nullopt;
  Tag tag{};
  switch (text_[at + 1]) {
    case '{': tag.type = Tag::Type::kVariable; break;
    case '%': tag.type = Tag::Type::kBlock; break;
    case '#': tag.type = Tag::Type::kComment; break;
    default: return std::nullopt;
  }
  tag.end = at + 2;
  if (tag.end < text_.size() && (text_[tag.end] == '-' || text_[tag.end] == '+')) {
    tag.sign = text_[tag.end];
    ++tag.end;
  }
  if (tag.type == Tag::Type::kBlock) {
    if (const auto end = raw_opening(tag.end)) {
      tag.type = Tag::Type::kRaw;
      tag.end = *end;
    }
  }
  return tag;
}

std::string_view Lexer::strip_data(std::string_view data, char sign, bool is_variable) const {
  if (sign == '-') return strip_right(data);
  if (sign == '+' || is_variable) return data;
  const std::size_t newline = data.rfind('\n');
  const std::size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
  if (line_start == 0 && !line_starting_) return data;
  return strip_right(data.substr(line_start)).empty() ? data.substr(0, line_start) : data;
}

Status Lexer::comment(std::size_t at) {
  for (std::size_t i = at; i < text_.size(); ++i) {
    if (const auto end = closing(i, "#}", true, true)) {
      count_lines(text_.substr(at, *end - at));
      line_starting_ = text_[*end - 1] == '\n';
      pos_ = *end;
      return {};
    }
    i = std::min(text_.find_first_of("+-#", i + 1), text_.size()) - 1;
  }
  // jinja2 finds nothing to complain about where nothing follows.
  if (at < text_.size()) return fail("a comment is not closed: expected '#}'");
  pos_ = at;
  return {};
}

Status Lexer::raw(std::size_t at) {
  for (std::size_t i = text_.find("{%", at); i != std::string_view::npos; i = text_.find("{%", i + 1)) {
    std::size_t word = i + 2;
    char sign = 0;
    if (word < text_.size() && (text_[word] == '-' || text_[word] == '+')) sign = text_[word++];
    word = skip_space(word);
    if (!starts(word, "endraw")) continue;
    const auto end = closing(skip_space(word + 6), "%}", true, true);
    if (!end) continue;
    const std::string_view data = text_.substr(at, i - at);
    const std::string_view kept = strip_data(data, sign, false);
    if (!kept.empty()) push(TokenKind::kData, std::string(kept));
    count_lines(text_.substr(at, *end - at));
    line_starting_ = text_[*end - 1] == '\n';
    pos_ = *end;
    return {};
  }
  if (at < text_.size()) return fail("a raw block is not closed: expected 'endraw'");
  pos_ = at;
  return {};
}

Status Lexer::number() {
  NumberToken number;
  if (auto message = scan_number(text_, pos_, number)) {
    return template_error(ErrorCode::kUnsupported, name_, line_, *message);
  }
  push(number.is_float ? TokenKind::kFloat : TokenKind::kInteger, std::string(text_.substr(pos_, number.size)));
  tokens_.back().integer = number.integer;
  tokens_.back().number = number.number;
  pos_ += number.size;
  return {};
}

Status Lexer::string(char quote) {
  std::size_t end = pos_ + 1;
  while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? 2 : 1;
  if (end >= text_.size()) return fail(fmt::format("unexpected char {:?} at {}", std::string(1, quote), pos_));
  const std::string_view raw = text_.substr(pos_ + 1, end - pos_ - 1);
  std::string value;
  if (auto message = decode_escapes(raw, value)) return fail(*message);
  push(TokenKind::kString, std::move(value));
  count_lines(raw);
  pos_ = end + 1;
  return {};
}

Status Lexer::op() {
  for (const std::string_view candidate : kOperators) {
    if (candidate.empty() || !starts(pos_, candidate)) continue;
    const char c = candidate[0];
    if (c == '(' || c == '[' || c == '{') {
      open_.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    } else if (c == ')' || c == ']' || c == '}') {
      if (open_.empty()) return fail(fmt::format("unexpected '{}'", c));
      if (open_.back() != c) return fail(fmt::format("unexpected '{}', expected '{}'", c, open_.back()));
      open_.pop_back();
    }
    push(TokenKind::kOperator, std::string(candidate));
    pos_ += candidate.size();
    return {};
  }
  const Decoded c = decode_utf8(text_, pos_);
  return fail(fmt::format("unexpected char '{}'", text_.substr(pos_, c.size)));
}

Status Lexer::tag_body(bool is_block) {
  while (pos_ < text_.size()) {
    if (open_.empty()) {
      const auto end = is_block ? closing(pos_, "%}", true, true) : closing(pos_, "}}", false, false);
      if (end) {
        push(is_block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, {});
        count_lines(text_.substr(pos_, *end - pos_));
        line_starting_ = text_[*end - 1] == '\n';
        pos_ = *end;
        return {};
      }
    }
    const Decoded c = decode_utf8(text_, pos_);
    if (is_space(c.code_point)) {
      if (c.code_point == '\n') ++line_;
      pos_ += c.size;
    } else if (text_[pos_] >= '0' && text_[pos_] <= '9') {
      if (auto status = number(); !status.ok()) return status;
    } else if (is_word(text_[pos_])) {
      std::size_t end = pos_;
      while (end < text_.size() && is_word(text_[end])) ++end;
      push(TokenKind::kName, std::string(text_.substr(pos_, end - pos_)));
      pos_ = end;
    } else if (c.code_point == '\'' || c.code_point == '"') {
      if (auto status = string(static_cast<char>(c.code_point)); !status.ok()) return status;
    } else if (auto status = op(); !status.ok()) {
      return status;
    }
  }
  return {};
}

Result<std::vector<Token>> Lexer::run() {
  while (pos_ < text_.size()) {
    std::size_t at = pos_;
    std::optional<Tag> tag;
    while ((at = text_.find('{', at)) != std::string_view::npos && !(tag = tag_at(at))) ++at;
    if (!tag) {
      push(TokenKind::kData, std::string(text_.substr(pos_)));
      break;
    }
    const std::string_view data = text_.substr(pos_, at - pos_);
    const std::string_view kept = strip_data(data, tag->sign, tag->type == Tag::Type::kVariable);
    if (!kept.empty()) push(TokenKind::kData, std::string(kept));
    count_lines(data);
    line_starting_ = false;
    pos_ = tag->end;
    Status status;
    switch (tag->type) {
      case Tag::Type::kComment: status = comment(pos_); break;
      case Tag::Type::kRaw:
        // Whitespace behind "-%}" belongs to the opening.
        count_lines(text_.substr(at, pos_ - at));
        line_starting_ = text_[pos_ - 1] == '\n';
        status = raw(pos_);
        break;
      default:
        push(tag->type == Tag::Type::kBlock ? TokenKind::kBlockBegin : TokenKind::kVariableBegin, {});
        status = tag_body(tag->type == Tag::Type::kBlock);
    }
    if (!status.ok()) return std::move(status).error();
  }
  push(TokenKind::kEnd, {});
  return std::move(tokens_);
}

}  // namespace

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kData: return "template text";
    case TokenKind::kVariableBegin: return "'{{'";
    case TokenKind::kVariableEnd: return "'}}'";
    case TokenKind::kBlockBegin: return "'{%'";
    case TokenKind::kBlockEnd: return "'%}'";
    case TokenKind::kString: return "a string";
    case TokenKind::kEnd: return "the end of the template";
    default: return fmt::format("'{}'", token.text);
  }
}

Error template_error(ErrorCode code, std::string_view name, int line, std::string_view message) {
  std::string one_line(message);
  std::replace_if(one_line.begin(), one_line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return error(code, "{}:{}: {}", name, line, one_line);
}

Result<std::vector<Token>> tokenize(std::string_view source, std::string_view name) {
  return Lexer(normalize_newlines(source), name).run();
}

}  // namespace galago::text::jinja
