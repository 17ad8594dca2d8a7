// What every block format has in common. A format is a struct of the bytes as files hold them (little-endian, fields at
// most 2-byte aligned), its kElements, and overloads in this namespace:
//   void decode(const Block&, float* out)        writes kElements values, the bits that the Python package gguf gives
//   void encode(const float* values, Block* out) where there is a quantizer
// Every bit pattern decodes: scales may be infinite or NaN, and so are the values then.
#pragma once

#include <bit>
#include <cstdint>

#include "galago/dtype.h"

namespace galago::quant {

static_assert(std::endian::native == std::endian::little, "blocks are read as they lie in little-endian files");

// The struct of an element type, specialised beside each: BlockOf<DType::kQ4_0>::type is BlockQ4_0.
template <DType dtype>
struct BlockOf;

}  // namespace galago::quant
