#include "models/processor.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "text/chat_template.h"

namespace galago::models {

Result<Tensor> Processor::pixels(const Image&) const {
  return error(ErrorCode::kUnsupported, "this model takes no pictures; choose one that sees, such as LLaVA");
}

std::vector<std::size_t> find_placeholders(const PromptText& prompt, std::string_view placeholder) {
  std::vector<std::size_t> places;
  if (placeholder.empty()) return places;
  const std::string_view text = prompt.text;
  for (std::size_t at = text.find(placeholder); at != std::string_view::npos;) {
    const std::size_t end = at + placeholder.size();
    const bool literal = std::any_of(prompt.literals.begin(), prompt.literals.end(),
                                     [=](const text::TextRange& range) { return range.begin < end && at < range.end; });
    if (!literal) places.push_back(at);
    at = text.find(placeholder, literal ? at + 1 : end);
  }
  return places;
}

Result<std::vector<text::TokenId>> encode_once(const text::Tokenizer& tokenizer, const PromptText& prompt,
                                               bool add_special) {
  const bool has_bos = tokenizer.bos() && text::starts_with_token(prompt.text, tokenizer.spelling(*tokenizer.bos()));
  return tokenizer.encode(prompt.text,
                          {.parse_special = true, .add_bos_eos = add_special && !has_bos, .literals = prompt.literals});
}

Result<PreparedPrompt> TextProcessor::prepare(const text::Tokenizer& tokenizer, const PromptText& prompt,
                                              std::span<const Image> images, bool add_special) const {
  if (!images.empty()) {
    return error(ErrorCode::kUnsupported, "{} pictures were given to a model that only reads text", images.size());
  }
  PreparedPrompt prepared;
  GALAGO_TRY(prepared.ids, encode_once(tokenizer, prompt, add_special));
  return prepared;
}

}  // namespace galago::models
