// A bar on standard error for work that takes longer than a glance.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"

namespace galago::cli {

// Shows nothing where standard error is no terminal, nor in the first 0.3 seconds; leaves nothing behind.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // "packing weights", 3 of 10 bytes. A total of 0 is unknown.
  void update(std::string_view stage, std::uint64_t done, std::uint64_t total);

 private:
  Clock::time_point begin_ = Clock::now();
  Clock::time_point drawn_at_{};
  bool enabled_;
  bool drawn_ = false;
};

}  // namespace galago::cli
