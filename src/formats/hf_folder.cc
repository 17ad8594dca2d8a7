#include "formats/hf_folder.h"

#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "formats/config_json.h"
#include "formats/quote.h"

namespace galago::formats {
namespace {

constexpr std::string_view kWeights = "model.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";

bool is_there(const std::filesystem::path& path) {
  std::error_code failed;
  return std::filesystem::exists(path, failed);
}

// A file of the folder that is named like weights of another kind, to say what to do about it.
std::string file_with_extension(const std::filesystem::path& folder, std::string_view extension) {
  std::error_code failed;
  for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->path().extension() == extension) return at->path().filename().string();
  }
  return {};
}

Error no_weights(const std::filesystem::path& folder) {
  for (const std::string_view extension : {".bin", ".pt", ".pth", ".ckpt"}) {
    const std::string found = file_with_extension(folder, extension);
    if (found.empty()) continue;
    return error(ErrorCode::kUnsupported,
                 "{}: its weights ({}) are in PyTorch's pickle format, which is not read because it can run code; "
                 "convert them to safetensors (save_pretrained with safe_serialization=True)",
                 folder.string(), quote(found));
  }
  return error(ErrorCode::kNotFound, "{}: has neither {} nor {}", folder.string(), kWeights, kIndex);
}

Error no_config(const std::filesystem::path& folder) {
  const std::string gguf = file_with_extension(folder, ".gguf");
  if (!gguf.empty()) {
    return error(ErrorCode::kNotFound, "{}: is no Hugging Face folder (it has no config.json); name the file {} in it",
                 folder.string(), quote(gguf));
  }
  return error(ErrorCode::kNotFound,
               "{}: has no config.json; a Hugging Face folder holds config.json, {} and the tokenizer's files",
               folder.string(), kWeights);
}

Result<SafetensorsCheckpoint> open_weights(const std::filesystem::path& folder) {
  // The single file first, as transformers does.
  if (is_there(folder / kWeights)) return open_safetensors(folder / kWeights);
  if (is_there(folder / kIndex)) return open_safetensors_index(folder / kIndex);
  return no_weights(folder);
}

// A JSON object; nullptr when the file is absent.
Result<std::shared_ptr<const Json>> read_config(const SideFiles& files, std::string_view name) {
  GALAGO_TRY(const auto text, files.read(name));
  if (!text) return std::shared_ptr<const Json>();
  GALAGO_TRY(Json value, parse_config(*text, files.source(name)));
  return std::make_shared<const Json>(std::move(value));
}

}  // namespace

Result<HfConfigs> read_configs(const SideFiles& files) {
  HfConfigs out;
  GALAGO_TRY(out.config, read_config(files, "config.json"));
  GALAGO_TRY(out.generation, read_config(files, "generation_config.json"));
  if (out.generation == nullptr) out.generation = std::make_shared<const Json>(Json::object());
  return out;
}

Result<HfFolder> open_hf_folder(const std::filesystem::path& folder) {
  HfFolder out{.files = SideFiles(folder)};
  GALAGO_TRY(out.configs, read_configs(out.files));
  if (out.configs.config == nullptr) return no_config(folder);
  GALAGO_TRY(out.weights, open_weights(folder));
  return out;
}

Result<HfFolder> open_hf_file(const std::filesystem::path& file) {
  GALAGO_TRY(SafetensorsCheckpoint weights, open_safetensors(file));
  HfFolder out{.files = SideFiles(file.parent_path())};
  GALAGO_TRY(out.configs, read_configs(out.files));
  if (out.configs.config == nullptr) out.configs.config = std::make_shared<const Json>(Json::object());
  out.weights = std::move(weights);
  return out;
}

}  // namespace galago::formats
