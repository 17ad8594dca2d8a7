#include "runtime/position_log.h"

#include <algorithm>

namespace galago::runtime {

std::int64_t PositionLog::next(std::int64_t length) const {
  const auto after = std::upper_bound(marks_.begin(), marks_.end(), length,
                                      [](std::int64_t wanted, const Mark& mark) { return wanted < mark.length; });
  if (after == marks_.begin()) return length;
  const Mark& mark = *std::prev(after);
  return mark.next + (length - mark.length);
}

void PositionLog::append(std::int64_t length, std::int64_t n, std::span<const std::int32_t> positions) {
  truncate(length);
  std::int64_t counted = next(length);
  for (std::int64_t i = 0; i < n; ++i) {
    std::int64_t reached = counted;
    for (std::size_t at = static_cast<std::size_t>(i); at < positions.size(); at += static_cast<std::size_t>(n)) {
      reached = std::max(reached, std::int64_t{positions[at]} + 1);
    }
    if (reached != counted + 1) marks_.push_back({length + i + 1, reached});
    counted = reached;
  }
}

void PositionLog::truncate(std::int64_t length) {
  while (!marks_.empty() && marks_.back().length > length) marks_.pop_back();
}

}  // namespace galago::runtime
