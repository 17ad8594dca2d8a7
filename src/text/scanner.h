// Linear scanners for the patterns that published pre-tokenizers write as regular expressions. Two forms cover them:
// WordRules, the family that GPT-2's pattern began (letters, digits, punctuation, white space, each with variations),
// and RunRules, runs of one character class. No backtracking: scanning costs O(text) whatever the text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace galago::text {

// A half-open range of bytes.
struct Span {
  std::uint32_t begin = 0, end = 0;
};

// Alternatives in the order of the fields; each is what the comment's expression says.
struct WordRules {
  enum class Contractions : std::uint8_t { kNone, kExact, kIgnoreCase };
  enum class Prefix : std::uint8_t { kNone, kSpace, kAnyOther };  // '', ' ?', '[^\r\n\p{L}\p{N}]?'
  std::vector<std::string> literals;                              // matched first, as they stand
  Contractions contractions = Contractions::kExact;               // 's|'t|'re|'ve|'m|'ll|'d
  Prefix letter_prefix = Prefix::kSpace;                          // before \p{L}+
  bool marks_are_letters = false;                                 // [\p{L}\p{M}] where \p{L} stands
  bool digit_space = true;                                        // ' ?' before \p{N}
  std::uint32_t max_digits = 0;                                   // \p{N}{1,max_digits}; 0: \p{N}+
  bool punctuation_space = true;                                  // ' ?' before [^\s\p{L}\p{N}]+
  std::string_view punctuation_tail;                              // characters of '[\r\n]*' behind it
  bool newline_runs = false;                                      // \s*[\r\n]+
  bool white_space = true;                                        // \s+(?!\S)|\s+
};

// A set of code points: categories and ranges, possibly complemented.
struct CharClass {
  std::uint32_t mask = 0;                // categories in the set
  std::vector<std::uint32_t> not_masks;  // each adds what has none of these categories (\S, \P{L})
  std::vector<std::pair<char32_t, char32_t>> ranges;
  bool complement = false;
  bool contains(char32_t code_point) const;
};

// Alternatives, each "prefix? class{min,max}"; max 0 means without limit.
struct RunRules {
  struct Run {
    std::optional<CharClass> prefix;
    CharClass of;
    std::uint32_t min = 1, max = 0;
  };
  std::vector<Run> runs;
};

// \s+$ : the white space at the very end.
struct TrailingSpace {};

// The string as it stands.
struct Literal {
  std::string text;
};

using Scanner = std::variant<WordRules, RunRules, TrailingSpace, Literal>;

// The matches in `text` (valid UTF-8), leftmost first, none empty.
void find_matches(const Scanner& scanner, std::string_view text, std::vector<Span>& matches);

// The scanner that does what `pattern` says: one of the published patterns, or alternatives of runs
// ("\p{N}{1,3}", "\s?\p{P}+", "[^\n]+|[\n]+"). Nothing when it is neither.
std::optional<Scanner> scanner_for_regex(std::string_view pattern);

}  // namespace galago::text
