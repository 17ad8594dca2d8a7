// Packing of the formats whose nibbles stand for fixed levels.
#include "backends/cpu/pack_vectors.h"
#include "quant/iq4_nl.h"
#include "quant/iq4_xs.h"
#include "quant/mxfp4.h"
#include "quant/nvfp4.h"

namespace galago::cpu {
namespace {

void put_iq4_nl(const quant::BlockIQ4_NL& block, int row, std::byte* tile) {
  put_nibble_words(block.pairs, row, tile);
  put_half(block.scale, row, tile + 4 * kVector);
}

void put_iq4_xs(const quant::BlockIQ4_XS& block, int row, std::byte* tile) {
  put_half(block.scale, row, tile);
  std::byte* out = tile + 32;
  for (int group = 0; group < 8; ++group, out += 4 * kVector + 16) {
    put_nibble_words(block.pairs + 16 * group, row, out);
    const int low = block.groups[group / 2] >> (group % 2 * 4) & 0xf, high = block.upper >> (group * 2) & 3;
    put_byte(static_cast<std::uint8_t>((low | high << 4) - 32), row, out + 4 * kVector);
  }
}

void put_mxfp4(const quant::BlockMXFP4& block, int row, std::byte* tile) {
  put_nibble_words(block.pairs, row, tile);
  put_byte(block.exponent, row, tile + 4 * kVector);
}

// UE4M3 (quant/half.h) without its exceptions: 0x7f means 0, 0xff means 480, which is what 0x7f counts to.
unsigned plain_e4m3(std::uint8_t code) { return code == 0x7f ? 0u : code & 0x7fu; }

void put_nvfp4(const quant::BlockNVFP4& block, int row, std::byte* tile) {
  for (int group = 0; group < 2; ++group, tile += 4 * kVector + 32) {
    std::uint8_t codes[32];
    for (int k = 0; k < 32; ++k) {  // 8 bytes for 16 elements, low nibbles the first 8
      codes[k] = block.pairs[group * 16 + k / 16 * 8 + k % 8] >> (k / 8 % 2 * 4) & 0xf;
    }
    put_nibbles(codes, row, tile);
    put_byte(plain_e4m3(block.scales[2 * group]), row, tile + 4 * kVector);
    put_byte(plain_e4m3(block.scales[2 * group + 1]), row, tile + 4 * kVector + 16);
  }
}

}  // namespace

PutBlock put_codebook(WeightKind kind) {
  switch (kind) {
    case WeightKind::kIQ4_NL: return put_as<quant::BlockIQ4_NL, put_iq4_nl>;
    case WeightKind::kIQ4_XS: return put_as<quant::BlockIQ4_XS, put_iq4_xs>;
    case WeightKind::kMXFP4: return put_as<quant::BlockMXFP4, put_mxfp4>;
    case WeightKind::kNVFP4: return put_as<quant::BlockNVFP4, put_nvfp4>;
    default: return nullptr;
  }
}

}  // namespace galago::cpu
