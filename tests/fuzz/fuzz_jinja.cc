// Chat templates: whatever parses must render or be refused within its limits.
// Input: a template, optionally followed by a 0x1E byte and a JSON object of variables.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json.h"
#include "text/chat_template.h"
#include "text/unicode.h"

namespace {

constexpr std::string_view kVariables = R"({
  "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi 😀"},
               {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function",
                "function": {"name": "f", "arguments": {"a": 1, "b": [1.5, true, null]}}}]},
               {"role": "tool", "content": [{"type": "text", "text": "x"}]}],
  "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
  "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>", "s": "a b", "n": 3, "l": [3, 1, 2],
  "d": {"k": "v"}})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t split = std::min(input.find('\x1E'), input.size());
  const auto parsed = galago::text::ChatTemplate::parse(std::string(input.substr(0, split)), "fuzz");
  if (!parsed.ok()) return 0;
  const auto variables = galago::parse_json(split < input.size() ? input.substr(split + 1) : kVariables, "fuzz");
  if (!variables.ok()) return 0;
  galago::text::TemplateLimits limits;
  limits.max_steps = 20000;
  limits.max_output_bytes = 1 << 16;
  limits.max_memory_bytes = 1 << 22;
  const auto text =
      parsed->render_variables(*variables, limits, [] { return std::chrono::system_clock::time_point(); });
  if (text.ok() && galago::text::find_invalid_utf8(*text)) std::abort();
  if (text.ok() && text->size() > (1u << 16)) std::abort();
  if (!text.ok() && text.error().message.find('\n') != std::string::npos) std::abort();
  return 0;
}
