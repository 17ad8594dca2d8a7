// config.json and its siblings as Python's json module writes them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "galago/result.h"

namespace galago::formats {

// Parses one object. Python writes the numbers NaN, Infinity and -Infinity, which JSON lacks: they become null and the
// largest finite numbers. Refuses objects so large that looking up keys one by one would take for ever.
Result<nlohmann::ordered_json> parse_config(std::string_view text, std::string_view source);

}  // namespace galago::formats
