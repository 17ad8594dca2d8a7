#include "text/scanner.h"

#include <algorithm>

#include "text/unicode.h"

namespace galago::text {
namespace {

constexpr bool is_newline(char32_t c) { return c == '\r' || c == '\n'; }

// Walks one text by the rules of a WordRules.
class WordScan {
 public:
  WordScan(const WordRules& rules, std::string_view text)
      : rules_(rules), text_(text), letters_(kLetter | (rules.marks_are_letters ? kMark : 0u)) {}

  // The end of the match that starts at `at`, or `at` when there is none.
  std::size_t match(std::size_t at) const {
    if (const std::size_t end = literal(at); end > at) return end;
    if (const std::size_t end = contraction(at); end > at) return end;
    if (const std::size_t end = letters(at); end > at) return end;
    if (const std::size_t end = digits(at); end > at) return end;
    if (const std::size_t end = punctuation(at); end > at) return end;
    return white_space(at);
  }

 private:
  struct Char {
    char32_t code_point = 0;
    std::uint32_t size = 0;
    std::uint32_t bits = 0;  // 0 only at the end
  };

  Char peek(std::size_t at) const {
    if (at >= text_.size()) return {};
    const Decoded decoded = decode_utf8(text_, at);
    return {decoded.code_point, decoded.size, categories(decoded.code_point)};
  }

  // The end of the run of characters that have one of `wanted`, at most `limit` of them (0: any number).
  std::size_t run(std::size_t at, std::uint32_t wanted, std::uint32_t limit = 0) const {
    for (std::uint32_t count = 0; limit == 0 || count < limit; ++count) {
      const Char c = peek(at);
      if ((c.bits & wanted) == 0) break;
      at += c.size;
    }
    return at;
  }

  std::size_t literal(std::size_t at) const {
    for (const std::string& candidate : rules_.literals) {
      if (text_.substr(at).starts_with(candidate)) return at + candidate.size();
    }
    return at;
  }

