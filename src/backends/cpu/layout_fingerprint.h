// What the packing of a type looks like, as a number: packed bytes that were kept are used only while it is the same.
#pragma once

#include <cstdint>

#include "galago/dtype.h"

namespace galago::cpu {

// A hash of what pack_tile_range() makes of sample rows. It follows every change of a layout by itself, so there is no
// version to raise and none to forget. 0 for types that stay in rows.
std::uint64_t layout_fingerprint(DType dtype);

}  // namespace galago::cpu
