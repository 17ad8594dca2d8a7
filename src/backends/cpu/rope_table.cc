#include "backends/cpu/rope_table.h"

#include <cmath>
#include <cstddef>

namespace galago::cpu {

void rope_table(std::span<const std::int32_t> positions, std::span<const float> inv_freq, float factor, float* cos,
                float* sin) {
  for (std::size_t row = 0; row < positions.size(); ++row) {
    for (std::size_t i = 0; i < inv_freq.size(); ++i) {
      // The product is rounded to float first, as the original implementations do: at position 100,000 the rounding of
      // the angle weighs more than that of the cosine.
      const float angle = static_cast<float>(positions[row]) * inv_freq[i];
      cos[row * inv_freq.size() + i] = static_cast<float>(std::cos(static_cast<double>(angle))) * factor;
      sin[row * inv_freq.size() + i] = static_cast<float>(std::sin(static_cast<double>(angle))) * factor;
    }
  }
}

}  // namespace galago::cpu
