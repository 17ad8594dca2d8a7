// Chat templates: a model's Jinja template turned into the text of a prompt, by an interpreter of our own that runs
// untrusted templates. The text and the refusals are those of jinja2 in transformers' sandboxed environment.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "galago/result.h"

namespace galago {
using Json = nlohmann::ordered_json;
}  // namespace galago

namespace galago::text {

// What a template may spend before it is refused. The defaults leave room for a conversation of thousands of messages.
struct TemplateLimits {
  std::int64_t max_steps = 20'000'000;                      // evaluated nodes, and elements or bytes (/64) worked on
  int max_depth = 400;                                      // nested evaluation: expressions, blocks, macro calls
  std::int64_t max_output_bytes = std::int64_t{64} << 20;   // rendered text, and any one string
  std::int64_t max_memory_bytes = std::int64_t{256} << 20;  // everything that is alive at one time
};

struct RenderInput {
  const Json& messages;
  const Json* tools = nullptr;  // nullptr: undefined in the template; a JSON null: None
  bool add_generation_prompt = false;
  // An object whose members become variables: enable_thinking, documents, ... They win over all others.
  const Json* extra = nullptr;
  // bos_token, eos_token, ...: what is not here is undefined in the template.
  std::map<std::string, std::string> special_tokens;
  // The time of strftime_now, shown in local time; the system's clock when empty.
  std::function<std::chrono::system_clock::time_point()> clock;
  TemplateLimits limits;
};

namespace jinja {
struct Template;
}

// Immutable and cheap to copy; any number of threads may render at the same time.
class ChatTemplate {
 public:
  // `name` stands for the template in errors. Fails for what jinja2 refuses to compile, and for include, import and
  // extends, which would need other files.
  static Result<ChatTemplate> parse(std::string source, std::string name);

  // Fails as jinja2 would (raise_exception's message is part of the error's), and beyond the limits.
  Result<std::string> render(const RenderInput& input) const;

  // Renders with the members of the object `variables` as the only variables.
  Result<std::string> render_variables(const Json& variables, const TemplateLimits& limits = {},
                                       const std::function<std::chrono::system_clock::time_point()>& clock = {}) const;

  const std::string& source() const { return *source_; }
  const std::string& name() const;
  // Whether the template reads the variable anywhere: "tools", "enable_thinking", "bos_token", ...
  bool mentions(std::string_view variable) const;

 private:
  ChatTemplate() = default;
  std::shared_ptr<const std::string> source_;
  std::shared_ptr<const jinja::Template> template_;
};

// Whether `prompt`, as rendered, starts with the text of `bos`: then tokenizing it must not add a second one.
bool starts_with_token(std::string_view prompt, std::string_view bos);

}  // namespace galago::text
