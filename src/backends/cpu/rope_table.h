// The angles of rotary embeddings, computed once a step and shared by all layers and heads.
#pragma once

#include <cstdint>
#include <span>

namespace galago::cpu {

// cos and sin: (positions, inv_freq) of float(position) * inv_freq, rounded to float as transformers does, times
// `factor` (the rope scaling's attention factor).
void rope_table(std::span<const std::int32_t> positions, std::span<const float> inv_freq, float factor, float* cos,
                float* sin);

}  // namespace galago::cpu
