// safetensors: one file, or the shards named by a model.safetensors.index.json.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "formats/stored_tensor.h"
#include "galago/result.h"

namespace galago::formats {

struct SafetensorsFile {
  std::vector<StoredTensor> tensors;  // in the order of their bytes
  std::vector<UnsupportedTensor> unsupported;
  std::vector<std::pair<std::string, std::string>> metadata;  // "__metadata__"
};

// Parses one file in memory; tensors point into `bytes`. `source` names it in errors. As strict as the reference
// implementation: the tensors' bytes cover the data from its first byte to the file's last, without gap or overlap.
Result<SafetensorsFile> parse_safetensors(Bytes bytes, std::string_view source);

// The "weight_map" of an index: tensor name and the file name of its shard, sorted by tensor name. Fails on a shard
// name that is more than a file name.
using WeightMap = std::vector<std::pair<std::string, std::string>>;
Result<WeightMap> parse_safetensors_index(std::string_view text, std::string_view source);

struct SafetensorsCheckpoint {
  std::vector<StoredTensor> tensors;
  std::vector<UnsupportedTensor> unsupported;
  std::vector<std::shared_ptr<const Mapping>> files;
};

// Maps and parses one file.
Result<SafetensorsCheckpoint> open_safetensors(const std::filesystem::path& path);
// Maps and parses all shards of an index beside them; each tensor of the index must be in the shard it names.
Result<SafetensorsCheckpoint> open_safetensors_index(const std::filesystem::path& index);

}  // namespace galago::formats
