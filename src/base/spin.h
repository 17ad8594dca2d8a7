// Waiting for something that another thread is about to do, before sleeping.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/cpu_features.h"

namespace galago {

// A decoding step has hundreds of parallel regions a few microseconds apart; waking a parked thread costs 5 to 50 us.
inline constexpr std::int64_t kSpinNs = 50'000;
// Two looks at the clock lie well under a microsecond apart. A larger gap means that something else ran on this core,
// and spinning would take time from it.
inline constexpr std::int64_t kStolenNs = 20'000;

inline std::int64_t now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

// Spins until `done()`, the deadline, or until the core is needed elsewhere. Returns whether done.
template <class Done>
bool spin_until(std::int64_t deadline_ns, Done done) {
  std::int64_t last = now_ns();
  while (!done()) {
    for (int i = 0; i < 4; ++i) cpu_relax();
    const std::int64_t now = now_ns();
    if (now >= deadline_ns || now - last > kStolenNs) return done();
    last = now;
  }
  return true;
}

}  // namespace galago
