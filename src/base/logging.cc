#include "base/logging.h"

#include <atomic>
#include <mutex>

namespace galago {
namespace {

constexpr int kNoSink = 255;
std::atomic<int> least_level{kNoSink};

struct Sink {
  std::mutex mutex;
  LogSink write;  // guarded by mutex
};

// Never destroyed, so that threads may log while the program ends.
Sink& sink() {
  static Sink& instance = *new Sink;
  return instance;
}

}  // namespace

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return "debug";
    case LogLevel::kInfo: return "info";
    case LogLevel::kWarning: return "warning";
    case LogLevel::kError: return "error";
  }
  return "unknown";
}

void set_log_sink(LogSink write, LogLevel least) {
  const std::scoped_lock lock(sink().mutex);
  sink().write = std::move(write);
  least_level.store(sink().write ? static_cast<int>(least) : kNoSink, std::memory_order_relaxed);
}

bool log_enabled(LogLevel level) { return static_cast<int>(level) >= least_level.load(std::memory_order_relaxed); }

void write_log(LogLevel level, std::string_view message) {
  const std::scoped_lock lock(sink().mutex);
  if (sink().write && log_enabled(level)) sink().write(level, message);
}

}  // namespace galago
