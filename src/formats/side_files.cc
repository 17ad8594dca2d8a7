#include "formats/side_files.h"

#include <algorithm>
#include <array>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/try.h"
#include "formats/quote.h"
#include "formats/safe_name.h"

namespace galago::formats {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 2;
constexpr std::array<std::string_view, 4> kTextExtensions = {".json", ".jinja", ".txt", ".model"};

}  // namespace

Result<std::optional<std::string>> SideFiles::read(std::string_view name) const {
  if (!is_relative_path(name)) {
    return error(ErrorCode::kInvalidArgument, "{}: {} is no name of a file inside this folder", folder_.string(),
                 quote(name));
  }
  if (metadata_ != nullptr) {
    const std::string key = std::string(kSideFileKey).append(name);
    if (!metadata_->contains(key)) return std::optional<std::string>();
    GALAGO_TRY(const std::string_view text, metadata_->get_string(key));
    return std::optional<std::string>(text);
  }
  if (folder_.empty()) return std::optional<std::string>();
  auto text = read_text(folder_ / name);
  if (text.ok()) return std::optional<std::string>(std::move(*text));
  if (text.error().code == ErrorCode::kNotFound) return std::optional<std::string>();
  return text.error();
}

std::vector<std::string> SideFiles::list(std::string_view folder, std::string_view extension) const {
  std::vector<std::string> names;
  if (metadata_ != nullptr) {
    const std::string prefix = std::string(kSideFileKey).append(folder) + "/";
    for (const GgufMetadata::Entry& entry : metadata_->entries()) {
      if (!entry.key.starts_with(prefix) || !entry.key.ends_with(extension)) continue;
      const std::string_view name = entry.key.substr(prefix.size());
      if (is_file_name(name)) names.emplace_back(name);
    }
  } else {
    std::error_code failed;  // an absent or unreadable folder holds no files
    for (fs::directory_iterator at(folder_ / folder, failed), end; !failed && at != end; at.increment(failed)) {
      if (at->path().extension() == extension) names.push_back(at->path().filename().string());
    }
  }
  std::ranges::sort(names);
  return names;
}

Result<std::vector<SideFile>> SideFiles::all() const {
  std::vector<SideFile> files;
  if (metadata_ != nullptr || folder_.empty()) return files;
  std::error_code failed;
  for (fs::recursive_directory_iterator at(folder_, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->is_directory(failed) && at.depth() + 1 >= kMaxDepth) at.disable_recursion_pending();
    const std::string extension = at->path().extension().string();
    if (!at->is_regular_file(failed) || std::ranges::find(kTextExtensions, extension) == kTextExtensions.end())
      continue;
    const std::string name = at->path().lexically_relative(folder_).generic_string();
    if (name.ends_with(".index.json") || !is_relative_path(name)) continue;  // the index of weights that are not kept
    GALAGO_TRY(std::string text, read_text(at->path()));
    files.push_back({name, std::move(text)});
  }
  if (failed) return error(ErrorCode::kIo, "{}: cannot list it: {}", folder_.string(), failed.message());
  std::ranges::sort(files, {}, &SideFile::name);
  return files;
}

}  // namespace galago::formats
