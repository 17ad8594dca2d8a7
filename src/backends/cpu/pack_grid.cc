// Packing of the formats whose codes are grid indices: the indices stay what they are, 8 bits of each in bytes of their
// own, and the signs become octet bits.
#include "backends/cpu/pack_vectors.h"
#include "quant/iq1_m.h"
#include "quant/iq1_s.h"
#include "quant/iq2_s.h"
#include "quant/iq2_xs.h"
#include "quant/iq2_xxs.h"
#include "quant/iq3_s.h"
#include "quant/iq3_xxs.h"
#include "quant/iq_grids.h"

namespace galago::cpu {
namespace {

// `count` index bytes of a row, 16 bytes apart.
void put_indices(const std::uint8_t* indices, int count, int row, std::byte* out) {
  for (int i = 0; i < count; ++i) put_byte(indices[i], row, out + 16 * i);
}

void put_u16(std::uint16_t word, int row, std::byte* out) {
  put_byte(word & 0xffu, row, out);
  put_byte(static_cast<unsigned>(word >> 8), row, out + 16);
}

// A word of four times seven signs and a scale of four bits.
void put_signs_and_scale(std::uint32_t word, int row, std::byte* plane) {
  std::uint8_t signs[4];
  for (int o = 0; o < 4; ++o) signs[o] = quant::even_signs(word >> (7 * o) & 0x7f);
  put_octet_bits(signs, row, plane);
  put_free_bits(word >> 28, row, plane);
}

void put_iq2_xxs(const quant::BlockIQ2_XXS& block, int row, std::byte* tile) {
  put_half(block.scale, row, tile);
  std::byte* out = tile + 32;
  for (int group = 0; group < 8; ++group, out += 128) {
    const std::uint16_t* words = block.words + 4 * group;
    for (int o = 0; o < 4; ++o) put_byte(words[o / 2] >> (o % 2 * 8) & 0xffu, row, out + 16 * o);
    put_signs_and_scale(words[2] | static_cast<std::uint32_t>(words[3]) << 16, row, out + 64);
  }
}

void put_iq2_xs(const quant::BlockIQ2_XS& block, int row, std::byte* tile) {
  put_half(block.scale, row, tile);
  std::byte* out = tile + 32;
  for (int group = 0; group < 8; ++group, out += 144) {
    std::uint8_t signs[4];
    unsigned ninth = 0;
    for (int o = 0; o < 4; ++o) {
      const std::uint16_t code = block.codes[4 * group + o];
      put_byte(code & 0xffu, row, out + 16 * o);
      ninth |= (code >> 8 & 1u) << o;
      signs[o] = quant::even_signs(code >> 9);
    }
    put_octet_bits(signs, row, out + 64);
    put_free_bits(ninth, row, out + 64);
    put_byte(block.groups[group], row, out + 128);
  }
}

void put_iq2_s(const quant::BlockIQ2_S& block, int row, std::byte* tile) {
  put_half(block.scale, row, tile);
  std::byte* out = tile + 32;
  for (int group = 0; group < 8; ++group, out += 160) {
    put_indices(block.indices + 4 * group, 4, row, out);
    put_octet_bits(block.signs + 4 * group, row, out + 64);
    put_byte(block.upper[group], row, out + 128);
    put_byte(block.groups[group], row, out + 144);
  }
}

void put_iq3_xxs(const quant::BlockIQ3_XXS& block, int row, std::byte* tile) {
  put_half(block.scale, row, tile);
  std::byte* out = tile + 32;
  for (int group = 0; group < 8; ++group, out += 192) {
    put_indices(block.indices + 8 * group, 8, row, out);
    const std::uint16_t* words = block.words + 2 * group;
    put_signs_and_scale(words[0] | static_cast<std::uint32_t>(words[1]) << 16, row, out + 128);
  }
}

void put_iq3_s(const quant::BlockIQ3_S& block, int row, std::byte* tile) {
  put_half(block.scale, row, tile);
  for (int quarter = 0; quarter < 4; ++quarter) put_byte(block.groups[quarter], row, tile + 32 + 16 * quarter);
  std::byte* out = tile + 96;
  for (int group = 0; group < 8; ++group, out += 208) {
    put_indices(block.indices + 8 * group, 8, row, out);
    put_octet_bits(block.signs + 4 * group, row, out + 128);
    put_byte(block.upper[group], row, out + 192);
  }
}

void put_iq1_s(const quant::BlockIQ1_S& block, int row, std::byte* tile) {
  put_half(block.scale, row, tile);
  std::byte* out = tile + 32;
  for (int group = 0; group < 8; ++group, out += 96) {
    put_indices(block.indices + 4 * group, 4, row, out);
    put_u16(block.groups[group], row, out + 64);
  }
}

void put_iq1_m(const quant::BlockIQ1_M& block, int row, std::byte* tile) {
  std::uint16_t scale = 0;
  unsigned above[4];  // of the 12 bits of 64 k, the highest four
  for (int quarter = 0; quarter < 4; ++quarter) {
    const std::uint16_t word = block.groups[quarter];
    scale |= static_cast<std::uint16_t>(word >> 12 << (4 * quarter));
    put_byte(word & 0xffu, row, tile + 32 + 16 * quarter);
    above[quarter] = word >> 8 & 0xfu;
  }
  put_half(scale, row, tile);
  put_byte(above[0] | above[1] << 4, row, tile + 96);
  put_byte(above[2] | above[3] << 4, row, tile + 112);
  std::byte* out = tile + 128;
  for (int group = 0; group < 8; ++group, out += 96) {
    put_indices(block.indices + 4 * group, 4, row, out);
    put_byte(block.upper[2 * group], row, out + 64);
    put_byte(block.upper[2 * group + 1], row, out + 80);
  }
}

}  // namespace

PutBlock put_grid(WeightKind kind) {
  switch (kind) {
    case WeightKind::kIQ1_S: return put_as<quant::BlockIQ1_S, put_iq1_s>;
    case WeightKind::kIQ1_M: return put_as<quant::BlockIQ1_M, put_iq1_m>;
    case WeightKind::kIQ2_XXS: return put_as<quant::BlockIQ2_XXS, put_iq2_xxs>;
    case WeightKind::kIQ2_XS: return put_as<quant::BlockIQ2_XS, put_iq2_xs>;
    case WeightKind::kIQ2_S: return put_as<quant::BlockIQ2_S, put_iq2_s>;
    case WeightKind::kIQ3_XXS: return put_as<quant::BlockIQ3_XXS, put_iq3_xxs>;
    case WeightKind::kIQ3_S: return put_as<quant::BlockIQ3_S, put_iq3_s>;
    default: return nullptr;
  }
}

}  // namespace galago::cpu
