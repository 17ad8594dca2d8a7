// From the regular expression of a tokenizer.json to a scanner: published patterns by their text, and a reader for
// alternatives of character-class runs.
#include <algorithm>
#include <array>

#include "text/published_patterns.h"
#include "text/scanner.h"
#include "text/unicode.h"

namespace galago::text {
namespace {

struct Published {
  std::string_view pattern;
  WordRules rules;
};

WordRules llama3_rules() {
  return {.literals = {},
          .contractions = WordRules::Contractions::kIgnoreCase,
          .letter_prefix = WordRules::Prefix::kAnyOther,
          .digit_space = false,
          .max_digits = 3,
          .punctuation_tail = "\r\n",
          .newline_runs = true};
}

WordRules with_digits(WordRules rules, std::uint32_t max_digits) {
  rules.max_digits = max_digits;
  return rules;
}

WordRules qwen35_rules() {
  WordRules rules = with_digits(llama3_rules(), 1);
  rules.marks_are_letters = true;
  return rules;
}

WordRules clip_rules() {
  return {.literals = {"<|startoftext|>", "<|endoftext|>"},
          .contractions = WordRules::Contractions::kExact,
          .letter_prefix = WordRules::Prefix::kNone,
          .digit_space = false,
          .max_digits = 1,
          .punctuation_space = false,
          .white_space = false};
}

const std::vector<Published>& published_patterns() {
  static const std::vector<Published> patterns = {
      {kGpt2Words, WordRules{}},
      {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))", WordRules{}},
      {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", WordRules{}},
      {kLlama3Words, llama3_rules()},
      {kQwen2Words, with_digits(llama3_rules(), 1)},
      {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       with_digits(llama3_rules(), 0)},
      {kQwen35Words, qwen35_rules()},
      {kClipWords, clip_rules()},
  };
  return patterns;
}

struct CategoryName {
  std::string_view name;
  std::uint32_t mask;
};

constexpr std::array<CategoryName, 16> kCategoryNames = {{{"L", kLetter},
                                                          {"Lu", kLetterUpper},
                                                          {"Ll", kLetterLower},
                                                          {"Lt", kLetterTitle},
                                                          {"Lm", kLetterModifier},
                                                          {"Lo", kLetterOther},
                                                          {"M", kMark},
                                                          {"N", kNumber},
                                                          {"Nd", kNumberDecimal},
                                                          {"Nl", kNumberLetter},
                                                          {"No", kNumberOther},
                                                          {"P", kPunctuation},
                                                          {"Pc", kConnector},
                                                          {"S", kSymbol},
                                                          {"Z", kSeparator},
                                                          {"C", kOther}}};

// \w as the regular expressions of tokenizer.json mean it (Oniguruma): superscripts too, joiners not.
constexpr std::uint32_t kWord = kLetter | kMark | kNumber | kConnector | kOtherAlphabetic;
constexpr std::uint32_t kMaxCount = 64;  // a run that falls short is scanned again from each of its characters

// Reads "prefix? class quantifier | ...". Every method fails by returning nothing.
class RunReader {
 public:
  explicit RunReader(std::string_view pattern) : rest_(pattern) {}

  std::optional<RunRules> read() {
    RunRules rules;
    do {
      const auto run = read_run();
      if (!run) return std::nullopt;
      rules.runs.push_back(*run);
    } while (take('|'));
    if (!rest_.empty()) return std::nullopt;
    return rules;
  }

