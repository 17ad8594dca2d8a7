#include "backends/cpu/packing.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/grid_tables.h"
#include "backends/cpu/pack_vectors.h"
#include "base/checked.h"
#include "base/error.h"
#include "quant/codec.h"

namespace galago::cpu {
namespace {

// Bytes of one block of a tile: the unit that repeats along K.
std::int64_t tile_block_bytes(WeightKind kind) {
  switch (kind) {
    case WeightKind::kRows: return 0;
    case WeightKind::kF32: return kTileRows * 4;
    case WeightKind::kF16:
    case WeightKind::kBF16: return kTileRows * 2;
#define GALAGO_WEIGHT_KIND(kind, bytes) \
  case WeightKind::kind: return bytes;
#include "backends/cpu/weight_kinds.def"
#undef GALAGO_WEIGHT_KIND
  }
  return 0;
}

PutBlock put_block(WeightKind kind) {
  PutBlock put = put_planes(kind);
  if (put == nullptr) put = put_codebook(kind);
  return put != nullptr ? put : put_grid(kind);
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
  const std::int64_t bytes = tile_block_bytes(kind);
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
#define GALAGO_WEIGHT_KIND(kind, bytes) \
  case DType::kind: return WeightKind::kind;
#include "backends/cpu/weight_kinds.def"
#undef GALAGO_WEIGHT_KIND
    default: return WeightKind::kRows;
  }
}

bool takes_int8(WeightKind kind) { return kind > WeightKind::kBF16; }

std::int64_t tile_count(std::int64_t rows) { return rows / kTileRows + (rows % kTileRows != 0 ? 1 : 0); }

std::uint64_t tile_bytes(DType dtype, std::int64_t cols) {
  const std::int64_t block = info(dtype).block_elements;
  if (cols < 0 || cols % block != 0) return 0;
  const std::int64_t bytes = tile_block_bytes(weight_kind(dtype));
  return checked_mul(static_cast<std::uint64_t>(cols / block), static_cast<std::uint64_t>(bytes)).value_or(0);
}

std::uint64_t packed_bytes(DType dtype, std::int64_t rows, std::int64_t cols) {
  if (rows < 0) return 0;
  return checked_mul(static_cast<std::uint64_t>(tile_count(rows)), tile_bytes(dtype, cols)).value_or(0);
}

std::int64_t tile_bytes(const WeightView& view) { return std::max(view.tile_bytes, kTileRows * view.row_bytes); }

std::int64_t quant_blocks(std::int64_t cols) { return cols / kQuantGroup + (cols % kQuantGroup != 0 ? 1 : 0); }

Status pack_tile_range(SourceRow source, DType dtype, std::int64_t rows, std::int64_t cols, std::int64_t first_tile,
                       std::int64_t last_tile, std::byte* out) {
  const WeightKind kind = weight_kind(dtype);
  const DTypeInfo& type = info(dtype);
  const std::uint64_t bytes = tile_bytes(dtype, cols);
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
  view.tile_bytes = static_cast<std::int64_t>(tile_bytes(dtype, cols));
  view.grid = grid_table(view.kind);
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

}  // namespace galago::cpu
