#include "cli/output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/escape.h"

namespace galago::cli {
namespace {

int first_failure = 0;  // errno of it

void write_error_line(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fputc('\n', stderr);
}

}  // namespace

bool put(std::string_view text) {
  errno = 0;
  if (first_failure == 0 && std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
    first_failure = errno != 0 ? errno : EIO;
  }
  return first_failure == 0;
}

bool put_now(std::string_view text) {
  if (put(text) && std::fflush(stdout) != 0) first_failure = errno != 0 ? errno : EIO;
  return first_failure == 0;
}

Status finish_output() {
  put_now("");
  if (first_failure == 0) return {};
  return error(ErrorCode::kIo, "standard output: {}", std::generic_category().message(first_failure));
}

void complain(std::string_view message) { write_error_line("galago: " + printable(message)); }

void warn(std::string_view message) { write_error_line("galago: warning: " + printable(message)); }

int fail(const Error& error, bool json) {
  std::fflush(stdout);
  if (json) {
    Json object;
    object["error"]["code"] = std::string(to_string(error.code));
    object["error"]["message"] = error.message;
    write_error_line(write_json(object));
  } else {
    complain(error.message);
  }
  return kFailed;
}

int wrong_use(std::string_view command, std::string_view message) {
  const std::string program = command.empty() ? "galago" : fmt::format("galago {}", command);
  write_error_line(fmt::format("{}: {} ({} --help explains)", program, printable(message), program));
  return kWrongUse;
}

void open_closed_streams() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(number, F_GETFD) != -1 || errno != EBADF) continue;
    // Read-only for standard output, so that writing to it still fails. The lowest free number is `number`.
    [[maybe_unused]] const int opened = ::open("/dev/null", number == STDERR_FILENO ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace galago::cli
