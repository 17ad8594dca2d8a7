// File names that come from files: only those that stay in the folder they are looked up in.
#pragma once

#include <string_view>

namespace galago::formats {

// One path component: not empty, "." or "..", without separators, colons or control bytes.
bool is_file_name(std::string_view name);
// Components joined by '/', each a file name.
bool is_relative_path(std::string_view path);

}  // namespace galago::formats
