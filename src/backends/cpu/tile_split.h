// The tiles of a linear in equal regions, one for each thread, and those in chunks that get smaller towards the end, so
// that all threads finish at about the same time: a chunk is half of what would be left of its region, but neither too
// small to be worth claiming nor so large that doing it a second time would be felt.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/team.h"

namespace galago::cpu {

class TileSplit {
 public:
  // Chunks that would do for all tiles; each region may have one more.
  static constexpr std::int64_t kMaxChunks = 200;

  // `tile_bytes`: of a tile's weights, on average; `rate`: bytes that a core reads in a nanosecond; `most`: tiles that
  // a chunk may have, more than tiles / kMaxChunks.
  TileSplit(std::int64_t tiles, std::int64_t tile_bytes, double rate, int n_threads, std::int64_t most) {
    bounds_[0] = 0;
    tiles = std::max<std::int64_t>(0, tiles);
    const double tiles_per_ns = rate / static_cast<double>(std::max<std::int64_t>(1, tile_bytes));
    const std::int64_t least = std::max<std::int64_t>(1, (tiles + kMaxChunks - 1) / kMaxChunks);
    std::int64_t smallest = std::max(least, static_cast<std::int64_t>(kLeastNs * tiles_per_ns));
    smallest = std::min(smallest, std::max(least, most));
    const std::int64_t largest =
        std::clamp(static_cast<std::int64_t>(kMostNs * tiles_per_ns), smallest, std::max(smallest, most));
    const std::int64_t regions = std::clamp<std::int64_t>(n_threads, 1, Team::kMaxRegions);
    for (std::int64_t region = 0; region < regions; ++region) {
      const std::int64_t end = tiles * (region + 1) / regions;
      for (std::int64_t first = bounds_[count_]; first < end; bounds_[++count_] = first) {
        const std::int64_t left = end - first;
        const std::int64_t size = std::clamp(left / 2, smallest, largest);
        first += left - size < smallest / 2 && left <= most ? left : std::min(left, size);
      }
      region_ends_[n_regions_++] = count_;
    }
  }

  int count() const { return count_; }
  std::span<const int> regions() const { return {region_ends_, static_cast<std::size_t>(n_regions_)}; }

  // The tiles [first, last) of a chunk.
  struct Range {
    std::int64_t first, last;
  };
  Range at(int chunk) const { return {bounds_[chunk], bounds_[chunk + 1]}; }

 private:
  // Claiming and publishing a chunk takes some 0.2 us.
  static constexpr double kLeastNs = 2'000, kMostNs = 16'000;

  std::int64_t bounds_[Team::kMaxRedoable + 1];  // as many as there are chunks, and one
  int region_ends_[Team::kMaxRegions];
  int count_ = 0, n_regions_ = 0;
};

static_assert(TileSplit::kMaxChunks + Team::kMaxRegions <= Team::kMaxRedoable);

}  // namespace galago::cpu
