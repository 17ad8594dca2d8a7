#include "cli/text_input.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "text/unicode.h"

namespace galago::cli {
namespace {

constexpr std::size_t kMostBytes = std::size_t{256} << 20;  // as read_text

}  // namespace

Result<std::string> read_standard_input() {
  std::string text;
  char buffer[1 << 14];
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got == 0) return text;
    if (got < 0) {
      if (errno == EINTR) continue;
      return error(ErrorCode::kIo, "standard input: {}", std::generic_category().message(errno));
    }
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > kMostBytes) {
      return error(ErrorCode::kOutOfRange, "standard input: more than {} bytes", kMostBytes);
    }
  }
}

Result<std::string> read_input(const std::filesystem::path& path) {
  return path == "-" ? read_standard_input() : read_text(path, kMostBytes);
}

Status check_utf8(std::string_view text, std::string_view what) {
  const std::optional<std::size_t> bad = text::find_invalid_utf8(text);
  if (!bad) return {};
  return error(ErrorCode::kInvalidArgument, "{}: not UTF-8: byte 0x{:02x} at offset {}; convert it to UTF-8 first",
               what, static_cast<unsigned char>(text[*bad]), *bad);
}

}  // namespace galago::cli
