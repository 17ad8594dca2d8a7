// Random numbers that are the same everywhere, for weights without a file and for tests. Not for choosing tokens.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace galago {

// SplitMix64 (Steele, Lea, Flood 2014): every seed is as good as any other.
class RandomBits {
 public:
  explicit RandomBits(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t bits = state_ += 0x9e3779b97f4a7c15u;
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
    return bits ^ bits >> 31;
  }

 private:
  std::uint64_t state_;
};

// Normally distributed, of mean 0 and deviation 1, in pairs (Box and Muller 1958).
class RandomNormals {
 public:
  explicit RandomNormals(std::uint64_t seed) : bits_(seed) {}

  float next() {
    has_second_ = !has_second_;
    if (!has_second_) return second_;
    constexpr float kStep = 0x1p-24f;
    const std::uint64_t bits = bits_.next();
    const float uniform = static_cast<float>((bits >> 40) + 1) * kStep;  // of (0, 1]
    const float angle = static_cast<float>(bits >> 8 & 0xffffff) * (kStep * 2.0f * std::numbers::pi_v<float>);
    const float radius = std::sqrt(-2.0f * std::log(uniform));
    second_ = radius * std::sin(angle);
    return radius * std::cos(angle);
  }

 private:
  RandomBits bits_;
  float second_ = 0.0f;
  bool has_second_ = false;
};

}  // namespace galago
