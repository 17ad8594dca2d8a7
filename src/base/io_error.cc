#include "base/io_error.h"

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace galago {

Error io_error(const std::filesystem::path& path, std::string_view action) {
  const int number = errno;
  const ErrorCode code = number == ENOENT   ? ErrorCode::kNotFound
                         : number == ENOMEM ? ErrorCode::kOutOfMemory
                                            : ErrorCode::kIo;
  return error(code, "{}: cannot {}: {}", path.string(), action, std::strerror(number));
}

}  // namespace galago
