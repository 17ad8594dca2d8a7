#include "quant/codec.h"

#include <array>
#include <cstring>
#include <type_traits>

#include "quant/iq1_m.h"
#include "quant/iq1_s.h"
#include "quant/iq2_s.h"
#include "quant/iq2_xs.h"
#include "quant/iq2_xxs.h"
#include "quant/iq3_s.h"
#include "quant/iq3_xxs.h"
#include "quant/iq4_nl.h"
#include "quant/iq4_xs.h"
#include "quant/mxfp4.h"
#include "quant/nvfp4.h"
#include "quant/plain.h"
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

namespace galago::quant {
namespace {

template <class Block>
void decode_row(const std::byte* blocks, float* out, std::int64_t elements) {
  for (std::int64_t done = 0; done + Block::kElements <= elements; done += Block::kElements) {
    Block block;  // a copy, for the source may be unaligned
    std::memcpy(&block, blocks, sizeof(Block));
    decode(block, out + done);
    blocks += sizeof(Block);
  }
}

template <class Block>
void encode_row(const float* values, std::byte* blocks, std::int64_t elements) {
  for (std::int64_t done = 0; done + Block::kElements <= elements; done += Block::kElements) {
    Block block;
    encode(values + done, &block);
    std::memcpy(blocks, &block, sizeof(Block));
    blocks += sizeof(Block);
  }
}

template <DType dtype, int block_elements, int block_bytes>
constexpr Codec make_codec() {
  using Block = typename BlockOf<dtype>::type;
  static_assert(Block::kElements == block_elements && sizeof(Block) == block_bytes,
                "formats.def and the struct differ");
  static_assert(std::is_trivially_copyable_v<Block>);
  Codec codec{dtype, decode_row<Block>, nullptr};
  if constexpr (requires(const float* values, Block* block) { encode(values, block); }) {
    codec.encode_row = encode_row<Block>;
  }
  return codec;
}

constexpr std::array kCodecs = {
#define GALAGO_DTYPE(enumerator, name, ggml_id, block_elements, block_bytes) \
  make_codec<DType::enumerator, block_elements, block_bytes>(),
#include "galago/formats.def"
#undef GALAGO_DTYPE
};

}  // namespace

const Codec& codec(DType dtype) { return kCodecs[static_cast<std::size_t>(dtype)]; }

}  // namespace galago::quant
