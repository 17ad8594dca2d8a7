// config.json and its siblings: parsing, typed look-ups and chat templates never throw, whatever they meet.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "formats/chat_templates.h"
#include "formats/config_json.h"

namespace {

void look_up(const galago::Json& object, int depth) {
  constexpr int kMaxDepth = 8;
  if (!object.is_object() || depth > kMaxDepth) return;
  for (const auto& [key, value] : object.items()) {
    (void)galago::get_int(object, key, 0, "fuzz");
    (void)galago::get_number(object, key, 0, "fuzz");
    (void)galago::get_bool(object, key, false, "fuzz");
    (void)galago::get_string(object, key, "", "fuzz");
    look_up(value, depth + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = galago::formats::parse_config(text, "fuzz");
  if (!config.ok()) {
    if (config.error().message.find('\n') != std::string::npos) __builtin_trap();
    return 0;
  }
  look_up(*config, 0);
  if (const galago::Json* member = galago::find(*config, "chat_template")) {
    (void)galago::formats::chat_templates_from_json(*member, "fuzz");
  }
  if (!galago::formats::parse_config(galago::write_json(*config), "again").ok()) __builtin_trap();
  return 0;
}
