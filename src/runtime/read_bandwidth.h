// What the memory gives: the speed at which threads read a buffer that no cache holds.
#pragma once

#include <cstdint>

#include "galago/result.h"

namespace galago::runtime {

// Bytes per second at best of several passes over `bytes` with `n_threads`. Fails when there is no memory for them.
Result<double> measure_read_bandwidth(std::uint64_t bytes, int n_threads);

}  // namespace galago::runtime
