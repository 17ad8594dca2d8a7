// JSON from a model folder: parsing, typed look-ups and writing.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json.h"

namespace {

using galago::Json;

void look_up_everything(const Json& value, int depth) {
  if (depth > 8) return;
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      const bool found = galago::find(value, key) != nullptr;
      if (found == member.is_null()) std::abort();
      (void)galago::get_int(value, key, -1, "fuzz").ok();
      (void)galago::get_number(value, key, 0.5, "fuzz").ok();
      (void)galago::get_bool(value, key, true, "fuzz").ok();
      (void)galago::get_string(value, key, "", "fuzz").ok();
      look_up_everything(member, depth + 1);
    }
  } else if (value.is_array()) {
    for (const Json& element : value) look_up_everything(element, depth + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = galago::parse_json(text, "fuzz");
  if (!parsed.ok()) return 0;
  look_up_everything(*parsed, 0);
  // What was written is read back, and written the same again.
  const std::string written = galago::write_json(*parsed);
  const auto again = galago::parse_json(written, "written");
  if (!again.ok() || galago::write_json(*again) != written) std::abort();
  return 0;
}
