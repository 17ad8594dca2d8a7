#include "formats/safe_name.h"

#include <algorithm>

namespace galago::formats {

bool is_file_name(std::string_view name) {
  constexpr std::size_t kMaxBytes = 255;
  if (name.empty() || name.size() > kMaxBytes || name == "." || name == "..") return false;
  // Colons and backslashes lead elsewhere on Windows.
  return std::ranges::all_of(name, [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '/' && c != '\\' && c != ':';
  });
}

bool is_relative_path(std::string_view path) {
  while (true) {
    const std::size_t slash = path.find('/');
    if (!is_file_name(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace galago::formats
