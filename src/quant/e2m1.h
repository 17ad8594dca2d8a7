// FP4 E2M1 (OCP Microscaling 1.0) times two, which makes all its values integers; ggml knows no minus zero here.
#pragma once

#include <cstdint>

namespace galago::quant {

inline constexpr std::int8_t kTwiceE2M1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

}  // namespace galago::quant
