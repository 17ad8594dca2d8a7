#include "cli/progress_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "cli/escape.h"
#include "cli/terminal.h"

namespace galago::cli {
namespace {

constexpr std::chrono::milliseconds kPatience(300);
constexpr std::chrono::milliseconds kBetweenDrawings(50);

std::string draw(std::string_view stage, std::uint64_t done, std::uint64_t total, int width) {
  std::string line = printable(stage);
  if (total > 0) {
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const int cells = std::clamp(width - static_cast<int>(line.size()) - 10, 0, 40);
    const int full = static_cast<int>(share * cells);
    line += fmt::format(" [{:#<{}}{:.<{}}] {:3.0f} %", "", full, "", cells - full, share * 100);
  } else if (done > 0) {
    line += fmt::format(" {} MB", done / 1'000'000);
  }
  if (line.size() >= static_cast<std::size_t>(width)) line.resize(static_cast<std::size_t>(width) - 1);
  return line;
}

}  // namespace

ProgressBar::ProgressBar() : enabled_(is_terminal(Stream::kError)) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void ProgressBar::update(std::string_view stage, std::uint64_t done, std::uint64_t total) {
  const Clock::time_point now = Clock::now();
  if (!enabled_ || now - begin_ < kPatience || now - drawn_at_ < kBetweenDrawings) return;
  drawn_at_ = now;
  drawn_ = true;
  fmt::print(stderr, "\r{}\033[K", draw(stage, done, total, std::max(terminal_width(), 20)));
  std::fflush(stderr);
}

}  // namespace galago::cli
