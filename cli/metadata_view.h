// The metadata of a checkpoint: the keys of a GGUF file, or config.json.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "formats/checkpoint.h"

namespace galago::cli {

// A key and its value in a line each, texts and arrays shortened unless `everything`.
std::string describe_metadata(const formats::Checkpoint& checkpoint, bool everything);
// Long arrays become {"type", "count", "first"} unless `everything`.
nlohmann::ordered_json metadata_json(const formats::Checkpoint& checkpoint, bool everything);

}  // namespace galago::cli
