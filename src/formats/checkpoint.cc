#include "formats/checkpoint.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "formats/gguf.h"
#include "formats/hf_folder.h"
#include "formats/quote.h"

namespace galago::formats {
namespace {

enum class FileKind : std::uint8_t { kGguf, kSafetensors };

// GGUF is known by its first bytes, since some stores name files by their hash; safetensors has no magic.
Result<FileKind> kind_of_file(const std::filesystem::path& path) {
  GALAGO_TRY(const std::shared_ptr<const Mapping> mapping, Mapping::open(path));
  const Bytes head = mapping->bytes().first(std::min<std::size_t>(4, mapping->bytes().size()));
  const std::string_view magic(reinterpret_cast<const char*>(head.data()), head.size());
  const std::string extension = path.extension().string();
  if (magic == "GGUF" || extension == ".gguf") return FileKind::kGguf;
  if (extension == ".safetensors") return FileKind::kSafetensors;
  if (extension == ".bin" || extension == ".pt" || extension == ".pth") {
    return error(ErrorCode::kUnsupported,
                 "{}: PyTorch's pickle format is not read because it can run code; convert it "
                 "to safetensors",
                 path.string());
  }
  return error(ErrorCode::kUnsupported,
               "{}: is no model file that can be read; a .gguf file, a .safetensors file or a Hugging Face folder is "
               "expected",
               path.string());
}

Result<std::string> architecture_of(const GgufMetadata& metadata) {
  GALAGO_TRY(const std::string_view name, metadata.get_string("general.architecture", ""));
  return std::string(name);
}

const std::shared_ptr<const Json>& empty_object() {
  static const auto object = std::make_shared<const Json>(Json::object());
  return object;
}

}  // namespace

Result<std::shared_ptr<const Checkpoint>> Checkpoint::open(const std::filesystem::path& path) {
  std::error_code failed;
  if (std::filesystem::is_directory(path, failed)) return open_hf(path);
  GALAGO_TRY(const FileKind kind, kind_of_file(path));
  return kind == FileKind::kGguf ? open_gguf(path) : open_hf(path);
}

Result<std::shared_ptr<const Checkpoint>> Checkpoint::open_gguf(const std::filesystem::path& path) {
  GALAGO_TRY(GgufCheckpoint parts, open_gguf_files(path));
  const std::shared_ptr<Checkpoint> out(new Checkpoint);
  out->path_ = path;
  out->files_ = std::move(parts.files);
  out->metadata_ = std::move(parts.metadata);
  SideFiles files(&out->metadata_, path.string());
  GALAGO_TRY(HfConfigs configs, read_configs(files));
  if (configs.config != nullptr) {  // what `galago pack` made of a Hugging Face folder
    GALAGO_CHECK(out->adopt(std::move(files), std::move(configs)));
  } else {
    GALAGO_TRY(out->architecture_, architecture_of(out->metadata_));
    out->config_ = out->generation_config_ = empty_object();
  }
  GALAGO_TRY(out->packed_, take_packed_part(parts.tensors, path.string()));
  out->tensors_ = std::move(parts.tensors);
  out->index_tensors();
  return std::shared_ptr<const Checkpoint>(out);
}

Result<std::shared_ptr<const Checkpoint>> Checkpoint::open_hf(const std::filesystem::path& path) {
  std::error_code failed;
  const bool folder = std::filesystem::is_directory(path, failed);
  GALAGO_TRY(HfFolder parts, folder ? open_hf_folder(path) : open_hf_file(path));
  const std::shared_ptr<Checkpoint> out(new Checkpoint);
  out->path_ = path;
  GALAGO_CHECK(out->adopt(std::move(parts.files), std::move(parts.configs)));
  out->files_ = std::move(parts.weights.files);
  out->tensors_ = std::move(parts.weights.tensors);
  out->unsupported_ = std::move(parts.weights.unsupported);
  out->index_tensors();
  return std::shared_ptr<const Checkpoint>(out);
}

// Becomes a Hugging Face checkpoint with these files.
Status Checkpoint::adopt(SideFiles files, HfConfigs configs) {
  GALAGO_TRY(architecture_, get_string(*configs.config, "model_type", "", files.source("config.json")));
  format_ = ContainerFormat::kHuggingFace;
  side_files_ = std::move(files);
  config_ = std::move(configs.config);
  generation_config_ = std::move(configs.generation);
  return {};
}

void Checkpoint::index_tensors() {
  by_name_.resize(tensors_.size());
  std::iota(by_name_.begin(), by_name_.end(), 0u);
  std::ranges::sort(by_name_, {}, [&](std::uint32_t index) -> std::string_view { return tensors_[index].name; });
}

const StoredTensor* Checkpoint::find(std::string_view name) const {
  const auto key = [&](std::uint32_t index) -> std::string_view { return tensors_[index].name; };
  const auto found = std::ranges::lower_bound(by_name_, name, {}, key);
  return found == by_name_.end() || key(*found) != name ? nullptr : &tensors_[*found];
}

Result<const StoredTensor*> Checkpoint::tensor(std::string_view name) const {
  if (const StoredTensor* found = find(name)) return found;
  const auto unsupported = std::ranges::find(unsupported_, name, &UnsupportedTensor::name);
  if (unsupported != unsupported_.end()) {
    return error(ErrorCode::kUnsupported,
                 "{}: tensor {} is of type {}, which cannot be used here; convert it to BF16 or F16", path_.string(),
                 quote(name), unsupported->type);
  }
  return error(ErrorCode::kNotFound, "{}: lacks the tensor {}", path_.string(), quote(name));
}

Result<std::optional<std::string>> Checkpoint::side_file(std::string_view file_name) const {
  if (format_ == ContainerFormat::kGguf) return std::optional<std::string>();
  return side_files_.read(file_name);
}

Result<std::vector<NamedTemplate>> Checkpoint::chat_templates() const {
  return format_ == ContainerFormat::kGguf ? gguf_chat_templates(metadata_) : hf_chat_templates(side_files_);
}

Result<std::optional<std::string>> Checkpoint::chat_template(std::string_view name) const {
  GALAGO_TRY(auto templates, chat_templates());
  const auto found = std::ranges::find(templates, name, &NamedTemplate::name);
  if (found == templates.end()) return std::optional<std::string>();
  return std::optional<std::string>(std::move(found->text));
}

}  // namespace galago::formats
