// GGUF v2 and v3: metadata and tensors of one file or of all files of a split.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "formats/gguf_metadata.h"
#include "formats/stored_tensor.h"
#include "galago/result.h"

namespace galago::formats {

struct GgufFile {
  std::uint32_t version = 0;
  std::uint64_t alignment = 32;
  std::uint64_t data_offset = 0;  // where the tensors' bytes begin, in the file
  GgufMetadata metadata;
  std::vector<StoredTensor> tensors;
};

// Parses one file in memory; metadata and tensors point into `bytes`. `source` names it in errors.
Result<GgufFile> parse_gguf(Bytes bytes, std::string_view source);

struct GgufCheckpoint {
  GgufMetadata metadata;  // of the first file
  std::vector<StoredTensor> tensors;
  std::vector<std::shared_ptr<const Mapping>> files;
};

// Maps and parses a file; the first file of a split brings in the others.
Result<GgufCheckpoint> open_gguf_files(const std::filesystem::path& path);

// The name of file `index` (from 0) of a split of `count`: "m-00001-of-00003.gguf" -> "m-00002-of-00003.gguf" for 1.
// Fails when `first` is not named like the first file of a split of that many.
Result<std::filesystem::path> gguf_split_path(const std::filesystem::path& first, std::uint64_t index,
                                              std::uint64_t count);

}  // namespace galago::formats
