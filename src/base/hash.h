// XXH64 [Collet, xxhash_spec.md]: tells damaged and other bytes apart at the speed of memory. No protection from those
// who look for collisions.
#pragma once

#include <cstdint>

#include "base/file.h"

namespace galago {

std::uint64_t hash_bytes(Bytes bytes, std::uint64_t seed = 0);

}  // namespace galago
