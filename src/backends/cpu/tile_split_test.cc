#include "backends/cpu/tile_split.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace galago::cpu {
namespace {

TEST(TileSplit, CoversAllTilesInOrderWithFewChunks) {
  for (const std::int64_t tiles : {1, 2, 7, 60, 3072, 9496, 100000}) {
    for (const std::int64_t tile_bytes : {1, 5760, 1 << 20}) {
      for (const double rate : {1e-3, 0.5, 8.0, 400.0}) {
        for (const int n_threads : {1, 2, 64}) {
          const std::int64_t most = tiles / TileSplit::kMaxChunks + 30;
          const TileSplit split(tiles, tile_bytes, rate, n_threads, most);
          ASSERT_GE(split.count(), 1);
          ASSERT_LE(split.count(), Team::kMaxRedoable);
          std::int64_t end = 0;
          for (int chunk = 0; chunk < split.count(); ++chunk) {
            const TileSplit::Range range = split.at(chunk);
            ASSERT_EQ(range.first, end);
            ASSERT_GT(range.last, range.first);
            ASSERT_LE(range.last - range.first, most);
            end = range.last;
          }
          ASSERT_EQ(end, tiles);
          ASSERT_EQ(split.regions().size(), static_cast<std::size_t>(std::min(n_threads, Team::kMaxRegions)));
          ASSERT_EQ(split.regions().back(), split.count());
          ASSERT_TRUE(std::ranges::is_sorted(split.regions()));
        }
      }
    }
  }
  EXPECT_EQ(TileSplit(0, 1, 8.0, 2, 1).count(), 0);
}

TEST(TileSplit, RegionsAreEqualAndEndWithSmallChunks) {
  const TileSplit split(400, 16 * 1024, 8.0, 2, 1000);
  ASSERT_EQ(split.regions().size(), 2u);
  const int middle = split.regions()[0];
  EXPECT_EQ(split.at(middle).first, 200);
  const auto size = [&](int chunk) { return split.at(chunk).last - split.at(chunk).first; };
  EXPECT_EQ(size(0), 7) << "16 us at 8 bytes a nanosecond";
  EXPECT_EQ(size(middle), 7);
  EXPECT_LE(size(middle - 1), 2);
  EXPECT_LE(size(split.count() - 1), 2);
  for (int chunk = 1; chunk < split.count(); ++chunk) {
    if (chunk == middle) continue;
    EXPECT_LE(size(chunk), size(chunk - 1)) << chunk;
  }
}

}  // namespace
}  // namespace galago::cpu
