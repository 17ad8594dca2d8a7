#include "formats/chat_templates.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "formats/config_json.h"
#include "formats/quote.h"

namespace galago::formats {
namespace {

constexpr std::string_view kDefault = "default";
constexpr std::size_t kMaxTemplates = 64;

void put_default_first(std::vector<NamedTemplate>& templates) {
  const auto found = std::ranges::find(templates, kDefault, &NamedTemplate::name);
  if (found != templates.end()) std::rotate(templates.begin(), found, found + 1);
}

// The templates that transformers keeps beside chat_template.jinja, in alphabetical order.
Result<std::vector<NamedTemplate>> additional_templates(const SideFiles& files) {
  constexpr std::string_view kFolder = "additional_chat_templates", kExtension = ".jinja";
  std::vector<std::string> names = files.list(kFolder, kExtension);
  names.resize(std::min(names.size(), kMaxTemplates));
  std::vector<NamedTemplate> templates;
  for (const std::string& name : names) {
    GALAGO_TRY(auto text, files.read(fmt::format("{}/{}", kFolder, name)));
    if (text) templates.push_back({name.substr(0, name.size() - kExtension.size()), std::move(*text)});
  }
  return templates;
}

// The "chat_template" of a JSON file; none when the file or the member is absent.
Result<std::vector<NamedTemplate>> templates_of_file(const SideFiles& files, std::string_view file) {
  GALAGO_TRY(const auto text, files.read(file));
  if (!text) return std::vector<NamedTemplate>{};
  const std::string source = files.source(file);
  GALAGO_TRY(const Json json, parse_config(*text, source));
  const Json* member = galago::find(json, "chat_template");
  if (member == nullptr) return std::vector<NamedTemplate>{};
  return chat_templates_from_json(*member, source);
}

}  // namespace

Result<std::vector<NamedTemplate>> gguf_chat_templates(const GgufMetadata& metadata) {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  std::vector<NamedTemplate> templates;
  if (metadata.contains(kKey)) {
    GALAGO_TRY(const std::string_view text, metadata.get_string(kKey));
    templates.push_back({std::string(kDefault), std::string(text)});
  }
  if (!metadata.contains("tokenizer.chat_templates")) return templates;
  GALAGO_TRY(const auto names, metadata.get_strings("tokenizer.chat_templates"));
  for (const std::string_view name : names) {
    const std::string key = fmt::format("{}.{}", kKey, name);
    if (name == kDefault || !metadata.contains(key) || templates.size() >= kMaxTemplates) continue;
    GALAGO_TRY(const std::string_view text, metadata.get_string(key));
    templates.push_back({std::string(name), std::string(text)});
  }
  return templates;
}

Result<std::vector<NamedTemplate>> hf_chat_templates(const SideFiles& files) {
  GALAGO_TRY(auto text, files.read("chat_template.jinja"));
  if (text) {
    std::vector<NamedTemplate> templates = {{std::string(kDefault), std::move(*text)}};
    GALAGO_TRY(auto more, additional_templates(files));
    std::ranges::move(more, std::back_inserter(templates));
    return templates;
  }
  GALAGO_TRY(auto templates, templates_of_file(files, "tokenizer_config.json"));
  if (!templates.empty()) return templates;
  return templates_of_file(files, "chat_template.json");
}

Result<std::vector<NamedTemplate>> chat_templates_from_json(const Json& member, std::string_view source) {
  const auto wrong = [&](std::string_view what) {
    return error(ErrorCode::kCorrupt,
                 "{}: \"chat_template\" {}; a string or a list of {{\"name\", \"template\"}} is expected", source,
                 what);
  };
  std::vector<NamedTemplate> templates;
  if (member.is_string()) {
    templates.push_back({std::string(kDefault), member.get<std::string>()});
    return templates;
  }
  if (!member.is_array() || member.size() > kMaxTemplates) return wrong("is no string and no list of at most 64");
  for (const Json& entry : member) {
    const Json* name = galago::find(entry, "name");
    const Json* text = galago::find(entry, "template");
    if (name == nullptr || text == nullptr || !name->is_string() || !text->is_string()) {
      return wrong("lists something without a name and a template");
    }
    templates.push_back({name->get<std::string>(), text->get<std::string>()});
  }
  put_default_first(templates);
  return templates;
}

}  // namespace galago::formats
