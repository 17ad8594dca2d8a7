#include "verify/media_folder.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/try.h"
#include "media/image_decode.h"

namespace galago::verify {
namespace {

namespace fs = std::filesystem;

// The number of image_<number>.png, .jpg or .jpeg.
std::optional<int> picture_number(const fs::path& file) {
  constexpr std::string_view kPrefix = "image_";
  const std::string stem = file.stem().string();
  const std::string extension = file.extension().string();
  if (extension != ".png" && extension != ".jpg" && extension != ".jpeg") return std::nullopt;
  if (!stem.starts_with(kPrefix)) return std::nullopt;
  int number = 0;
  const char* end = stem.data() + stem.size();
  const auto parsed = std::from_chars(stem.data() + kPrefix.size(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(number) : std::nullopt;
}

std::vector<std::pair<int, fs::path>> pictures_in(const fs::path& folder) {
  std::vector<std::pair<int, fs::path>> pictures;
  std::error_code failed;
  for (auto it = fs::directory_iterator(folder, failed); !failed && it != fs::directory_iterator();
       it.increment(failed)) {
    if (const auto number = picture_number(it->path())) pictures.emplace_back(*number, it->path());
  }
  std::sort(pictures.begin(), pictures.end());
  return pictures;
}

Result<std::vector<std::string>> read_prompts(const fs::path& manifest) {
  GALAGO_TRY(const std::string text, read_text(manifest));
  GALAGO_TRY(const Json json, parse_json(text, manifest.string()));
  if (const Json* options = find(json, "runtime"); options != nullptr && !options->empty()) {
    return error(ErrorCode::kUnsupported, "{}: asks for options (\"runtime\": {}) that no model here has",
                 manifest.string(), write_json(*options));
  }
  std::vector<std::string> prompts;
  const Json* prompt = find(json, "prompt");
  if (prompt == nullptr) return prompts;
  const Json list = prompt->is_array() ? *prompt : Json::array({*prompt});
  for (const Json& item : list) {
    if (!item.is_string()) {
      return error(ErrorCode::kCorrupt, "{}: \"prompt\" holds {}; a text or a list of texts is expected",
                   manifest.string(), item.type_name());
    }
    prompts.push_back(item.get<std::string>());
  }
  return prompts;
}

}  // namespace

Result<std::optional<MediaFolder>> MediaFolder::read(const fs::path& folder) {
  std::error_code failed;
  if (!fs::is_directory(folder, failed)) return std::optional<MediaFolder>();
  const auto pictures = pictures_in(folder);
  if (pictures.empty()) return std::optional<MediaFolder>();
  MediaFolder media;
  GALAGO_TRY(media.prompts, read_prompts(folder / "manifest.json"));
  for (const auto& [number, file] : pictures) {
    GALAGO_TRY(Image image, media::load_image(file));
    media.images.push_back(std::move(image));
  }
  return std::optional(std::move(media));
}

}  // namespace galago::verify
