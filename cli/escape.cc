#include "cli/escape.h"

#include <fmt/format.h>

#include "text/unicode.h"

namespace galago::cli {
namespace {

constexpr char32_t kLineSeparator = 0x2028;
constexpr char32_t kParagraphSeparator = 0x2029;

void append_escaped(char32_t c, std::string& out) {
  switch (c) {
    case U'\n': out += "\\n"; return;
    case U'\r': out += "\\r"; return;
    case U'\t': out += "\\t"; return;
    default: break;
  }
  if (c < 0x80)
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<std::uint32_t>(c));
  else
    fmt::format_to(std::back_inserter(out), "\\u{{{:x}}}", static_cast<std::uint32_t>(c));
}

// kOther covers control, format (among them those that reverse the direction of text), private and unassigned ones.
bool is_hidden(char32_t c) {
  return (text::categories(c) & text::kOther) != 0 || c == kLineSeparator || c == kParagraphSeparator;
}

std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  while (!text.empty()) {
    const text::Sequence sequence = text::classify_sequence(text);
    if (sequence.state != text::SequenceState::kComplete) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(text[0]));
      text.remove_prefix(1);
      continue;
    }
    const char32_t c = text::decode_utf8(text, 0).code_point;
    if (is_hidden(c)) {
      append_escaped(c, out);
    } else {
      if (quotes && (c == U'"' || c == U'\\')) out += '\\';
      out += text.substr(0, sequence.size);
    }
    text.remove_prefix(sequence.size);
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text) { return escaped(text, false); }

std::string in_quotes(std::string_view text, std::size_t most) {
  if (text.size() <= most) return '"' + escaped(text, true) + '"';
  std::size_t cut = most;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;  // not within a character
  return '"' + escaped(text.substr(0, cut), true) + "\"...";
}

std::string for_terminal(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0x7f)
      text::append_utf8(0x2421, out);  // the symbol for delete
    else if (byte >= 0x20 || c == '\n' || c == '\t')
      out += c;
    else if (c != '\r')
      text::append_utf8(0x2400 + byte, out);  // the symbols for control characters, in their order
  }
  return out;
}

}  // namespace galago::cli
