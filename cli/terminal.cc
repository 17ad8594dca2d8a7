#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace galago::cli {
namespace {

int descriptor(Stream stream) {
  if (stream == Stream::kInput) return STDIN_FILENO;
  return stream == Stream::kOutput ? STDOUT_FILENO : STDERR_FILENO;
}

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

bool is_terminal(Stream stream) { return ::isatty(descriptor(stream)) == 1; }

int terminal_width() {
  for (const int number : {STDOUT_FILENO, STDERR_FILENO}) {
    winsize size{};
    if (::ioctl(number, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  }
  const int columns = std::atoi(std::string(variable("COLUMNS")).c_str());
  return columns > 0 && columns < 10'000 ? columns : 80;
}

bool has_colors(Stream stream) {
  return is_terminal(stream) && variable("NO_COLOR").empty() && variable("TERM") != "dumb" && !variable("TERM").empty();
}

std::string styled(std::string_view text, Style style, Stream stream) {
  if (!has_colors(stream)) return std::string(text);
  const char* code = style == Style::kBold ? "1" : style == Style::kDim ? "2" : "32";
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

}  // namespace galago::cli
