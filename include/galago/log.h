// Messages of the library. It never prints: without a sink they are not even formatted.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace galago {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

std::string_view to_string(LogLevel level);

// Receives one line without its newline. May be called from any thread, one call at a time; must not log itself.
using LogSink = std::function<void(LogLevel, std::string_view)>;

// Sends messages of `least` and above to `sink`; an empty sink ends that.
void set_log_sink(LogSink sink, LogLevel least = LogLevel::kInfo);

}  // namespace galago
