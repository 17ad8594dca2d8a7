// The Error of a system call that failed, from errno.
#pragma once

#include <filesystem>
#include <string_view>

#include "galago/result.h"

namespace galago {

// "PATH: cannot ACTION: REASON". kNotFound for ENOENT, kOutOfMemory for ENOMEM, else kIo.
Error io_error(const std::filesystem::path& path, std::string_view action);

}  // namespace galago
