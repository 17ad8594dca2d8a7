// How a chat template wants the content of messages, as text or as a list of typed parts, and prompts rendered so.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "galago/session.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace galago::runtime {

struct RenderedPrompt {
  std::string text;
  std::vector<text::TextRange> literals;  // what reads like the placeholder, but came in a message's text
};

class ChatFormat {
 public:
  // What a template makes of a role's messages, found out by rendering probes.
  struct Reads {
    bool text = false;    // content that is text
    bool parts = false;   // content that is a list of typed parts: {"type": "text", "text": ...}
    bool images = false;  // {"type": "image"} in such a list, for which it writes the placeholder
  };

  // `placeholder` stands for a picture in a prompt; empty: the model sees none.
  ChatFormat(text::ChatTemplate chat_template, std::map<std::string, std::string> special_tokens,
             std::string placeholder);

  // The prompt that asks for an answer. It has one placeholder for each part that is a picture, in their order, and
  // none that came in a text.
  Result<RenderedPrompt> render(std::span<const Message> messages);
  // Probes at the first call for a role.
  const Reads& reads(const std::string& role);

 private:
  struct Chunk {
    bool is_picture = false;
    std::string text;
  };
  std::vector<Chunk> chunks_of(const Message& message) const;
  Json content_of(const std::string& role, const std::vector<Chunk>& chunks);
  Result<std::string> render_json(const Json& messages) const;
  Reads probe(const std::string& role);
  std::string unused_mark(std::span<const Message> messages) const;

  text::ChatTemplate template_;
  std::map<std::string, std::string> special_tokens_;
  std::string placeholder_;
  std::map<std::string, Reads> reads_;  // by role
};

}  // namespace galago::runtime
