// log(LogLevel::kInfo, "{}: {} tensors", path, n): to the sink of galago/log.h, if there is one.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "galago/log.h"

namespace galago {

// Whether a message of `level` would reach a sink: one relaxed load.
bool log_enabled(LogLevel level);

void write_log(LogLevel level, std::string_view message);

template <class... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(level)) write_log(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace galago
