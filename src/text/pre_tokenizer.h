// Cuts a normalized text into the words that are merged one by one.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/scanner.h"

namespace galago::text {

// What becomes of matches (or, inverted, of what lies between them).
enum class SplitBehavior : std::uint8_t { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };

struct SplitStage {
  Scanner scanner;
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;
};

// Spaces become `replacement`, which is also put before the words that the scheme names.
struct MetaspaceStage {
  enum class Prepend : std::uint8_t { kNever, kFirst, kAlways };
  std::string replacement = "\u2581";
  Prepend prepend = Prepend::kAlways;
  bool split = true;
};

// A space is put before each word that starts with none.
struct PrefixSpaceStage {};

using PreTokenizerStage = std::variant<SplitStage, MetaspaceStage, PrefixSpaceStage>;

// The words of `text`, which stages may rewrite. `at_start`: the text begins the whole input.
std::vector<Span> pre_tokenize(const std::vector<PreTokenizerStage>& stages, std::string& text, bool at_start);

}  // namespace galago::text
