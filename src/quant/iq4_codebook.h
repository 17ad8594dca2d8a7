// The 16 values of IQ4_NL and IQ4_XS, ggml's: denser towards 0, and not symmetric.
#pragma once

#include <cstdint>

namespace galago::quant {

inline constexpr std::int8_t kIQ4Codebook[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                 1,    13,   25,  38,  53,  69,  89,  113};

}  // namespace galago::quant
