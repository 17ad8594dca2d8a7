#include "backends/cpu/packing.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/error.h"
#include "quant/codec.h"
#include "quant/k_scales.h"
#include "quant/q4_0.h"
#include "quant/q4_1.h"
#include "quant/q4_k.h"
#include "quant/q5_0.h"
#include "quant/q5_1.h"
#include "quant/q5_k.h"
#include "quant/q6_k.h"
#include "quant/q8_0.h"

namespace galago::cpu {
namespace {

constexpr std::int64_t kVector = 64;  // 16 rows x 4 k of bytes

// Elements and bytes of one block column of a tile: the unit that repeats along K.
struct TileBlock {
  std::int64_t elements, bytes;
};

TileBlock tile_block(WeightKind kind) {
  switch (kind) {
    case WeightKind::kRows: return {1, 0};
    case WeightKind::kF32: return {1, kTileRows * 4};
    case WeightKind::kF16:
    case WeightKind::kBF16: return {1, kTileRows * 2};
    case WeightKind::kQ8_0: return {32, 8 * kVector + 32};
    case WeightKind::kQ4_0: return {32, 4 * kVector + 32};
    case WeightKind::kQ4_1: return {32, 4 * kVector + 64};
    case WeightKind::kQ5_0: return {32, 5 * kVector + 32};
    case WeightKind::kQ5_1: return {32, 5 * kVector + 64};
    case WeightKind::kQ4_K: return {256, 64 + 8 * (4 * kVector + 32)};
    case WeightKind::kQ5_K: return {256, 64 + 8 * (5 * kVector + 32)};
    case WeightKind::kQ6_K: return {256, 32 + 8 * (6 * kVector + 32)};
  }
  return {1, 0};
}

// The parts of a tile block that one row writes. `codes` are 32 unsigned codes, k-ordered.
void put_nibbles(const std::uint8_t* codes, int row, std::byte* vectors) {
  for (int j = 0; j < 4; ++j) {
    for (int i = 0; i < 4; ++i) {
      vectors[j * kVector + row * 4 + i] =
          static_cast<std::byte>((codes[4 * j + i] & 0xf) | (codes[16 + 4 * j + i] & 0xf) << 4);
    }
  }
}

void put_fifth_bits(const std::uint8_t* codes, int row, std::byte* plane) {
  for (int i = 0; i < 4; ++i) {
    unsigned bits = 0;
    for (int j = 0; j < 8; ++j) bits |= (codes[4 * j + i] >> 4 & 1u) << j;
    plane[row * 4 + i] = static_cast<std::byte>(bits);
  }
}

void put_upper_pairs(const std::uint8_t* codes, int row, std::byte* planes) {
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 4; ++i) {
      unsigned bits = 0;
      for (int j = 0; j < 4; ++j) bits |= (codes[16 * half + 4 * j + i] >> 4 & 3u) << (2 * j);
      planes[half * kVector + row * 4 + i] = static_cast<std::byte>(bits);
    }
  }
}

// In the formats with 16 byte pairs the k order of a row's nibble bytes is the tile's: words move as they are.
void put_pairs(const std::uint8_t* pairs, int row, std::byte* vectors) {
  for (int j = 0; j < 4; ++j) std::memcpy(vectors + j * kVector + row * 4, pairs + 4 * j, 4);
}

void put_half(std::uint16_t half, int row, std::byte* halves) { std::memcpy(halves + row * 2, &half, 2); }

// Bit j of byte i: the fifth bit of element 4 j + i, from a mask whose bit k belongs to element k.
void put_fifth_mask(const std::uint8_t* mask, int row, std::byte* plane) {
  std::uint8_t codes[32];
  for (int k = 0; k < 32; ++k) codes[k] = static_cast<std::uint8_t>((mask[k / 8] >> (k % 8) & 1) << 4);
  put_fifth_bits(codes, row, plane);
}

template <class Block>
Block read_block(const std::byte* source) {
  Block block;
  std::memcpy(&block, source, sizeof(Block));
  return block;
}

void put_q4_0(const std::byte* source, int row, std::byte* tile) {
  const auto block = read_block<quant::BlockQ4_0>(source);
  put_pairs(block.pairs, row, tile);
  put_half(block.scale, row, tile + 4 * kVector);
}

void put_q4_1(const std::byte* source, int row, std::byte* tile) {
  const auto block = read_block<quant::BlockQ4_1>(source);
  put_pairs(block.pairs, row, tile);
  put_half(block.scale, row, tile + 4 * kVector);
  put_half(block.low, row, tile + 4 * kVector + 32);
}

void put_q5_0(const std::byte* source, int row, std::byte* tile) {
  const auto block = read_block<quant::BlockQ5_0>(source);
  put_pairs(block.pairs, row, tile);
  put_fifth_mask(block.fifth, row, tile + 4 * kVector);
  put_half(block.scale, row, tile + 5 * kVector);
}

void put_q5_1(const std::byte* source, int row, std::byte* tile) {
  const auto block = read_block<quant::BlockQ5_1>(source);
  put_pairs(block.pairs, row, tile);
  put_fifth_mask(block.fifth, row, tile + 4 * kVector);
  put_half(block.scale, row, tile + 5 * kVector);
  put_half(block.low, row, tile + 5 * kVector + 32);
}

