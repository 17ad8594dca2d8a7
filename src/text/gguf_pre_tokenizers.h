// The pre-tokenizers that GGUF files name in tokenizer.ggml.pre.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/pre_tokenizer.h"

namespace galago::text {

struct GgufPreTokenizer {
  std::vector<PreTokenizerStage> stages;
  bool whole_words = false;  // a word that is a token is not taken apart
  bool adds_bos = false;     // where the file does not say
};

// Nothing for a name that is not known.
std::optional<GgufPreTokenizer> gguf_pre_tokenizer(std::string_view name);

std::vector<std::string_view> gguf_pre_tokenizer_names();

}  // namespace galago::text
