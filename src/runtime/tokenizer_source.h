// The tokenizer and the chat template that a checkpoint brings.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "formats/checkpoint.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace galago::runtime {

// From a GGUF's vocabulary, tokenizer.json, or vocab.json with merges.txt. kNotFound when it brings none.
Result<text::Tokenizer> load_tokenizer(const formats::Checkpoint& checkpoint);

// The template named `name` ("default"), or `fallback` when the checkpoint brings none; nothing when both lack.
Result<std::optional<text::ChatTemplate>> load_chat_template(const formats::Checkpoint& checkpoint,
                                                             const std::string& fallback,
                                                             std::string_view name = "default");

// bos_token, eos_token, unk_token and pad_token as a template sees them.
std::map<std::string, std::string> special_tokens(const text::Tokenizer& tokenizer);

}  // namespace galago::runtime
