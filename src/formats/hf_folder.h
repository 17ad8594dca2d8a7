// A Hugging Face checkpoint folder: config.json, weights in safetensors files, and text files beside them.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "formats/safetensors.h"
#include "galago/result.h"

namespace galago::formats {

struct HfFolder {
  std::filesystem::path folder;
  std::shared_ptr<const nlohmann::ordered_json> config;             // {} when a lone .safetensors file has none
  std::shared_ptr<const nlohmann::ordered_json> generation_config;  // {} when absent
  SafetensorsCheckpoint weights;
};

// A folder must hold config.json and model.safetensors or model.safetensors.index.json.
Result<HfFolder> open_hf_folder(const std::filesystem::path& folder);
// A lone file; config.json and generation_config.json are read when they lie beside it.
Result<HfFolder> open_hf_file(const std::filesystem::path& file);

// A text file inside the folder by its relative path; nothing when it is not there. Refuses paths that lead out.
Result<std::optional<std::string>> read_side_file(const std::filesystem::path& folder, std::string_view name);

}  // namespace galago::formats
