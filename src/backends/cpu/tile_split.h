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
  TileSplit(std::int64_t tiles, std::int64_t tile_bytes, double rate, int n_threads, std::int64_t most) {
    bounds_[0] = 0;
    tiles = std::max<std::int64_t>(0, tiles);
    const double tiles_per_ns = rate / static_cast<double>(std::max<std::int64_t>(1, tile_bytes));
    const double share = 0.5 / std::max(1, n_threads);
    const std::int64_t least = std::max<std::int64_t>(1, (tiles + kMaxChunks - 1) / kMaxChunks);
    std::int64_t smallest = std::max(least, static_cast<std::int64_t>(kLeastNs * tiles_per_ns));
    smallest = std::min(smallest, std::max(least, most));
    const std::int64_t largest =
        std::clamp(static_cast<std::int64_t>(kMostNs * tiles_per_ns), smallest, std::max(smallest, most));
    for (std::int64_t first = 0; first < tiles; bounds_[++count_] = first) {
      const std::int64_t left = tiles - first;
      const auto wanted = static_cast<std::int64_t>(static_cast<double>(left) * share);
      const std::int64_t size = std::clamp(wanted, smallest, largest);
      first += left - size < smallest / 2 && left <= most ? left : std::min(left, size);
    }
  }

  int count() const { return count_; }

  // The tiles [first, last) of a chunk.
  struct Range {
    std::int64_t first, last;
  };
  Range at(int chunk) const { return {bounds_[chunk], bounds_[chunk + 1]}; }

 private:
  // Claiming and publishing a chunk takes some 0.2 us.
  static constexpr double kLeastNs = 2'000, kMostNs = 16'000;

  std::int64_t bounds_[kMaxChunks + 1];  // as many as there are chunks, and one
  int count_ = 0;
};

static_assert(TileSplit::kMaxChunks <= Team::kMaxRedoable);

}  // namespace galago::cpu