  std::size_t contraction(std::size_t at) const {
    if (rules_.contractions == WordRules::Contractions::kNone || text_[at] != '\'') return at;
    const Char first = peek(at + 1);
    const char a = folded(first);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return at + 1 + first.size;
    const Char second = peek(at + 1 + first.size);
    const char b = folded(second);
    const bool pair = (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l');
    return pair ? at + 1 + first.size + second.size : at;
  }

  // The ASCII letter that `c` matches in a contraction; U+017F is the one other character that folds to one of them.
  char folded(const Char& c) const {
    if (c.code_point >= 'a' && c.code_point <= 'z') return static_cast<char>(c.code_point);
    if (rules_.contractions == WordRules::Contractions::kExact) return '\0';
    if (c.code_point >= 'A' && c.code_point <= 'Z') return static_cast<char>(c.code_point - 'A' + 'a');
    return c.code_point == 0x17F ? 's' : '\0';
  }

  std::size_t letters(std::size_t at) const {
    const Char first = peek(at);
    if ((first.bits & letters_) != 0) return run(at, letters_);
    bool prefix = false;
    switch (rules_.letter_prefix) {
      case WordRules::Prefix::kNone: break;
      case WordRules::Prefix::kSpace: prefix = first.code_point == ' '; break;
      case WordRules::Prefix::kAnyOther:
        prefix = !is_newline(first.code_point) && (first.bits & (kLetter | kNumber)) == 0;
        break;
    }
    if (!prefix) return at;
    const std::size_t end = run(at + first.size, letters_);
    return end > at + first.size ? end : at;
  }

  std::size_t digits(std::size_t at) const {
    const std::size_t begin = at + (rules_.digit_space && text_[at] == ' ' ? 1 : 0);
    const std::size_t end = run(begin, kNumber, rules_.max_digits);
    return end > begin ? end : at;
  }

  std::size_t punctuation(std::size_t at) const {
    const std::size_t begin = at + (rules_.punctuation_space && text_[at] == ' ' ? 1 : 0);
    std::size_t end = begin;
    for (Char c = peek(end); c.bits != 0 && (c.bits & (kWhiteSpace | letters_ | kNumber)) == 0; c = peek(end)) {
      end += c.size;
    }
    if (end == begin) return at;
    while (end < text_.size() && rules_.punctuation_tail.find(text_[end]) != std::string_view::npos) ++end;
    return end;
  }

  std::size_t white_space(std::size_t at) const {
    if (!rules_.white_space) return at;
    std::size_t end = at;
    std::size_t last = at;           // where the run's last character starts
    std::size_t after_newline = at;  // behind the run's last newline
    for (Char c = peek(end); (c.bits & kWhiteSpace) != 0; c = peek(end)) {
      last = end;
      end += c.size;
      if (is_newline(c.code_point)) after_newline = end;
    }
    if (rules_.newline_runs && after_newline > at) return after_newline;
    // Before a word the last character stays, to become the word's prefix.
    return end == text_.size() || last == at ? end : last;
  }

  const WordRules& rules_;
  std::string_view text_;
  std::uint32_t letters_;
};

std::size_t match_class(const CharClass& wanted, std::string_view text, std::size_t at, std::uint32_t min,
                        std::uint32_t max) {
  std::size_t end = at;
  std::uint32_t count = 0;
  while (end < text.size() && (max == 0 || count < max)) {
    const Decoded c = decode_utf8(text, end);
    if (!wanted.contains(c.code_point)) break;
    end += c.size;
    ++count;
  }
  return count >= min ? end : at;
}

std::size_t match_runs(const RunRules& rules, std::string_view text, std::size_t at) {
  for (const RunRules::Run& run : rules.runs) {
    if (run.prefix) {
      const Decoded first = decode_utf8(text, at);
      if (run.prefix->contains(first.code_point)) {
        const std::size_t begin = at + first.size;
        const std::size_t end = match_class(run.of, text, begin, run.min, run.max);
        if (end > begin) return end;
      }
    }
    const std::size_t end = match_class(run.of, text, at, run.min, run.max);
    if (end > at) return end;
  }
  return at;
}

template <class Match>
void scan(std::string_view text, std::vector<Span>& matches, const Match& match) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = match(at);
    if (end == at) {
      at += decode_utf8(text, at).size;
      continue;
    }
    matches.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end)});
    at = end;
  }
}

struct FindMatches {
  std::string_view text;
  std::vector<Span>& matches;

  void operator()(const WordRules& rules) const {
    const WordScan words(rules, text);
    scan(text, matches, [&](std::size_t at) { return words.match(at); });
  }
  void operator()(const RunRules& rules) const {
    scan(text, matches, [&](std::size_t at) { return match_runs(rules, text, at); });
  }
  void operator()(const TrailingSpace&) const {
    std::size_t begin = text.size();
    while (begin > 0) {
      std::size_t before = begin - 1;
      while (before > 0 && (static_cast<std::uint8_t>(text[before]) & 0xC0) == 0x80) --before;
      if (!is_white_space(decode_utf8(text, before).code_point)) break;
      begin = before;
    }
    if (begin < text.size()) {
      matches.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(text.size())});
    }
  }
  void operator()(const Literal& literal) const {
    if (literal.text.empty()) return;
    for (std::size_t at = text.find(literal.text); at != std::string_view::npos;
         at = text.find(literal.text, at + literal.text.size())) {
      matches.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + literal.text.size())});
    }
  }
};

}  // namespace

bool CharClass::contains(char32_t code_point) const {
  const std::uint32_t bits = categories(code_point);
  const bool inside =
      (bits & mask) != 0 ||
      std::any_of(ranges.begin(), ranges.end(),
                  [&](const auto& range) { return code_point >= range.first && code_point <= range.second; }) ||
      std::any_of(not_masks.begin(), not_masks.end(), [&](std::uint32_t m) { return (bits & m) == 0; });
  return inside != complement;
}

void find_matches(const Scanner& scanner, std::string_view text, std::vector<Span>& matches) {
  matches.clear();
  std::visit(FindMatches{text, matches}, scanner);
}

}  // namespace galago::text
