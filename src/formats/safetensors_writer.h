// Writes a .safetensors file.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "formats/stored_tensor.h"
#include "galago/result.h"

namespace galago::formats {

using SafetensorsMetadata = std::vector<std::pair<std::string, std::string>>;

// Fails on a repeated name, a block format, and data of another size than dtype x shape. The widest types come first,
// as the reference implementation orders them, so that each tensor is aligned.
Result<std::vector<std::byte>> safetensors_bytes(std::span<const StoredTensor> tensors,
                                                 const SafetensorsMetadata& metadata = {});
// Appears at `path` complete or not at all.
Status write_safetensors(const std::filesystem::path& path, std::span<const StoredTensor> tensors,
                         const SafetensorsMetadata& metadata = {});

}  // namespace galago::formats
