// Files that the user asks for.
#pragma once

#include <filesystem>
#include <string_view>

#include "galago/result.h"

namespace galago::cli {

// Writes a file that appears whole or not at all; a device or a pipe is written in place, and never replaced.
Status save_text(const std::filesystem::path& path, std::string_view text);

}  // namespace galago::cli
