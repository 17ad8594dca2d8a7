#include "cli/save_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/error.h"
#include "base/file.h"

namespace galago::cli {
namespace {

Error io_error(const std::filesystem::path& path) {
  return error(ErrorCode::kIo, "{}: cannot write: {}", path.string(), std::generic_category().message(errno));
}

Status write_in_place(const std::filesystem::path& path, std::string_view text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return io_error(path);
  Status status;
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      status = io_error(path);
      break;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::close(file) != 0 && status.ok()) status = io_error(path);
  return status;
}

}  // namespace

Status save_text(const std::filesystem::path& path, std::string_view text) {
  std::error_code failed;
  const std::filesystem::file_status status = std::filesystem::status(path, failed);
  if (std::filesystem::is_directory(status)) {
    return error(ErrorCode::kInvalidArgument, "{}: is a folder; name a file in it", path.string());
  }
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) return write_in_place(path, text);
  // Through links, so that the file they lead to is the one that changes.
  const std::filesystem::path target = std::filesystem::weakly_canonical(path, failed);
  return write_atomically(failed ? path : target, text);
}

}  // namespace galago::cli
