// What the CPU kernels take: plain structs of pointers, sizes and strides. Included by the units that are compiled per
// instruction set, so it holds no function: an inline function compiled there could be the copy the linker keeps.
// Strides count elements of the pointed-to type unless they say bytes; ranges are half open, so that a caller hands out
// any part of the rows, tiles or heads to any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "galago/kv_type.h"

namespace galago::cpu {

constexpr int kTileRows = 16;           // output rows of a weight tile: one 64-byte vector holds 4 k of each
constexpr int kQuantGroup = 32;         // activations that share one scale
constexpr int kPageTokens = 64;         // tokens of a KV page, and the block of the online softmax
constexpr int kSplitTokens = 512;       // keys whose softmax is computed by itself (8 pages)
constexpr int kMaxCodedHeadDim = 1024;  // of q8 and q4 keys: 32 bits hold a product of 15 by 8 bits so often
constexpr int kMaxValueDim = 8192;      // of paged attention, which keeps partial results on the stack
constexpr int kMaxDenseHeadDim = 256;   // attention_dense keeps a transposed block of keys on the stack
constexpr int kMaxTileKeyDim = 1024;    // attention in bf16 keeps 32 queries and their results on the stack
constexpr int kMaxTileValueDim = 512;

// 32 activations as int8 codes: x ~ scale * code. The sums let a kernel fold a weight's zero point into the dot
// product.
struct QuantBlock {
  float scale;             // fits the codes best; near absmax / 127
  float scaled_sum;        // scale * sum(codes)
  std::int32_t bias;       // -8 * sum(codes)
  std::int32_t high_bias;  // -8 * sum(codes[16..31])
  std::int8_t codes[kQuantGroup];
};
static_assert(sizeof(QuantBlock) == 48);

// x: (rows, cols) to (rows, ceil(cols / 32)) blocks; the last one is padded with zeros.
struct QuantizeArgs {
  const float* x;
  std::int64_t x_stride;
  QuantBlock* y;
  std::int64_t y_stride;
  std::int64_t cols;
  std::int64_t first_row, last_row;
};

// y = x as bf16, for linear_bf16. cols is a multiple of 32.
struct NarrowArgs {
  const float* x;
  std::int64_t x_stride;
  std::uint16_t* y;  // may be x: a row of bf16 then takes the first half of its f32 row
  std::int64_t y_stride;
  std::int64_t cols;
  std::int64_t first_row, last_row;
};

// s = x + residual; y = norm(s) * weight + bias. Every output but one may be null; so may residual, weight and bias.
struct NormArgs {
  const float* x;
  std::int64_t x_stride;
  const float* residual;
  std::int64_t residual_stride;
  float* sum;  // receives s; may be x or residual
  std::int64_t sum_stride;
  const float* weight;  // (cols)
  const float* bias;    // (cols)
  float* y;             // may be x
  std::int64_t y_stride;
  QuantBlock* quantized;  // the same values as y, quantized
  std::int64_t quantized_stride;
  std::int64_t cols;
  float eps;
  bool weight_plus_one;  // the checkpoint stores weight - 1 (Gemma)
  std::int64_t first_row, last_row;
};

enum class BinaryOp : std::uint8_t { kAdd, kMul, kSub };

// y = op(a, b); a stride of 0 repeats one row. y may be a or b.
struct BinaryArgs {
  BinaryOp op;
  const float* a;
  std::int64_t a_stride;
  const float* b;
  std::int64_t b_stride;
  float* y;
  std::int64_t y_stride;
  std::int64_t cols;
  std::int64_t first_row, last_row;
};

enum class UnaryOp : std::uint8_t {
  kCopy,
  kSilu,
  kGelu,       // with erf
  kGeluTanh,   // 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
  kQuickGelu,  // x * sigmoid(1.702 x)
  kRelu,
  kTanh,
  kSigmoid,
  kExp,
  kErf,
};

// y = op(x) * scale. y may be x.
struct UnaryArgs {
  UnaryOp op;
  float scale;
  const float* x;
  std::int64_t x_stride;
  float* y;
  std::int64_t y_stride;
  std::int64_t cols;
  std::int64_t first_row, last_row;
};

// y = op(gate) * up, as f32, quantized, or both (a null output is left out). y may be gate or up.
struct GatedArgs {
  UnaryOp op;
  const float* gate;
  std::int64_t gate_stride;
  const float* up;
  std::int64_t up_stride;
  float* y;
  std::int64_t y_stride;
  QuantBlock* quantized;
  std::int64_t quantized_stride;
  std::int64_t cols;
  std::int64_t first_row, last_row;
};

// How the weights of a linear are stored: in the file's own rows, which their reference codec expands, or in tiles of
// 16 rows: plain numbers k-major, (k, 16), block formats as weight_kinds.def says.
enum class WeightKind : std::uint8_t {
  kRows,
  kF32,
  kF16,
  kBF16,
#define GALAGO_WEIGHT_KIND(kind, bytes) kind,
#include "backends/cpu/weight_kinds.def"
#undef GALAGO_WEIGHT_KIND
};

// Expands `elements` consecutive weights (whole blocks) to f32.
using DecodeRow = void (*)(const std::byte* blocks, float* out, std::int64_t elements);

// A weight matrix (rows, cols): output rows, input columns.
struct WeightView {
  WeightKind kind;
  const std::byte* data;  // tiles; of kRows: source row 0
  std::int64_t rows, cols;
  std::int64_t tile_bytes;
  const std::uint32_t* grid;  // of the formats that have one: grid_tables.h
  // Of kRows alone:
  std::int64_t row_bytes;          // from one source row to the next
  const std::uint32_t* row_order;  // output row i is source row row_order[i]; null: i
  DecodeRow decode_row;
  std::int32_t block_elements;
  std::int32_t block_bytes;
};

// One tile of it.
struct WeightTile {
  const std::uint8_t* data;
  const std::uint32_t* grid;
};

// y = x W^T + bias + residual over rows [first_row, last_row) and tiles [first_tile, last_tile) of 16 output columns.
// linear_int8 reads `quantized` and takes every block format's kind; linear_f32 reads `x` and takes every kind;
// linear_bf16 reads `x_bf16` and takes every kind of a multiple of 32 columns.
struct LinearArgs {
  WeightView weight;
  const float* x;
  std::int64_t x_stride;
  const QuantBlock* quantized;
  std::int64_t quantized_stride;
  const std::uint16_t* x_bf16;
  std::int64_t x_bf16_stride;
  const float* bias;      // (weight.rows) or null
  const float* residual;  // (rows, weight.rows) or null; may be y
  std::int64_t residual_stride;
  float* y;
  std::int64_t y_stride;
  std::int64_t first_row, last_row;
  std::int64_t first_tile, last_tile;
};

// Rotates the first rope_dim elements of each head; the rest are copied. y may be x.
struct RopeArgs {
  const float* x;
  std::int64_t x_stride;  // between rows; heads are head_dim apart
  float* y;
  std::int64_t y_stride;
  const float* cos;  // (rows, rope_dim / 2)
  const float* sin;
  std::int64_t table_stride;
  std::int64_t n_heads, head_dim, rope_dim;
  bool interleaved;  // pairs (2i, 2i + 1); otherwise (i, i + rope_dim / 2)
  std::int64_t first_row, last_row;
};

// One layer's pages. Page p is at base + p * page_bytes and holds K at k_offset, V at v_offset:
//   f32, f16, bf16  K transposed (n_kv_heads, k_dim, kPageTokens): vector lanes are keys, so scores need no horizontal
//                   sums; V (n_kv_heads, kPageTokens, v_dim)
//   q8              K codes (n_kv_heads, k_pad / 4, kPageTokens, 4), then f16 scales (n_kv_heads, kPageTokens);
//                   V codes (n_kv_heads, kPageTokens / 4, v_pad, 4), the last 4 being tokens, then scales as for K.
//                   The pads are multiples of 16
//   q4              K (n_kv_heads, k_pad / 8, kPageTokens, 4): byte i has the dims 8w + i (low) and 8w + 4 + i (high);
//                   V (n_kv_heads, kPageTokens / 4, v_pad / 32, 16, 4): low the dims 32g + j, high 32g + 16 + j;
//                   scales (n_kv_heads, pad / 32, kPageTokens). The pads are multiples of 32; codes are 8 too high
// Codes are of rotated rows (ops/kv_codec.h). With v_dim 0 the values are the keys' first elements. Sequence s keeps
// its token t in page page_table[s * page_table_stride + t / kPageTokens].
struct PagedKv {
  std::byte* base;
  std::int64_t page_bytes, k_offset, v_offset;
  KvType type;
  std::int64_t n_kv_heads, k_dim, v_dim;
  const std::int32_t* page_table;
  std::int64_t page_table_stride;
};

// Stores keys and values of heads [first_kv_head, last_kv_head) of row r as token position[r] of sequence[r].
struct KvAppendArgs {
  PagedKv kv;
  const float* k;  // (rows, n_kv_heads * k_dim)
  std::int64_t k_stride;
  const float* v;  // (rows, n_kv_heads * v_dim)
  std::int64_t v_stride;
  const std::int32_t *sequence, *position;
  std::int64_t first_row, last_row, first_kv_head, last_kv_head;
};

// Row r attends to its sequence's tokens [max(0, position + 1 - window), key_end), key_end = position + 1 unless given.
// All of them must be appended. The softmax runs page by page, for each split of kSplitTokens keys by itself; the
// splits are merged in order. attention_split and attention_merge do what attention_paged does, bit for bit, on any
// threads.
struct AttentionPagedArgs {
  PagedKv kv;
  const float* q;  // (rows, n_heads * k_dim)
  std::int64_t q_stride;
  float* y;  // (rows, n_heads * v_dim)
  std::int64_t y_stride;
  const std::int32_t *sequence, *position;
  const std::int32_t* key_end;  // or null
  const float* sinks;           // (n_heads): logits that join the softmax without a value; or null
  const float* slopes;          // (n_heads): scores grow by slope * (key - position); or null
  std::int64_t n_heads;         // a multiple of n_kv_heads
  std::int64_t v_dim;           // of y; kv.v_dim may be 0
  float scale;
  float softcap;        // 0: none; s = softcap * tanh(s / softcap)
  std::int64_t window;  // 0: none
  std::int64_t first_row, last_row, first_kv_head, last_kv_head;
  // Of attention_split and attention_merge; a partial result is y, the maximum, the sum.
  float* partials;  // (splits, rows of the step, n_heads, v_dim + 2)
  float* totals;    // (rows of the step, n_heads, 2): maximum and sum so far; y accumulates in y
  std::int64_t partial_rows, first_split, last_split;
  bool begins, ends;  // these are the first splits of all, the last
};

// y[r, c] = bias[c] + sum over j of weight[j, c] * x[r - (kernel - 1) + j, c], for rows [0, n_rows) of one sequence.
// The rows before the first are those of the state, the newest last; then the last kernel - 1 rows become the state.
struct CausalConvArgs {
  const float* x;
  std::int64_t x_stride;
  float* state;  // (kernel - 1, channels)
  std::int64_t state_stride;
  const float* weight;  // (kernel, channels)
  std::int64_t weight_stride;
  const float* bias;  // or null
  float* y;
  std::int64_t y_stride;
  std::int64_t kernel, n_rows;
  std::int64_t first_channel, last_channel;
  bool silu;  // of the sum
};

// Attention without a cache. Segment i is rows [segments[i], segments[i + 1]); rows attend within their segment only.
struct AttentionDenseArgs {
  const float* q;  // (rows, n_heads * k_dim)
  std::int64_t q_stride;
  const float* k;  // (rows, n_kv_heads * k_dim)
  std::int64_t k_stride;
  const float* v;  // (rows, n_kv_heads * v_dim)
  std::int64_t v_stride;
  float* y;  // (rows, n_heads * v_dim)
  std::int64_t y_stride;
  const std::int32_t* segments;  // (n_segments + 1)
  std::int64_t n_segments;
  const std::uint8_t* key_mask;  // (rows), 0: nobody sees this key; or null
  std::int64_t n_heads, n_kv_heads;
  std::int64_t k_dim, v_dim;  // at most kMaxDenseHeadDim
  float scale;
  float softcap;
  bool causal;
  std::int64_t first_row, last_row;
  std::int64_t first_kv_head, last_kv_head;
};

}  // namespace galago::cpu