void put_q8_0(const std::byte* source, int row, std::byte* tile) {
  const auto block = read_block<quant::BlockQ8_0>(source);
  for (int j = 0; j < 8; ++j) std::memcpy(tile + j * kVector + row * 4, block.levels + 4 * j, 4);
  put_half(block.scale, row, tile + 8 * kVector);
}

void put_q4_k(const std::byte* source, int row, std::byte* tile) {
  const auto block = read_block<quant::BlockQ4_K>(source);
  put_half(block.scale, row, tile);
  put_half(block.low, row, tile + 32);
  for (int group = 0; group < 8; ++group) {
    std::byte* out = tile + 64 + group * (4 * kVector + 32);
    std::uint8_t codes[32];
    for (int k = 0; k < 32; ++k) codes[k] = block.pairs[group / 2 * 32 + k] >> (group % 2 * 4) & 0xf;
    put_nibbles(codes, row, out);
    const auto scale = quant::k_scale(block.groups, group);
    out[4 * kVector + row] = static_cast<std::byte>(scale.scale);
    out[4 * kVector + 16 + row] = static_cast<std::byte>(scale.low);
  }
}

void put_q5_k(const std::byte* source, int row, std::byte* tile) {
  const auto block = read_block<quant::BlockQ5_K>(source);
  put_half(block.scale, row, tile);
  put_half(block.low, row, tile + 32);
  for (int group = 0; group < 8; ++group) {
    std::byte* out = tile + 64 + group * (5 * kVector + 32);
    std::uint8_t codes[32];
    for (int k = 0; k < 32; ++k) {
      const int lower = block.pairs[group / 2 * 32 + k] >> (group % 2 * 4) & 0xf;
      codes[k] = static_cast<std::uint8_t>(lower | (block.fifth[k] >> group & 1) << 4);
    }
    put_nibbles(codes, row, out);
    put_fifth_bits(codes, row, out + 4 * kVector);
    const auto scale = quant::k_scale(block.groups, group);
    out[5 * kVector + row] = static_cast<std::byte>(scale.scale);
    out[5 * kVector + 16 + row] = static_cast<std::byte>(scale.low);
  }
}

void put_q6_k(const std::byte* source, int row, std::byte* tile) {
  const auto block = read_block<quant::BlockQ6_K>(source);
  put_half(block.scale, row, tile);
  for (int group = 0; group < 8; ++group) {
    std::byte* out = tile + 32 + group * (6 * kVector + 32);
    std::uint8_t codes[32];
    for (int k = 0; k < 32; ++k) {
      const int element = group * 32 + k, half = element / 128;
      const int lower = block.pairs[half * 64 + element % 64] >> (element % 128 / 64 * 4) & 0xf;
      const int upper = block.upper[half * 32 + element % 32] >> (element % 128 / 32 * 2) & 3;
      codes[k] = static_cast<std::uint8_t>(lower | upper << 4);
    }
    put_nibbles(codes, row, out);
    put_upper_pairs(codes, row, out + 4 * kVector);
    out[6 * kVector + row] = static_cast<std::byte>(block.groups[2 * group]);
    out[6 * kVector + 16 + row] = static_cast<std::byte>(block.groups[2 * group + 1]);
  }
}

using PutBlock = void (*)(const std::byte* source, int row, std::byte* tile);

PutBlock put_block(WeightKind kind) {
  switch (kind) {
    case WeightKind::kQ8_0: return put_q8_0;
    case WeightKind::kQ4_0: return put_q4_0;
    case WeightKind::kQ4_1: return put_q4_1;
    case WeightKind::kQ5_0: return put_q5_0;
    case WeightKind::kQ5_1: return put_q5_1;
    case WeightKind::kQ4_K: return put_q4_k;
    case WeightKind::kQ5_K: return put_q5_k;
    case WeightKind::kQ6_K: return put_q6_k;
    default: return nullptr;
  }
}

// Plain numbers: (row, k) to (k, row).
template <class T>
void put_plain_row(const std::byte* source, std::int64_t cols, int row, std::byte* tile) {
  for (std::int64_t k = 0; k < cols; ++k)
    std::memcpy(tile + (k * kTileRows + row) * sizeof(T), source + k * sizeof(T), sizeof(T));
}

void put_row(WeightKind kind, const DTypeInfo& type, const std::byte* source, std::int64_t cols, int row,
             std::byte* tile) {
  if (kind == WeightKind::kF32) return put_plain_row<std::uint32_t>(source, cols, row, tile);
  if (kind == WeightKind::kF16 || kind == WeightKind::kBF16)
    return put_plain_row<std::uint16_t>(source, cols, row, tile);
  const PutBlock put = put_block(kind);
  const std::int64_t bytes = tile_block(kind).bytes;
  for (std::int64_t block = 0; block < cols / type.block_elements; ++block) {
    put(source + block * type.block_bytes, row, tile + block * bytes);
  }
}

}  // namespace

