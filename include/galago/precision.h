// The numeric classes in which a model can run.
#pragma once

#include <cstdint>

namespace galago {

enum class Precision : std::uint8_t {
  kFast,   // int8 activations in groups of at most 32, keys and values in f16
  kExact,  // f32 activations, keys, values and sums over exactly decoded weights
};

}  // namespace galago
