// What galago inspect tells of a checkpoint, for people and for machines.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "formats/checkpoint.h"

namespace galago::cli {

// All tensors of one type.
struct TypeShare {
  std::string type;
  std::int64_t tensors = 0;
  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;
};

struct CheckpointSummary {
  std::string format;  // "GGUF v3", "Hugging Face"
  std::uint64_t file_bytes = 0;
  std::uint64_t parameters = 0;
  std::uint64_t tensor_bytes = 0;
  std::vector<TypeShare> types;  // the biggest first
};

CheckpointSummary summarize(const formats::Checkpoint& checkpoint);

// `everything`: all tensors, and arrays of metadata in full.
std::string describe(const formats::Checkpoint& checkpoint, bool everything);
nlohmann::ordered_json summary_json(const formats::Checkpoint& checkpoint, bool everything);

// "(576, 49152)"
std::string shape_text(const std::vector<std::int64_t>& shape);

}  // namespace galago::cli