WeightKind weight_kind(DType dtype) {
  switch (dtype) {
    case DType::kF32: return WeightKind::kF32;
    case DType::kF16: return WeightKind::kF16;
    case DType::kBF16: return WeightKind::kBF16;
    case DType::kQ8_0: return WeightKind::kQ8_0;
    case DType::kQ4_0: return WeightKind::kQ4_0;
    case DType::kQ4_1: return WeightKind::kQ4_1;
    case DType::kQ5_0: return WeightKind::kQ5_0;
    case DType::kQ5_1: return WeightKind::kQ5_1;
    case DType::kQ4_K: return WeightKind::kQ4_K;
    case DType::kQ5_K: return WeightKind::kQ5_K;
    case DType::kQ6_K: return WeightKind::kQ6_K;
    default: return WeightKind::kRows;
  }
}

bool takes_int8(WeightKind kind) { return kind >= WeightKind::kQ8_0; }

std::int64_t tile_count(std::int64_t rows) { return rows / kTileRows + (rows % kTileRows != 0 ? 1 : 0); }

std::uint64_t tile_bytes(WeightKind kind, std::int64_t cols) {
  const TileBlock block = tile_block(kind);
  if (cols < 0 || cols % block.elements != 0) return 0;
  return checked_mul<std::uint64_t>(static_cast<std::uint64_t>(cols / block.elements),
                                    static_cast<std::uint64_t>(block.bytes))
      .value_or(0);
}

std::uint64_t packed_bytes(DType dtype, std::int64_t rows, std::int64_t cols) {
  if (rows < 0) return 0;
  return checked_mul(static_cast<std::uint64_t>(tile_count(rows)), tile_bytes(weight_kind(dtype), cols)).value_or(0);
}

std::int64_t quant_blocks(std::int64_t cols) { return cols / kQuantGroup + (cols % kQuantGroup != 0 ? 1 : 0); }

Status pack_tile_range(SourceRow source, DType dtype, std::int64_t rows, std::int64_t cols, std::int64_t first_tile,
                       std::int64_t last_tile, std::byte* out) {
  const WeightKind kind = weight_kind(dtype);
  const DTypeInfo& type = info(dtype);
  const std::uint64_t bytes = tile_bytes(kind, cols);
  if (kind == WeightKind::kRows) {
    return error(ErrorCode::kInternal, "weights of type {} have no tile layout; use them as rows", type.name);
  }
  if (rows <= 0 || cols <= 0 || bytes == 0) {
    return error(ErrorCode::kInvalidArgument, "cannot pack a {} matrix of {} x {}: columns come in blocks of {}",
                 type.name, rows, cols, type.block_elements);
  }
  if (first_tile < 0 || first_tile > last_tile || last_tile > tile_count(rows)) {
    return error(ErrorCode::kInternal, "tiles [{}, {}) of a matrix that has {}", first_tile, last_tile,
                 tile_count(rows));
  }
  for (std::int64_t tile = first_tile; tile < last_tile; ++tile, out += bytes) {
    const auto filled = static_cast<int>(std::min<std::int64_t>(kTileRows, rows - tile * kTileRows));
    if (filled < kTileRows) std::memset(out, 0, bytes);
    for (int row = 0; row < filled; ++row) put_row(kind, type, source(tile * kTileRows + row), cols, row, out);
  }
  return {};
}

WeightView packed_view(DType dtype, std::int64_t rows, std::int64_t cols, const std::byte* data) {
  WeightView view{};
  view.kind = weight_kind(dtype);
  view.data = data;
  view.rows = rows;
  view.cols = cols;
  view.tile_bytes = static_cast<std::int64_t>(tile_bytes(view.kind, cols));
  return view;
}

Result<WeightView> rows_view(DType dtype, std::int64_t rows, std::int64_t cols, const std::byte* data,
                             std::int64_t row_bytes, const std::uint32_t* row_order) {
  const DTypeInfo& type = info(dtype);
  if (rows <= 0 || cols <= 0 || cols % type.block_elements != 0) {
    return error(ErrorCode::kInvalidArgument, "cannot use a {} matrix of {} x {}: columns come in blocks of {}",
                 type.name, rows, cols, type.block_elements);
  }
  // linear_f32 expands 256 columns at a time.
  if (256 % type.block_elements != 0) {
    return error(ErrorCode::kUnsupported, "weights of type {}: blocks of {} do not divide 256", type.name,
                 type.block_elements);
  }
  WeightView view{};
  view.kind = WeightKind::kRows;
  view.data = data;
  view.rows = rows;
  view.cols = cols;
  view.row_bytes = row_bytes;
  view.row_order = row_order;
  view.decode_row = quant::codec(dtype).decode_row;
  view.block_elements = type.block_elements;
  view.block_bytes = type.block_bytes;
  return view;
}

KvPageLayout kv_page_layout(KvType type, std::int64_t n_kv_heads, std::int64_t k_dim, std::int64_t v_dim) {
  const std::int64_t tokens = n_kv_heads * kPageTokens * (type == KvType::kF16 ? 2 : 4);
  return {tokens * k_dim, tokens * v_dim};
}

}  // namespace galago::cpu
