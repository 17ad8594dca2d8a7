// A Hugging Face checkpoint folder: config.json, weights in safetensors files, and text files beside them.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "formats/safetensors.h"
#include "formats/side_files.h"
#include "galago/result.h"

namespace galago::formats {

struct HfConfigs {
  std::shared_ptr<const nlohmann::ordered_json> config;      // nullptr when there is no config.json
  std::shared_ptr<const nlohmann::ordered_json> generation;  // {} when there is no generation_config.json
};
Result<HfConfigs> read_configs(const SideFiles& files);

struct HfFolder {
  SideFiles files;
  HfConfigs configs;  // of a lone .safetensors file {} when there is no config.json
  SafetensorsCheckpoint weights;
};

// A folder must hold config.json and model.safetensors or model.safetensors.index.json.
Result<HfFolder> open_hf_folder(const std::filesystem::path& folder);
// A lone file; config.json and generation_config.json are read when they lie beside it.
Result<HfFolder> open_hf_file(const std::filesystem::path& file);

}  // namespace galago::formats
