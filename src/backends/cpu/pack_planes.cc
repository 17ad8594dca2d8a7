// Packing of the formats whose codes are integers: bit planes, and base 3.
#include <array>

#include "backends/cpu/pack_vectors.h"
#include "quant/k_scales.h"
#include "quant/q1_0.h"
#include "quant/q2_0.h"
#include "quant/q2_k.h"
#include "quant/q3_k.h"
#include "quant/q4_0.h"
#include "quant/q4_1.h"
#include "quant/q4_k.h"
#include "quant/q5_0.h"
#include "quant/q5_1.h"
#include "quant/q5_k.h"
#include "quant/q6_k.h"
#include "quant/q8_0.h"
#include "quant/tq1_0.h"
#include "quant/tq2_0.h"

namespace galago::cpu {
namespace {

struct Codes {
  std::uint8_t at[32];
};

// From a mask of 32 bits whose bit k belongs to element k.
void put_mask(const std::uint8_t* mask, int row, std::byte* plane) {
  Codes codes;
  for (int k = 0; k < 32; ++k) codes.at[k] = mask[k / 8] >> (k % 8) & 1;
  put_bits(codes.at, 0, row, plane);
}

void put_q4_0(const quant::BlockQ4_0& block, int row, std::byte* tile) {
  put_nibble_words(block.pairs, row, tile);
  put_half(block.scale, row, tile + 4 * kVector);
}

void put_q4_1(const quant::BlockQ4_1& block, int row, std::byte* tile) {
  put_nibble_words(block.pairs, row, tile);
  put_half(block.scale, row, tile + 4 * kVector);
  put_half(block.low, row, tile + 4 * kVector + 32);
}

void put_q5_0(const quant::BlockQ5_0& block, int row, std::byte* tile) {
  put_nibble_words(block.pairs, row, tile);
  put_mask(block.fifth, row, tile + 4 * kVector);
  put_half(block.scale, row, tile + 5 * kVector);
}

void put_q5_1(const quant::BlockQ5_1& block, int row, std::byte* tile) {
  put_nibble_words(block.pairs, row, tile);
  put_mask(block.fifth, row, tile + 4 * kVector);
  put_half(block.scale, row, tile + 5 * kVector);
  put_half(block.low, row, tile + 5 * kVector + 32);
}

void put_q8_0(const quant::BlockQ8_0& block, int row, std::byte* tile) {
  for (int j = 0; j < 8; ++j) std::memcpy(tile + j * kVector + row * 4, block.levels + 4 * j, 4);
  put_half(block.scale, row, tile + 8 * kVector);
}

// 32 bytes for 128 elements: bits 2 k hold the elements 32 k to 32 k + 31.
Codes quads_of(const std::uint8_t* quads, int group) {
  Codes codes;
  for (int k = 0; k < 32; ++k) codes.at[k] = quads[group / 4 * 32 + k] >> (group % 4 * 2) & 3;
  return codes;
}

void put_q2_k(const quant::BlockQ2_K& block, int row, std::byte* tile) {
  put_half(block.scale, row, tile);
  put_half(block.low, row, tile + 32);
  std::byte* out = tile + 64;
  for (int group = 0; group < 8; ++group, out += 2 * kVector + 32) {
    put_pairs(quads_of(block.quads, group).at, 0, row, out);
    put_byte(block.groups[2 * group], row, out + 2 * kVector);
    put_byte(block.groups[2 * group + 1], row, out + 2 * kVector + 16);
  }
}

void put_q3_k(const quant::BlockQ3_K& block, int row, std::byte* tile) {
  put_half(block.scale, row, tile);
  // The scale of 16 elements: low nibbles in bytes 0 to 7, two high bits each in bytes 8 to 11.
  const auto low = [&](int s) { return block.groups[s % 8] >> (s / 8 * 4) & 0xf; };
  const auto high = [&](int s) { return block.groups[8 + s % 4] >> (s / 4 * 2) & 3; };
  for (int quarter = 0; quarter < 4; ++quarter) {
    unsigned bits = 0;
    for (int i = 0; i < 4; ++i) bits |= static_cast<unsigned>(high(4 * quarter + i)) << (2 * i);
    put_byte(bits, row, tile + 32 + 16 * quarter);
  }
  std::byte* out = tile + 96;
  for (int group = 0; group < 8; ++group, out += 3 * kVector + 16) {
    put_pairs(quads_of(block.quads, group).at, 0, row, out);
    put_bits(block.third, group, row, out + 2 * kVector);
    put_byte(static_cast<unsigned>(low(2 * group) | low(2 * group + 1) << 4), row, out + 3 * kVector);
  }
}

Codes k_nibbles(const std::uint8_t* pairs, int group) {
  Codes codes;
  for (int k = 0; k < 32; ++k) codes.at[k] = pairs[group / 2 * 32 + k] >> (group % 2 * 4) & 0xf;
  return codes;
}

void put_q4_k(const quant::BlockQ4_K& block, int row, std::byte* tile) {
  put_half(block.scale, row, tile);
  put_half(block.low, row, tile + 32);
  std::byte* out = tile + 64;
  for (int group = 0; group < 8; ++group, out += 4 * kVector + 32) {
    put_nibbles(k_nibbles(block.pairs, group).at, row, out);
    const auto scale = quant::k_scale(block.groups, group);
    put_byte(static_cast<unsigned>(scale.scale), row, out + 4 * kVector);
    put_byte(static_cast<unsigned>(scale.low), row, out + 4 * kVector + 16);
  }
}

void put_q5_k(const quant::BlockQ5_K& block, int row, std::byte* tile) {
  put_half(block.scale, row, tile);
  put_half(block.low, row, tile + 32);
  std::byte* out = tile + 64;
  for (int group = 0; group < 8; ++group, out += 5 * kVector + 32) {
    put_nibbles(k_nibbles(block.pairs, group).at, row, out);
    put_bits(block.fifth, group, row, out + 4 * kVector);
    const auto scale = quant::k_scale(block.groups, group);
    put_byte(static_cast<unsigned>(scale.scale), row, out + 5 * kVector);
    put_byte(static_cast<unsigned>(scale.low), row, out + 5 * kVector + 16);
  }
}

void put_q6_k(const quant::BlockQ6_K& block, int row, std::byte* tile) {
  put_half(block.scale, row, tile);
  std::byte* out = tile + 32;
  for (int group = 0; group < 8; ++group, out += 6 * kVector + 32) {
    Codes codes;
    for (int k = 0; k < 32; ++k) {
      const int element = group * 32 + k;
      codes.at[k] = block.pairs[element / 128 * 64 + element % 64] >> (element % 128 / 64 * 4) & 0xf;
    }
    put_nibbles(codes.at, row, out);
    put_pairs(quads_of(block.upper, group).at, 0, row, out + 4 * kVector);
    put_byte(static_cast<std::uint8_t>(block.groups[2 * group]), row, out + 6 * kVector);
    put_byte(static_cast<std::uint8_t>(block.groups[2 * group + 1]), row, out + 6 * kVector + 16);
  }
}

void put_q1_0(const quant::BlockQ1_0& block, int row, std::byte* tile) {
  put_half(block.scale, row, tile);
  for (int group = 0; group < 4; ++group) put_mask(block.signs + 4 * group, row, tile + 32 + group * kVector);
}

void put_q2_0(const quant::BlockQ2_0& block, int row, std::byte* tile) {
  put_half(block.scale, row, tile);
  for (int group = 0; group < 2; ++group) {
    Codes codes;
    for (int k = 0; k < 32; ++k) codes.at[k] = block.quads[group * 8 + k / 4] >> (2 * (k % 4)) & 3;
    put_pairs(codes.at, 0, row, tile + 32 + group * 2 * kVector);
  }
}

void put_tq2_0(const quant::BlockTQ2_0& block, int row, std::byte* tile) {
  put_half(block.scale, row, tile);
  for (int group = 0; group < 8; ++group) {
    put_pairs(quads_of(block.quads, group).at, 0, row, tile + 32 + group * 2 * kVector);
  }
}

// The byte from which weights_ternary.inl.h reads the five trits of a number, the first one counting most.
constexpr std::array<std::uint8_t, 243> trit_bytes() {
  std::array<std::uint8_t, 243> bytes{};
  for (int byte = 255; byte >= 0; --byte) {
    int number = 0, q = byte;
    bool valid = true;
    for (int i = 0; i < 5; ++i) {
      const int trit = (q + (q + 1) / 2 + 1) / 2 / 64;
      valid = valid && trit < 3;
      number = number * 3 + trit;
      q = (3 * q + 2) % 256;
    }
    if (valid) bytes[static_cast<std::size_t>(number)] = static_cast<std::uint8_t>(byte);
  }
  return bytes;
}

void put_tq1_0(const quant::BlockTQ1_0& block, int row, std::byte* tile) {
  static constexpr std::array<std::uint8_t, 243> kTritBytes = trit_bytes();
  // 32 bytes hold a trit each of 32 elements, five times; then 16 bytes for 16, five times; then 4 for 4, four times.
  const auto trit = [&block](int k) {
    static constexpr int kPowers[5] = {1, 3, 9, 27, 81};
    const int byte = k < 160   ? block.fives[k % 32] * kPowers[k / 32]
                     : k < 240 ? block.fives[32 + k % 16] * kPowers[(k - 160) / 16]
                               : block.fours[k % 4] * kPowers[(k - 240) / 4];
    return (byte & 0xff) * 3 >> 8;
  };
  put_half(block.scale, row, tile);
  for (int vector = 0; vector < 13; ++vector) {
    for (int i = 0; i < 4; ++i) {
      int number = 0;
      for (int v = 5 * vector; v < 5 * vector + 5; ++v) number = number * 3 + (v < 64 ? trit(4 * v + i) : 0);
      tile[32 + vector * kVector + row * 4 + i] = static_cast<std::byte>(kTritBytes[static_cast<std::size_t>(number)]);
    }
  }
}

}  // namespace

PutBlock put_planes(WeightKind kind) {
  switch (kind) {
    case WeightKind::kQ8_0: return put_as<quant::BlockQ8_0, put_q8_0>;
    case WeightKind::kQ4_0: return put_as<quant::BlockQ4_0, put_q4_0>;
    case WeightKind::kQ4_1: return put_as<quant::BlockQ4_1, put_q4_1>;
    case WeightKind::kQ5_0: return put_as<quant::BlockQ5_0, put_q5_0>;
    case WeightKind::kQ5_1: return put_as<quant::BlockQ5_1, put_q5_1>;
    case WeightKind::kQ2_K: return put_as<quant::BlockQ2_K, put_q2_k>;
    case WeightKind::kQ3_K: return put_as<quant::BlockQ3_K, put_q3_k>;
    case WeightKind::kQ4_K: return put_as<quant::BlockQ4_K, put_q4_k>;
    case WeightKind::kQ5_K: return put_as<quant::BlockQ5_K, put_q5_k>;
    case WeightKind::kQ6_K: return put_as<quant::BlockQ6_K, put_q6_k>;
    case WeightKind::kQ1_0: return put_as<quant::BlockQ1_0, put_q1_0>;
    case WeightKind::kQ2_0: return put_as<quant::BlockQ2_0, put_q2_0>;
    case WeightKind::kTQ1_0: return put_as<quant::BlockTQ1_0, put_tq1_0>;
    case WeightKind::kTQ2_0: return put_as<quant::BlockTQ2_0, put_tq2_0>;
    default: return nullptr;
  }
}

}  // namespace galago::cpu
