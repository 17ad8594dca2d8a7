// Weights whose rows are made of stored bytes when they are read.
#pragma once

#include <cstdint>

#include "galago/tensor.h"

namespace galago::models {

// The columns of a matrix of plain numbers as rows. `stored` lies in one place, in order.
Tensor transposed_rows(const Tensor& stored);

// MXFP4 from codes (u8, rows, blocks, kMxfp4CodeBytes), in which elements 2j and 2j + 1 of a block share a byte, and
// exponents (u8, rows, blocks).
inline constexpr std::int64_t kMxfp4CodeBytes = 16;
Tensor mxfp4_rows(const Tensor& codes, const Tensor& exponents);

}  // namespace galago::models
