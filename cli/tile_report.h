// galago bench --tiles: the register tiles of the kernels, as they are and as they could be.
#pragma once

#include <string>

namespace galago::cli {

// Measures and prints in the format "md", "json" or "csv"; returns the exit code.
int report_tiles(const std::string& format, int repetitions);

}  // namespace galago::cli
