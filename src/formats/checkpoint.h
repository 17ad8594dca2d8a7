// One checkpoint, whatever its container: a GGUF file (or a split of several), a Hugging Face folder, or a lone
// .safetensors file. Opening maps the files and proves every size in them; tensors are spans into the mappings.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "formats/chat_templates.h"
#include "formats/gguf_metadata.h"
#include "formats/hf_folder.h"
#include "formats/packed_part.h"
#include "formats/stored_tensor.h"
#include "galago/result.h"

namespace galago {
using Json = nlohmann::ordered_json;  // as in base/json.h, which those who look inside include
}

namespace galago::formats {

enum class ContainerFormat : std::uint8_t { kGguf, kHuggingFace };

class Checkpoint {
 public:
  // `path`: a GGUF file (of a split one the first, which opens all), a folder with config.json and .safetensors files,
  // or a single .safetensors file (a config.json beside it is read when there is one).
  static Result<std::shared_ptr<const Checkpoint>> open(const std::filesystem::path& path);

  ContainerFormat format() const { return format_; }
  const std::filesystem::path& path() const { return path_; }
  // general.architecture of a GGUF, model_type of a config.json; empty when the file does not say.
  const std::string& architecture() const { return architecture_; }

  const Json& config() const { return *config_; }                        // config.json; {} for GGUF
  const Json& generation_config() const { return *generation_config_; }  // generation_config.json; {} when absent
  const GgufMetadata& metadata() const { return metadata_; }             // empty for Hugging Face

  std::span<const StoredTensor> tensors() const { return tensors_; }  // in the files' order
  const StoredTensor* find(std::string_view name) const;
  // Like find, but says what is wrong: kNotFound, or kUnsupported for a tensor of a type that cannot be read.
  Result<const StoredTensor*> tensor(std::string_view name) const;
  std::span<const UnsupportedTensor> unsupported_tensors() const { return unsupported_; }

  // What `galago pack` put into the file; nullptr in other files.
  const PackedPart* packed() const { return packed_ ? &*packed_ : nullptr; }

  // The mapped files, in the order of their tensors.
  std::span<const std::shared_ptr<const Mapping>> files() const { return files_; }

  // A text file of a Hugging Face folder ("tokenizer.json", "vision_tower/config.json"); nothing when it is not there
  // or the checkpoint is a GGUF. Names that lead out of the folder are refused.
  Result<std::optional<std::string>> side_file(std::string_view file_name) const;

  // All that side_file() may be asked for; none of a GGUF.
  Result<std::vector<SideFile>> side_files() const { return side_files_.all(); }

  // All chat templates, the default one first. GGUF: tokenizer.chat_template and its named variants. Hugging Face:
  // chat_template.jinja and additional_chat_templates/, else tokenizer_config.json, else chat_template.json.
  Result<std::vector<NamedTemplate>> chat_templates() const;
  // One of them; nothing when the checkpoint has no template of that name.
  Result<std::optional<std::string>> chat_template(std::string_view name = "default") const;

 private:
  Checkpoint() = default;
  static Result<std::shared_ptr<const Checkpoint>> open_gguf(const std::filesystem::path& path);
  static Result<std::shared_ptr<const Checkpoint>> open_hf(const std::filesystem::path& path);
  Status adopt(SideFiles files, HfConfigs configs);
  void index_tensors();

  ContainerFormat format_ = ContainerFormat::kGguf;
  std::filesystem::path path_;
  SideFiles side_files_;
  std::string architecture_;
  std::shared_ptr<const Json> config_;
  std::shared_ptr<const Json> generation_config_;
  std::vector<std::shared_ptr<const Mapping>> files_;
  GgufMetadata metadata_;
  std::vector<StoredTensor> tensors_;
  std::vector<UnsupportedTensor> unsupported_;
  std::optional<PackedPart> packed_;
  std::vector<std::uint32_t> by_name_;  // indices of tensors_, sorted by name
};

}  // namespace galago::formats
