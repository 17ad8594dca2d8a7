#include "text/pre_tokenizer.h"

namespace galago::text {
namespace {

struct Fragment {
  Span span;
  bool match;
};

// Cuts `word` into matches and what lies between.
void cut(const SplitStage& stage, std::string_view text, Span word, std::vector<Span>& matches,
         std::vector<Fragment>& fragments) {
  fragments.clear();
  find_matches(stage.scanner, text.substr(word.begin, word.end - word.begin), matches);
  std::uint32_t done = word.begin;
  for (const Span match : matches) {
    const Span found{word.begin + match.begin, word.begin + match.end};
    if (found.begin > done) fragments.push_back({{done, found.begin}, stage.invert});
    fragments.push_back({found, !stage.invert});
    done = found.end;
  }
  if (done < word.end) fragments.push_back({{done, word.end}, stage.invert});
}

void merge_next(const std::vector<Fragment>& fragments, std::vector<Span>& out) {
  bool open = false;  // the last span is a match that waits for its successor
  for (const Fragment& fragment : fragments) {
    if (open && !fragment.match) {
      out.back().end = fragment.span.end;
    } else {
      out.push_back(fragment.span);
    }
    open = fragment.match;
  }
}

void arrange(SplitBehavior behavior, const std::vector<Fragment>& fragments, std::vector<Span>& out) {
  if (behavior == SplitBehavior::kMergedWithNext) return merge_next(fragments, out);
  for (std::size_t i = 0; i < fragments.size(); ++i) {
    const Fragment& fragment = fragments[i];
    if (behavior == SplitBehavior::kRemoved && fragment.match) continue;
    const bool joins =
        (behavior == SplitBehavior::kMergedWithPrevious && fragment.match && i > 0 && !fragments[i - 1].match) ||
        (behavior == SplitBehavior::kContiguous && i > 0 && fragments[i - 1].match == fragment.match);
    if (joins) {
      out.back().end = fragment.span.end;
    } else {
      out.push_back(fragment.span);
    }
  }
}

void apply(const SplitStage& stage, std::string& text, std::vector<Span>& words, bool) {
  std::vector<Span> out;
  std::vector<Span> matches;
  std::vector<Fragment> fragments;
  for (const Span word : words) {
    cut(stage, text, word, matches, fragments);
    arrange(stage.behavior, fragments, out);
  }
  words = std::move(out);
}

void apply(const MetaspaceStage& stage, std::string& text, std::vector<Span>& words, bool at_start) {
  std::string rewritten;
  std::vector<Span> out;
  for (const Span word : words) {
    std::string piece;
    for (const char c : std::string_view(text).substr(word.begin, word.end - word.begin)) {
      if (c == ' ') {
        piece += stage.replacement;
      } else {
        piece.push_back(c);
      }
    }
    const bool wanted = stage.prepend == MetaspaceStage::Prepend::kAlways ||
                        (stage.prepend == MetaspaceStage::Prepend::kFirst && at_start && word.begin == 0);
    if (wanted && !piece.starts_with(stage.replacement)) piece.insert(0, stage.replacement);
    const auto begin = static_cast<std::uint32_t>(rewritten.size());
    rewritten += piece;
    out.push_back({begin, static_cast<std::uint32_t>(rewritten.size())});
  }
  text = std::move(rewritten);
  words = std::move(out);
  if (!stage.split) return;
  const SplitStage split{Literal{stage.replacement}, SplitBehavior::kMergedWithNext, false};
  apply(split, text, words, at_start);
}

void apply(const PrefixSpaceStage&, std::string& text, std::vector<Span>& words, bool) {
  std::string rewritten;
  for (Span& word : words) {
    const auto begin = static_cast<std::uint32_t>(rewritten.size());
    if (text[word.begin] != ' ') rewritten.push_back(' ');
    rewritten.append(text, word.begin, word.end - word.begin);
    word = {begin, static_cast<std::uint32_t>(rewritten.size())};
  }
  text = std::move(rewritten);
}

}  // namespace

std::vector<Span> pre_tokenize(const std::vector<PreTokenizerStage>& stages, std::string& text, bool at_start) {
  std::vector<Span> words;
  if (!text.empty()) words.push_back({0, static_cast<std::uint32_t>(text.size())});
  for (const PreTokenizerStage& stage : stages) {
    std::visit([&](const auto& s) { apply(s, text, words, at_start); }, stage);
  }
  return words;
}

}  // namespace galago::text
