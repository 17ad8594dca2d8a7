// What the ops that only move elements share: they take any plain element type and copy bytes.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace galago::ops {

// Fails for block formats, whose elements cannot be moved one by one.
inline Status expect_plain(const InputTypes& in, std::span<const TensorType> inputs, std::size_t index) {
  if (is_block_format(inputs[index].dtype)) return in.mismatch(index, "an element type without blocks");
  return {};
}

inline std::int64_t element_bytes(DType plain) { return info(plain).block_bytes; }

// The number of elements of the dims in [first, last).
inline std::int64_t elements_between(const TensorView& view, std::size_t first, std::size_t last) {
  std::int64_t product = 1;
  for (std::size_t i = first; i < last; ++i) product *= view.sizes[i];
  return product;
}

}  // namespace galago::ops
