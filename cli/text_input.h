// Texts that come from standard input or from files.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "galago/result.h"

namespace galago::cli {

// All of standard input. Fails beyond the size that any prompt may have.
Result<std::string> read_standard_input();
// The file's bytes; "-" is standard input.
Result<std::string> read_input(const std::filesystem::path& path);

// Fails when `text` is not UTF-8, naming `what` and the offset of the first bad byte.
Status check_utf8(std::string_view text, std::string_view what);

}  // namespace galago::cli