 private:
  bool take(char wanted) {
    if (rest_.empty() || rest_[0] != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::optional<RunRules::Run> read_run() {
    RunRules::Run run;
    auto atom = read_atom();
    if (!atom) return std::nullopt;
    if (take('?')) {
      if (!rest_.empty() && (rest_[0] == '+' || rest_[0] == '?')) return std::nullopt;
      run.prefix = std::move(atom);
      atom = read_atom();
      if (!atom) return std::nullopt;
    }
    run.of = std::move(*atom);
    if (!read_quantifier(run)) return std::nullopt;
    return run;
  }

  bool read_quantifier(RunRules::Run& run) {
    run.min = 1;
    run.max = 1;
    if (take('+')) {
      run.max = 0;
    } else if (take('{')) {
      const auto min = read_number();
      if (!min) return false;
      run.min = run.max = *min;
      if (take(',')) {
        run.max = 0;
        if (!rest_.empty() && rest_[0] != '}') {
          const auto max = read_number();
          if (!max) return false;
          run.max = *max;
        }
        if (run.max != 0 && run.max < run.min) return false;
      }
      if (!take('}') || run.min == 0) return false;
    }
    // Lazy and possessive forms, and whatever would continue the run, are other languages than ours.
    return rest_.empty() || rest_[0] == '|';
  }

  std::optional<std::uint32_t> read_number() {
    std::uint32_t value = 0;
    std::size_t digits = 0;
    while (!rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9' && digits < 4) {
      value = value * 10 + static_cast<std::uint32_t>(rest_[0] - '0');
      rest_.remove_prefix(1);
      ++digits;
    }
    if (digits == 0 || value > kMaxCount) return std::nullopt;
    return value;
  }

  std::optional<CharClass> read_atom() {
    CharClass result;
    if (take('[')) {
      if (!read_set(result)) return std::nullopt;
      return result;
    }
    if (rest_.empty() || std::string_view("(){}|*+?^$.]").find(rest_[0]) != std::string_view::npos) return std::nullopt;
    if (!read_item(result, nullptr)) return std::nullopt;
    return result;
  }

  bool read_set(CharClass& result) {
    result.complement = take('^');
    bool first = true;
    while (!rest_.empty() && (rest_[0] != ']' || first)) {
      first = false;
      if (rest_[0] == '[' || rest_.starts_with("&&")) return false;  // nested sets, intersections
      std::optional<char32_t> low;
      if (!read_item(result, &low)) return false;
      if (low && rest_.size() >= 2 && rest_[0] == '-' && rest_[1] != ']') {
        rest_.remove_prefix(1);
        std::optional<char32_t> high;
        if (!read_item(result, &high) || !high || *high < *low) return false;
        result.ranges.emplace_back(*low, *high);
      }
    }
    return take(']');
  }

  // One escape or character, added to `result`; `single` is set to the character when it is one.
  bool read_item(CharClass& result, std::optional<char32_t>* single) {
    if (rest_.empty()) return false;
    char32_t value = 0;
    if (take('\\')) {
      if (rest_.empty()) return false;
      const char escape = rest_[0];
      rest_.remove_prefix(1);
      switch (escape) {
        case 's': result.mask |= kWhiteSpace; return true;
        case 'S': result.not_masks.push_back(kWhiteSpace); return true;
        case 'd': result.mask |= kNumberDecimal; return true;
        case 'w': result.mask |= kWord; return true;
        case 'W': result.not_masks.push_back(kWord); return true;
        case 'p': return read_property(result, false);
        case 'P': return read_property(result, true);
        case 'r': value = '\r'; break;
        case 'n': value = '\n'; break;
        case 't': value = '\t'; break;
        default:
          if ((escape >= 'a' && escape <= 'z') || (escape >= 'A' && escape <= 'Z') ||
              (escape >= '0' && escape <= '9')) {
            return false;
          }
          value = static_cast<std::uint8_t>(escape);
          if (value >= 0x80) return false;
      }
    } else {
      const Decoded decoded = decode_utf8(rest_, 0);
      value = decoded.code_point;
      rest_.remove_prefix(decoded.size);
    }
    result.ranges.emplace_back(value, value);
    if (single != nullptr) *single = value;
    return true;
  }

  bool read_property(CharClass& result, bool complement) {
    if (!take('{')) return false;
    const std::size_t end = rest_.find('}');
    if (end == std::string_view::npos) return false;
    const std::string_view name = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    const auto* found = std::find_if(kCategoryNames.begin(), kCategoryNames.end(),
                                     [&](const CategoryName& candidate) { return candidate.name == name; });
    if (found == kCategoryNames.end()) return false;
    if (complement) {
      result.not_masks.push_back(found->mask);
    } else {
      result.mask |= found->mask;
    }
    return true;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<Scanner> scanner_for_regex(std::string_view pattern) {
  if (find_invalid_utf8(pattern)) return std::nullopt;
  for (const Published& published : published_patterns()) {
    if (published.pattern == pattern) return Scanner(published.rules);
  }
  if (pattern == R"(\s+$)") return Scanner(TrailingSpace{});
  if (auto runs = RunReader(pattern).read()) return Scanner(std::move(*runs));
  return std::nullopt;
}

}  // namespace galago::text
