#include "backends/cpu/tile_bench.h"

#include <gtest/gtest.h>

namespace galago::cpu {
namespace {

TEST(TileBench, MeasuresTilesThatFitAndOthers) {
  int calls = 0;
  const auto measured = measure_tiles(1, [&](int done, int of) { calls += done == of ? 1 : 0; });
  EXPECT_EQ(calls, 1);
  ASSERT_FALSE(measured.empty());
  EXPECT_EQ(measured.front().isa, "scalar");
  for (const TileMeasurement& one : measured) {
    SCOPED_TRACE(one.isa + " " + one.kernel);
    int chosen = 0;
    for (const TileSpeed& speed : one.speeds) {
      EXPECT_GT(speed.multiply_adds_per_second, 0.0);
      if (!speed.chosen) continue;
      ++chosen;
      EXPECT_LE(speed.tile.used, speed.tile.registers);
    }
    EXPECT_EQ(chosen, 1);
  }
}

}  // namespace
}  // namespace galago::cpu
