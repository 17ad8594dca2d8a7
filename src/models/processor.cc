#include "models/processor.h"

#include "base/error.h"
#include "base/try.h"
#include "text/chat_template.h"

namespace galago::models {

Result<Tensor> Processor::pixels(const Image&) const {
  return error(ErrorCode::kUnsupported, "this model takes no pictures; choose one that sees, such as LLaVA");
}

Result<std::vector<text::TokenId>> encode_once(const text::Tokenizer& tokenizer, std::string_view prompt,
                                               bool add_special) {
  const bool has_bos = tokenizer.bos() && text::starts_with_token(prompt, tokenizer.spelling(*tokenizer.bos()));
  return tokenizer.encode(prompt, {.parse_special = true, .add_bos_eos = add_special && !has_bos});
}

Result<PreparedPrompt> TextProcessor::prepare(const text::Tokenizer& tokenizer, std::string_view prompt,
                                              std::span<const Image> images, bool add_special) const {
  if (!images.empty()) {
    return error(ErrorCode::kUnsupported, "{} pictures were given to a model that only reads text", images.size());
  }
  PreparedPrompt prepared;
  GALAGO_TRY(prepared.ids, encode_once(tokenizer, prompt, add_special));
  return prepared;
}

}  // namespace galago::models
