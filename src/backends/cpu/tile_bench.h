// Measures the register tiles of the linears: `galago bench --tiles`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "backends/cpu/kernel_functions.h"

namespace galago::cpu {

struct TileSpeed {
  RegisterTile tile;
  double multiply_adds_per_second = 0;  // of one thread, everything in its caches; the median of the rounds
  bool chosen = false;
};

struct TileMeasurement {
  std::string isa;
  std::string kernel;  // "int8" or "f32"
  std::vector<TileSpeed> speeds;
};

// Of every instruction set of this machine, in rounds that visit all, so that noise hits all. `progress`: done, of.
std::vector<TileMeasurement> measure_tiles(int rounds, const std::function<void(int, int)>& progress);

}  // namespace galago::cpu
