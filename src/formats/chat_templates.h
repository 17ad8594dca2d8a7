// The chat templates a checkpoint brings, wherever it keeps them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf_metadata.h"
#include "formats/side_files.h"
#include "galago/result.h"

namespace galago::formats {

// A template's source text by name: "default", "tool_use", "rag", ...
struct NamedTemplate {
  std::string name;
  std::string text;
};

// tokenizer.chat_template, and tokenizer.chat_template.NAME for each name in tokenizer.chat_templates.
Result<std::vector<NamedTemplate>> gguf_chat_templates(const GgufMetadata& metadata);

// chat_template.jinja with additional_chat_templates/NAME.jinja, else "chat_template" of tokenizer_config.json, else
// that of chat_template.json.
Result<std::vector<NamedTemplate>> hf_chat_templates(const SideFiles& files);

// A "chat_template" member: one template, or a list of {"name", "template"}. The default one comes first.
Result<std::vector<NamedTemplate>> chat_templates_from_json(const nlohmann::ordered_json& member,
                                                            std::string_view source);

}  // namespace galago::formats
