// The kernels of one instruction set, as pointers. Included, like kernel_args.h, by the units that hold them.
#pragma once

#include "backends/cpu/kernel_args.h"

namespace galago::cpu {

// A block of a linear's outputs whose sums stay in registers while K goes by.
struct RegisterTile {
  int rows, columns;
  int used, registers;  // of those it needs, and those there are
};

// The multiplication of a register tile alone, out of caches.
struct TileTrial {
  RegisterTile tile;
  std::int64_t multiply_adds;  // of a pass
  void (*run)(std::int64_t passes);
};
constexpr int kTileTrials = 4;  // two smaller ones, those in use, one of twice the rows
constexpr int kChosenTileTrial = 2;

// Which weights linears of many rows multiply faster in tiles of bf16.
enum class Bf16Tiles : std::uint8_t { kNone, kFloatWeights, kAllWeights };

// The kernels of one instruction set.
struct KernelTable {
  const char* isa;
  void (*quantize_rows)(const QuantizeArgs&);
  void (*rms_norm)(const NormArgs&);    // y = s / sqrt(mean(s^2) + eps) * weight; also fused with add and quantize
  void (*layer_norm)(const NormArgs&);  // y = (s - mean) / sqrt(var + eps) * weight + bias
  void (*binary)(const BinaryArgs&);
  void (*unary)(const UnaryArgs&);
  void (*gated)(const GatedArgs&);
  void (*linear_int8)(const LinearArgs&);
  void (*linear_f32)(const LinearArgs&);
  void (*rope)(const RopeArgs&);
  void (*kv_append)(const KvAppendArgs&);
  void (*attention_paged)(const AttentionPagedArgs&);
  void (*attention_split)(const AttentionPagedArgs&);
  void (*attention_merge)(const AttentionPagedArgs&);
  void (*attention_dense)(const AttentionDenseArgs&);
  void (*causal_conv)(const CausalConvArgs&);
  const TileTrial* int8_trials;  // kTileTrials of linear_int8's tiles
  const TileTrial* f32_trials;   // and of linear_f32's
  // Of many rows, in tiles of 16-bit numbers; null where there are none.
  void (*attention_paged_tiles)(const AttentionPagedArgs&) = nullptr;  // no codes; dims up to kMaxTile...
  void (*attention_split_tiles)(const AttentionPagedArgs&) = nullptr;
  void (*attention_dense_tiles)(const AttentionDenseArgs&) = nullptr;
  Bf16Tiles bf16_tiles = Bf16Tiles::kNone;
  void (*narrow_rows)(const NarrowArgs&) = nullptr;
  void (*linear_bf16)(const LinearArgs&) = nullptr;
};

// What units that multiply tiles of bf16 add to the kernels of the instruction set below them.
struct TileKernels {
  const char* isa;
  Bf16Tiles bf16_tiles;
  void (*narrow_rows)(const NarrowArgs&);
  void (*linear_bf16)(const LinearArgs&);
  // Null where the instruction set below has better ones.
  void (*attention_paged_tiles)(const AttentionPagedArgs&) = nullptr;
  void (*attention_split_tiles)(const AttentionPagedArgs&) = nullptr;
  void (*attention_dense_tiles)(const AttentionDenseArgs&) = nullptr;
  // One product of known numbers in tiles, compared with plain loops: a machine whose tiles do not do what the unit
  // expects of them is not given it.
  bool (*multiply_rightly)();
};

}  // namespace galago::cpu
