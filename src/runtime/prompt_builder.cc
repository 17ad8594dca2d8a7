#include "runtime/prompt_builder.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "media/image_decode.h"
#include "runtime/tokenizer_source.h"

namespace galago::runtime {
namespace {

// The pictures among the parts, decoded.
Status load_images(std::span<const Part> parts, std::vector<Image>& images) {
  for (const Part& part : parts) {
    if (const auto* pixels = std::get_if<Image>(&part)) images.push_back(*pixels);
    if (const auto* file = std::get_if<ImageFile>(&part)) {
      GALAGO_TRY(Image image, media::load_image(file->path));
      images.push_back(std::move(image));
    }
  }
  return {};
}

}  // namespace

Result<models::PreparedPrompt> PromptBuilder::prepare(const models::PromptText& prompt,
                                                      std::span<const Image> images) const {
  GALAGO_TRY(const text::Tokenizer* tokenizer, engine_->tokenizer());
  GALAGO_TRY(models::PreparedPrompt prepared,
             engine_->model().processor().prepare(*tokenizer, prompt, images, /*add_special=*/true));
  if (prepared.ids.empty()) return error(ErrorCode::kInvalidArgument, "the prompt is empty");
  return prepared;
}

Result<models::PreparedPrompt> PromptBuilder::of_messages(std::span<const Message> messages) {
  const std::string placeholder = engine_->model().processor().image_placeholder();
  if (!format_) {
    const auto& chat_template = engine_->chat_template();
    if (!chat_template) {
      return error(ErrorCode::kUnsupported,
                   "{} brings no chat template; continue a raw prompt instead (--raw, Session::complete)",
                   engine_->description().name);
    }
    GALAGO_TRY(const text::Tokenizer* tokenizer, engine_->tokenizer());
    format_.emplace(*chat_template, special_tokens(*tokenizer), placeholder);
  }
  std::vector<Image> images;
  for (const Message& message : messages) {
    const bool has_pictures = std::any_of(message.parts.begin(), message.parts.end(),
                                          [](const Part& part) { return !std::holds_alternative<std::string>(part); });
    if (has_pictures && placeholder.empty()) {
      return error(ErrorCode::kUnsupported, "{} reads text only and cannot look at pictures",
                   engine_->description().name);
    }
    GALAGO_CHECK(load_images(message.parts, images));
  }
  GALAGO_TRY(const RenderedPrompt prompt, format_->render(messages));
  return prepare({prompt.text, prompt.literals}, images);
}

Result<models::PreparedPrompt> PromptBuilder::of_text(std::string_view text, std::span<const Part> parts) const {
  std::vector<Image> images;
  GALAGO_CHECK(load_images(parts, images));
  return prepare(text, images);
}

}  // namespace galago::runtime
