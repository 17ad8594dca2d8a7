#include "runtime/chat_format.h"

#include <algorithm>

#include "base/json.h"
#include "base/try.h"
#include "models/processor.h"

namespace galago::runtime {
namespace {

constexpr std::string_view kNeedle = "Galago probes";

Json text_part(std::string_view text) { return {{"type", "text"}, {"text", text}}; }

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// A template that takes content for text writes a list as Python or JSON prints it.
bool is_printed_list(std::string_view rendered, std::size_t needle) {
  std::string_view before = rendered.substr(0, needle);
  return before.ends_with("'text': '") || before.ends_with("\"text\": \"") || before.ends_with("\"text\":\"");
}

}  // namespace

ChatFormat::ChatFormat(text::ChatTemplate chat_template, std::map<std::string, std::string> special_tokens,
                       std::string placeholder)
    : template_(std::move(chat_template)),
      special_tokens_(std::move(special_tokens)),
      placeholder_(std::move(placeholder)) {}

Result<std::string> ChatFormat::render_json(const Json& messages) const {
  return template_.render({.messages = messages, .add_generation_prompt = true, .special_tokens = special_tokens_});
}

const ChatFormat::Reads& ChatFormat::reads(const std::string& role) {
  const auto known = reads_.find(role);
  if (known != reads_.end()) return known->second;
  return reads_.emplace(role, probe(role)).first->second;
}

// Templates refuse conversations that do not begin with a user's message, so one is put where it is missing. Other
// roles (tools' answers) come with fields that a probe cannot know; their content is what a user's is.
ChatFormat::Reads ChatFormat::probe(const std::string& role) {
  const bool is_user = role == "user";
  if (!is_user && role != "system" && role != "assistant") return reads("user");
  const auto rendered = [&](Json content) -> std::string {
    Json messages = Json::array();
    const auto add_user = [&] {
      messages.push_back({{"role", "user"}, {"content", content_of("user", {{.text = "Hello."}})}});
    };
    if (role == "assistant") add_user();
    messages.push_back({{"role", role}, {"content", std::move(content)}});
    if (!is_user) add_user();
    Result<std::string> text = render_json(messages);
    return text.ok() ? std::move(text).value() : "";
  };
  const auto places = [&](const std::string& text) { return models::find_placeholders(text, placeholder_).size(); };

  Reads reads;
  reads.text = rendered(kNeedle).find(kNeedle) != std::string::npos;
  const std::string with_parts = rendered(Json::array({text_part(kNeedle)}));
  const std::size_t needle = with_parts.find(kNeedle);
  reads.parts = needle != std::string::npos && !is_printed_list(with_parts, needle);
  if (reads.parts && !placeholder_.empty()) {
    const std::string with_image = rendered(Json::array({Json{{"type", "image"}}, text_part(kNeedle)}));
    reads.images = with_image.find(kNeedle) != std::string::npos && places(with_image) == places(with_parts) + 1;
  }
  return reads;
}

// A message's parts, texts that follow each other joined.
std::vector<ChatFormat::Chunk> ChatFormat::chunks_of(const Message& message) const {
  std::vector<Chunk> chunks;
  for (const Part& part : message.parts) {
    const auto* text = std::get_if<std::string>(&part);
    if (text != nullptr && !chunks.empty() && !chunks.back().is_picture) {
      chunks.back().text += *text;
    } else {
      chunks.push_back({text == nullptr, text != nullptr ? *text : ""});
    }
  }
  return chunks;
}

// Text where the template reads it, as it is what tools for text give it; typed parts where it reads nothing else, or
// where it writes the placeholders itself.
Json ChatFormat::content_of(const std::string& role, const std::vector<Chunk>& chunks) {
  const Reads known = reads(role);
  const bool has_pictures =
      std::any_of(chunks.begin(), chunks.end(), [](const Chunk& chunk) { return chunk.is_picture; });
  const bool places_pictures = has_pictures && known.images;
  const bool typed = places_pictures || (!known.text && known.parts);
  if (places_pictures || (typed && !has_pictures)) {
    Json parts = Json::array();
    for (const Chunk& chunk : chunks)
      parts.push_back(chunk.is_picture ? Json{{"type", "image"}} : text_part(chunk.text));
    return parts;
  }
  std::string text;
  for (const Chunk& chunk : chunks) text += chunk.is_picture ? placeholder_ + "\n" : chunk.text;
  if (typed) return Json::array({text_part(text)});
  return text;
}

// A text that stands in no message and not in the template, of characters that Unicode keeps free.
std::string ChatFormat::unused_mark(std::span<const Message> messages) const {
  const auto occurs = [&](const std::string& mark) {
    if (template_.source().find(mark) != std::string::npos) return true;
    for (const Message& message : messages) {
      for (const Part& part : message.parts) {
        const auto* text = std::get_if<std::string>(&part);
        if (text != nullptr && text->find(mark) != std::string::npos) return true;
      }
    }
    return false;
  };
  for (int i = 0;; ++i) {
    std::string mark = "\uFDD0" + std::to_string(i) + "\uFDD1";
    if (!occurs(mark)) return mark;
  }
}

Result<RenderedPrompt> ChatFormat::render(std::span<const Message> messages) {
  const std::string mark = unused_mark(messages);
  Json json = Json::array();
  for (const Message& message : messages) {
    std::vector<Chunk> chunks = chunks_of(message);
    if (!placeholder_.empty()) {
      for (Chunk& chunk : chunks) replace_all(chunk.text, placeholder_, mark);
    }
    json.push_back({{"role", message.role}, {"content", content_of(message.role, chunks)}});
  }
  GALAGO_TRY(const std::string marked, render_json(json));
  RenderedPrompt prompt;
  std::size_t done = 0;
  for (std::size_t at = marked.find(mark); at != std::string::npos; at = marked.find(mark, done)) {
    prompt.text.append(marked, done, at - done);
    prompt.literals.push_back({prompt.text.size(), prompt.text.size() + placeholder_.size()});
    prompt.text += placeholder_;
    done = at + mark.size();
  }
  prompt.text.append(marked, done);
  return prompt;
}

}  // namespace galago::runtime
