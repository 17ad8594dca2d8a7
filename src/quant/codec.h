// The reference codec of every element type: exact, portable, not fast. Kernels have their own decoders, tested on
// this.
#pragma once

#include <cstddef>
#include <cstdint>

#include "galago/dtype.h"

namespace galago::quant {

struct Codec {
  DType dtype;
  // `elements` is a multiple of the block's; the bytes may lie unaligned (a mapped file) and hold any pattern.
  void (*decode_row)(const std::byte* blocks, float* out, std::int64_t elements);
  // Writes row_bytes(dtype, elements) bytes. nullptr: the type has no encoder.
  void (*encode_row)(const float* values, std::byte* blocks, std::int64_t elements);
};

const Codec& codec(DType dtype);

}  // namespace galago::quant
