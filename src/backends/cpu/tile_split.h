// The tiles of a linear in chunks that get smaller towards the end, so that all threads finish at about the same time:
// a chunk is half of what would be left for each thread, but neither too small to be worth claiming nor so large that
// doing it a second time would be felt.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/team.h"

namespace galago::cpu {

class TileSplit {
 public:
  static constexpr std::int64_t kMaxChunks = 200;

  // `tile_bytes`: of a tile's weights, on average; `rate`: bytes that a core reads in a nanosecond; `most`: tiles that
  // a chunk may have, more than tiles / kMaxChunks.
  TileSplit(std::int64_t tiles, std::int64_t tile_bytes, double rate, int n_threads, std::int64_t most)
      : tiles_(std::max<std::int64_t>(0, tiles)), shares_(2 * std::max(1, n_threads)) {
    const double tiles_per_ns = rate / static_cast<double>(std::max<std::int64_t>(1, tile_bytes));
    const std::int64_t least = std::max<std::int64_t>(1, (tiles_ + kMaxChunks - 1) / kMaxChunks);
    smallest_ = std::max(least, static_cast<std::int64_t>(kLeastNs * tiles_per_ns));
    smallest_ = std::min(smallest_, std::max(least, most));
    largest_ = std::clamp(static_cast<std::int64_t>(kMostNs * tiles_per_ns), smallest_, std::max(smallest_, most));
    for (std::int64_t first = 0; first < tiles_; first += size(first)) ++count_;
  }

  int count() const { return count_; }

  // The tiles [first, last) of a chunk.
  struct Range {
    std::int64_t first, last;
  };
  Range at(int chunk) const {
    Range range{0, size(0)};
    for (int i = 0; i < chunk; ++i) range = {range.last, range.last + size(range.last)};
    return range;
  }

 private:
  // Claiming and publishing a chunk takes some 0.2 us.
  static constexpr double kLeastNs = 2'000, kMostNs = 16'000;

  std::int64_t size(std::int64_t first) const {
    const std::int64_t left = tiles_ - first;
    return std::min(left, std::clamp(left / shares_, smallest_, largest_));
  }

  std::int64_t tiles_, shares_, smallest_ = 1, largest_ = 1;
  int count_ = 0;
};

static_assert(TileSplit::kMaxChunks <= Team::kMaxRedoable);

}  // namespace galago::cpu
