// The text files beside the weights of a Hugging Face checkpoint: in its folder, or in the metadata of a file that
// `galago pack` made of one.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf_metadata.h"
#include "galago/result.h"

namespace galago::formats {

// Before the name of a file in metadata: "galago.file.config.json".
inline constexpr std::string_view kSideFileKey = "galago.file.";

struct SideFile {
  std::string name;  // relative: "vision_tower/config.json"
  std::string text;
};

class SideFiles {
 public:
  SideFiles() = default;  // none
  explicit SideFiles(std::filesystem::path folder) : folder_(folder.empty() ? "." : std::move(folder)) {}
  // `metadata` must outlive this. `source` names its file.
  SideFiles(const GgufMetadata* metadata, std::string source) : folder_(std::move(source)), metadata_(metadata) {}

  // Nothing when it is not there. Refuses names that lead out of the folder.
  Result<std::optional<std::string>> read(std::string_view name) const;
  // The names of files with this extension (".jinja") in a folder of the folder, sorted.
  std::vector<std::string> list(std::string_view folder, std::string_view extension) const;
  // What a model or tokenizer may read: all .json, .jinja, .txt and .model files, two folders deep.
  Result<std::vector<SideFile>> all() const;
  // The path of a file, for errors.
  std::string source(std::string_view name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_;
  const GgufMetadata* metadata_ = nullptr;
};

}  // namespace galago::formats
