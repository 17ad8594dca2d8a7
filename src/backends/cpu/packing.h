// Weights in the order the kernels read them. A tile is 16 output rows; in it, blocks follow along K:
//   q4_0          4 vectors of 64 bytes (row-major 16 x 4 k; low nibbles k 4j.., high nibbles k 16 + 4j..), 16 f16
//   scales q4_1          the same and 16 f16 minimums q5_0, q5_1    after the nibbles 64 bytes whose bit j is the fifth
//   bit of vector j (k 4j..) q8_0          8 vectors of signed bytes, 16 f16 scales q4_k, q5_k    per 256 k: 16 f16 d,
//   16 f16 dmin; then per 32 k nibbles (and the bit plane), 16 u8 scales, 16 u8 mins q6_k          per 256 k: 16 f16 d;
//   then per 32 k nibbles, two vectors of 2-bit planes, 2 x 16 s8 scales f32, f16, bf16  k-major (k, 16)
// All else stays in the file's rows (WeightKind::kRows). Rows missing from the last tile are zeros. Scales are kept as
// they are; only q4_k and q5_k grow (6-bit scales as bytes: 2.8 and 2.3 %).
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernel_args.h"
#include "base/function_ref.h"
#include "galago/dtype.h"
#include "galago/result.h"

namespace galago::cpu {

// How weights of this type are stored: kRows when no tile layout serves them.
WeightKind weight_kind(DType dtype);
// Whether linear_int8 takes the kind; otherwise its activations are f32 in both classes.
bool takes_int8(WeightKind kind);

std::int64_t tile_count(std::int64_t rows);
// Bytes of one tile of `cols` columns; 0 for kRows.
std::uint64_t tile_bytes(WeightKind kind, std::int64_t cols);
// Bytes of the whole packed matrix; 0 when its type stays in rows, or when cols are no whole blocks or the size
// overflows.
std::uint64_t packed_bytes(DType dtype, std::int64_t rows, std::int64_t cols);

// Blocks of a quantized activation row.
std::int64_t quant_blocks(std::int64_t cols);

// The pointer of source row i (0 <= i < rows): a row order or stacked experts are the accessor's business.
using SourceRow = FunctionRef<const std::byte*(std::int64_t)>;

// Packs tiles [first_tile, last_tile) of a (rows, cols) matrix; `out` is where first_tile goes. Slices are independent.
Status pack_tile_range(SourceRow source, DType dtype, std::int64_t rows, std::int64_t cols, std::int64_t first_tile,
                       std::int64_t last_tile, std::byte* out);

// The view of packed tiles, or of rows left in the file (`data`: source row 0; `row_order` may be null).
WeightView packed_view(DType dtype, std::int64_t rows, std::int64_t cols, const std::byte* data);
Result<WeightView> rows_view(DType dtype, std::int64_t rows, std::int64_t cols, const std::byte* data,
                             std::int64_t row_bytes, const std::uint32_t* row_order);

// Bytes of one layer's K and V of one page, and where V starts (K starts at 0); for PagedKv.
struct KvPageLayout {
  std::int64_t k_bytes, v_bytes;
};
KvPageLayout kv_page_layout(KvType type, std::int64_t n_kv_heads, std::int64_t k_dim, std::int64_t v_dim);

}  // namespace galago::cpu
