// Weights in the order the kernels read them. A tile is 16 output rows; in it, blocks follow along K. Plain numbers lie
// k-major, (k, 16); block formats as weight_kinds.def says. All else stays in the file's rows (WeightKind::kRows). Rows
// missing from the last tile are zeros. Codes and scales are kept as they are, so that the exact class decodes the bits
// of the reference codecs; q4_k, q5_k and iq4_xs grow by up to 2.8 %, for their 6-bit scales become bytes.
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
// Bytes of one tile of `cols` columns; 0 when the type stays in rows or cols are no whole blocks.
std::uint64_t tile_bytes(DType dtype, std::int64_t cols);
// Bytes of the whole packed matrix; 0 when its type stays in rows, or when cols are no whole blocks or the size
// overflows.
std::uint64_t packed_bytes(DType dtype, std::int64_t rows, std::int64_t cols);

// What a view's tile takes, also where its rows stay in the file.
std::int64_t tile_bytes(const WeightView& view);

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

}  // namespace galago::cpu
