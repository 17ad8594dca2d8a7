// Where models lie: paths, and names in the model folder.
#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "base/error.h"
#include "galago/session.h"

namespace galago {
namespace {

// As ./dev stores it; cmake/default_model.txt holds the rest of its origin.
constexpr std::string_view kDefaultModel = "smollm2-135m-instruct-q4_1";

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// The names of the models in the folder, without ".gguf", sorted.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code failed;
  for (auto it = fs::directory_iterator(folder, failed); !failed && it != fs::directory_iterator();
       it.increment(failed)) {
    const fs::path& path = it->path();
    if (path.extension() == ".gguf")
      names.push_back(path.stem().string());
    else if (is_there(path / "config.json"))
      names.push_back(path.filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// A name stands for the model it equals or uniquely begins, whatever the case.
std::optional<fs::path> find_by_name(const fs::path& folder, std::string_view name) {
  const std::string wanted = lower(std::string(name));
  std::vector<std::string> matches;
  for (const std::string& known : names_in(folder)) {
    const std::string folded = lower(known);
    if (folded == wanted || folded + ".gguf" == wanted) {
      matches = {known};
      break;
    }
    if (folded.starts_with(wanted)) matches.push_back(known);
  }
  if (matches.size() != 1) return std::nullopt;
  const fs::path file = folder / (matches[0] + ".gguf");
  return is_there(file) ? file : folder / matches[0];
}

fs::path home_folder() {
  if (const char* home = std::getenv("GALAGO_HOME"); home != nullptr && *home != '\0') return home;
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data != '\0')
    return fs::path(data) / "galago";
  const char* home = std::getenv("HOME");
  return fs::path(home != nullptr ? home : ".") / ".local" / "share" / "galago";
}

}  // namespace

fs::path model_folder() { return home_folder() / "models"; }
fs::path pack_cache_folder() { return home_folder() / "packed"; }

Result<fs::path> find_model(std::string_view model) {
  const fs::path folder = model_folder();
  if (model.empty()) {
    if (auto found = find_by_name(folder, kDefaultModel)) return *found;
    return error(
        ErrorCode::kNotFound,
        "the default model is not there: {} holds no {}.gguf; \"./dev run\" fetches it, or name a model with -m",
        folder.string(), kDefaultModel);
  }
  if (is_there(fs::path(model))) return fs::path(model);
  if (model.find('/') == std::string_view::npos) {
    if (auto found = find_by_name(folder, model)) return *found;
  }
  const std::vector<std::string> names = names_in(folder);
  return error(ErrorCode::kNotFound, "no model \"{}\": neither a file or folder of that path nor one in {}{}", model,
               folder.string(),
               names.empty() ? " (which is empty)" : fmt::format(" (it holds {})", fmt::join(names, ", ")));
}

}  // namespace galago
