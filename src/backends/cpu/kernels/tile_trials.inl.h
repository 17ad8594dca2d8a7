// The register tiles of the linears by themselves, and beside them tiles of other heights: `galago bench --tiles` shows
// whether those in use are the best. Weights and activations are constant and stay in L1.
#pragma once

#include "backends/cpu/kernel_functions.h"
#include "backends/cpu/kernels/linear_f32.inl.h"
#include "backends/cpu/kernels/linear_int8.inl.h"

namespace galago::cpu {

constexpr std::int64_t kTrialRows = 48;    // of every tile's height a multiple
constexpr std::int64_t kTrialBlocks = 8;   // K of a pass with int8
constexpr std::int64_t kTrialFloats = 64;  // and with f32

// The sums of the rows, an activation, a product and a block's eight words of weights. Where registers are too few, one
// word at a time, which serves all rows at once (vpdpbusd); or, as many, all words and one row at a time, whose sum
// waits in L1 for the next block (vpmaddubsw). With tiles side by side: the sums as integers and as floats, a word of
// each tile and an activation.
template <class Isa, int kRows>
constexpr RegisterTile int8_tile() {
  constexpr int kTiles = Isa::kLanes / kTileRows, kWithWords = kRows + 2 + 8;
  if constexpr (kTiles > 1) return {kRows, Isa::kLanes, (2 * kRows + 1) * kTiles + 1, Isa::kRegisters};
  return {kRows, kTileRows, kWithWords <= Isa::kRegisters ? kWithWords : kRows + 2 + 1, Isa::kRegisters};
}
// The sums, a row of weights and an activation.
template <class Isa, int kRows>
constexpr RegisterTile f32_tile() {
  return {kRows, Isa::kFloatVectors * Isa::kLanes, (kRows + 1) * Isa::kFloatVectors * Isa::kVectorRegisters + 1,
          Isa::kRegisters};
}

template <class Isa, int kRows>
void int8_trial(std::int64_t passes) {
  using Block = OffsetBlock<Isa, 4, 8>;
  Block panel[kTrialBlocks];
  QuantBlock x[kTrialRows * kTrialBlocks];
  alignas(64) float sums[kTrialRows * Isa::kLanes] = {};
  __builtin_memset(static_cast<void*>(panel), 1, sizeof panel);
  __builtin_memset(static_cast<void*>(x), 1, sizeof x);
  for (QuantBlock& block : x) block.scale = 1.0f;  // products of what memset leaves are denormal, and slow
  for (Block& block : panel) block.scale[0] = Isa::set1(1.0f);
  for (std::int64_t pass = 0; pass < passes; ++pass) {
    for (int lane = 0; lane < kTileRows; lane += Isa::kLanes) {
      const Int8Panel<Isa, Block> all{panel, kTrialBlocks, x, kTrialBlocks, sums};
      for (std::int64_t row = 0; row < kTrialRows; row += kRows) all.from(row).template run<kRows>();
    }
  }
  [[maybe_unused]] const volatile float used = sums[0];
}

template <class Isa, int kRows>
void f32_trial(std::int64_t passes) {
  constexpr int kTiles = Isa::kFloatTiles;
  alignas(64) float w[kTiles * kTrialFloats * kTileRows], sums[kTrialRows * kTiles * kTileRows] = {};
  float x[kTrialRows * kTrialFloats];
  for (float& value : w) value = 1.0f;
  for (float& value : x) value = 1.0f;
  for (std::int64_t pass = 0; pass < passes; ++pass) {
    const F32Rows<Isa> all{w,    kTrialFloats * kTileRows, kTiles, x, kTrialFloats, kTrialFloats,
                           sums, kTiles * kTileRows};
    for (std::int64_t row = 0; row < kTrialRows; row += kRows) all.from(row).template run<kRows>();
  }
  [[maybe_unused]] const volatile float used = sums[0];
}

template <class Isa, int kRows>
constexpr TileTrial int8_trial_of() {
  static_assert(kTrialRows % kRows == 0);
  constexpr int kColumns = Isa::kLanes > kTileRows ? Isa::kLanes : kTileRows;
  return {int8_tile<Isa, kRows>(), kTrialRows * kTrialBlocks * kQuantGroup * kColumns, int8_trial<Isa, kRows>};
}
template <class Isa, int kRows>
constexpr TileTrial f32_trial_of() {
  static_assert(kTrialRows % kRows == 0);
  return {f32_tile<Isa, kRows>(), kTrialRows * kTrialFloats * Isa::kFloatTiles * kTileRows, f32_trial<Isa, kRows>};
}

template <class Isa>
struct Int8Trials {
  static constexpr int kRows = Isa::kIntRows;
  static constexpr TileTrial kAll[kTileTrials] = {int8_trial_of<Isa, kRows / 4>(), int8_trial_of<Isa, kRows / 2>(),
                                                  int8_trial_of<Isa, kRows>(), int8_trial_of<Isa, 2 * kRows>()};
};
// Of an Isa that takes tiles side by side.
template <class Isa>
  requires kWidens<Isa, OffsetBlock<Isa, 4, 8>>
struct Int8Trials<Isa> {
  using Wide = typename Isa::Wide;
  static constexpr TileTrial kAll[kTileTrials] = {
      int8_trial_of<Isa, Isa::kIntRows>(), int8_trial_of<Wide, Wide::kIntRows / 2>(),
      int8_trial_of<Wide, Wide::kIntRows>(), int8_trial_of<Wide, 2 * Wide::kIntRows>()};
  static_assert(int8_tile<Wide, Wide::kIntRows>().used <= Wide::kRegisters);
};
template <class Isa>
constexpr TileTrial kF32Trials[kTileTrials] = {
    f32_trial_of<Isa, Isa::kFloatRows / 4>(), f32_trial_of<Isa, Isa::kFloatRows / 2>(),
    f32_trial_of<Isa, Isa::kFloatRows>(), f32_trial_of<Isa, 2 * Isa::kFloatRows>()};

// What is in use must fit.
template <class Isa>
constexpr bool tiles_fit() {
  return int8_tile<Isa, Isa::kIntRows>().used <= Isa::kRegisters &&
         f32_tile<Isa, Isa::kFloatRows>().used <= Isa::kRegisters;
}

}  // namespace galago::cpu
