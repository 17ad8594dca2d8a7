#include "cli/plain_reader.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace galago::cli {
namespace {

constexpr std::size_t kMostLineBytes = std::size_t{64} << 20;

}  // namespace

Result<LineEditor::Input> PlainReader::next() {
  using Event = LineEditor::Event;
  for (;;) {
    if (const std::size_t end = pending_.find('\n', searched_); end != std::string::npos) {
      LineEditor::Input input{Event::kLine, pending_.substr(0, end)};
      pending_.erase(0, end + 1);
      searched_ = 0;
      return input;
    }
    searched_ = pending_.size();
    if (pending_.size() > kMostLineBytes) {
      return error(ErrorCode::kOutOfRange, "standard input: a line of more than {} bytes", kMostLineBytes);
    }
    char buffer[4096];
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) {
      pending_.clear();
      searched_ = 0;
      return LineEditor::Input{Event::kInterrupt, ""};
    }
    if (got < 0) return error(ErrorCode::kIo, "standard input: {}", std::generic_category().message(errno));
    if (got == 0) {
      if (pending_.empty()) return LineEditor::Input{Event::kEnd, ""};
      searched_ = 0;
      return LineEditor::Input{Event::kLine, std::exchange(pending_, "")};
    }
    pending_.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace galago::cli
