#include "formats/gguf_consistency.h"

#include "base/error.h"
#include "base/try.h"

namespace galago::formats {
namespace {

constexpr std::uint64_t kMaxImageSize = 1 << 16;  // pixels a side

// Scores and types are indexed by token id wherever they are used.
Status check_vocabulary(const GgufMetadata& metadata) {
  if (!metadata.contains("tokenizer.ggml.tokens")) return {};
  const GgufValue& tokens = *metadata.find("tokenizer.ggml.tokens");
  if (tokens.type != GgufType::kArray || tokens.element_type != GgufType::kString) {
    return error(ErrorCode::kCorrupt, "{}: metadata key \"tokenizer.ggml.tokens\" is not an array of strings",
                 metadata.source());
  }
  for (const std::string_view key : {"tokenizer.ggml.scores", "tokenizer.ggml.token_type"}) {
    if (!metadata.contains(key)) continue;
    const GgufValue& values = *metadata.find(key);
    const bool floats = values.element_type == GgufType::kF32 || values.element_type == GgufType::kF64;
    const bool numbers = fixed_size(values.element_type) != 0 && values.element_type != GgufType::kBool;
    const bool right = key == "tokenizer.ggml.scores" ? floats : numbers && !floats;
    if (values.type != GgufType::kArray || !right) {
      return error(ErrorCode::kCorrupt, "{}: metadata key \"{}\" is not an array of {}", metadata.source(), key,
                   key == "tokenizer.ggml.scores" ? "floats" : "integers");
    }
    if (values.count != tokens.count) {
      return error(ErrorCode::kCorrupt, "{}: \"{}\" has {} elements, but \"tokenizer.ggml.tokens\" has {}",
                   metadata.source(), key, values.count, tokens.count);
    }
  }
  return {};
}

Status check_tower(const GgufMetadata& metadata) {
  constexpr std::string_view kImage = "clip.vision.image_size";
  constexpr std::string_view kPatch = "clip.vision.patch_size";
  if (metadata.contains(kPatch)) {
    GALAGO_TRY(const std::uint64_t patch, metadata.get_u64(kPatch));
    GALAGO_TRY(const std::uint64_t image, metadata.get_u64(kImage, patch));
    if (patch == 0 || patch > image || image > kMaxImageSize) {
      return error(ErrorCode::kCorrupt,
                   "{}: \"{}\" is {} and \"{}\" is {}; expected 0 < patch size <= image size <= {}", metadata.source(),
                   kPatch, patch, kImage, image, kMaxImageSize);
    }
  }
  return {};
}

}  // namespace

Status check_gguf_metadata(const GgufMetadata& metadata) {
  GALAGO_CHECK(check_vocabulary(metadata));
  return check_tower(metadata);
}

}  // namespace galago::formats
