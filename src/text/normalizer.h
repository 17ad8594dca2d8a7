// What is done to a text before it is split: Unicode forms, lower case, replacements.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/scanner.h"
#include "text/unicode.h"

namespace galago::text {

struct ToForm {
  NormalizationForm form = NormalizationForm::kNfc;
};
struct Lowercase {};
struct Prepend {
  std::string text;  // not put before an empty text
};
struct Append {
  std::string text;
};
struct Replace {
  Scanner what;
  std::string with;
};
Replace replace_string(std::string what, std::string with);
struct Strip {
  bool left = true, right = true;
};
// SentencePiece's remove_extra_whitespaces: runs of spaces become one, none at the ends.
struct CollapseSpaces {};

using NormalizerStep = std::variant<ToForm, Lowercase, Prepend, Append, Replace, Strip, CollapseSpaces>;

std::string normalize(const std::vector<NormalizerStep>& steps, std::string_view text);

}  // namespace galago::text
