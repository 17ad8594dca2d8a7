// How a session keeps its keys and values.
#pragma once

#include <cstdint>

namespace galago {

enum class KvType : std::uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ8,  // int8 with an f16 scale for each token and head: 1.03 bytes an element in heads of 64
  kQ4,  // 4 bits with an f16 scale for each 32 elements of a token's head: 0.56 bytes an element
};

}  // namespace galago
