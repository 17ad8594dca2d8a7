// From messages, or from a raw prompt, to what the model's entries take.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "galago/session.h"
#include "models/processor.h"
#include "runtime/chat_format.h"
#include "runtime/engine.h"

namespace galago::runtime {

class PromptBuilder {
 public:
  explicit PromptBuilder(std::shared_ptr<const Engine> engine) : engine_(std::move(engine)) {}

  // The prompt that asks for an answer to the messages, by the model's chat template.
  Result<models::PreparedPrompt> of_messages(std::span<const Message> messages);
  // `text` as it is; a placeholder in it is the place of a picture.
  Result<models::PreparedPrompt> of_text(std::string_view text, std::span<const Part> images) const;

 private:
  Result<models::PreparedPrompt> prepare(const models::PromptText& prompt, std::span<const Image> images) const;

  std::shared_ptr<const Engine> engine_;
  std::optional<ChatFormat> format_;  // made when it is first needed
};

}  // namespace galago::runtime
