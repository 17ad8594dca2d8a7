// What the numbers of one stored tensor are like.
#pragma once

#include <cstdint>
#include <vector>

#include "formats/stored_tensor.h"

namespace galago::cli {

// Of the finite values; NaN and infinities are counted alone.
struct TensorStatistics {
  std::int64_t elements = 0;
  std::int64_t nans = 0;
  std::int64_t infinities = 0;
  std::int64_t finite = 0;
  double least = 0;
  double greatest = 0;
  double mean = 0;
  double deviation = 0;
  std::vector<float> first;  // the first values as they are stored, decoded
};

// Decodes a piece at a time, whatever the tensor's size.
TensorStatistics measure(const formats::StoredTensor& tensor, std::size_t n_first = 16);

}  // namespace galago::cli
