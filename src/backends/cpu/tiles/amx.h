// AMX-BF16: (32, 32) sums in four tile registers, from (32, 32) of x and of weights a step. A template over the Isa, so
// that every symbol names the one it was compiled for. Assembly, because g++ 12's intrinsics do not say that a tile
// load reads memory, and stores before one were lost.
#pragma once

#include <cstddef>

#include "backends/cpu/tiles/narrow_avx512.h"

namespace galago::cpu {

template <class Isa>
struct AmxTiles : NarrowAvx512<Isa> {
  static constexpr Bf16Tiles kServes = Bf16Tiles::kAllWeights;

  // Every thread configures its tiles before it multiplies and releases them after: a configured core saves 8 KiB at
  // each context switch, and may clock lower.
  static GALAGO_INLINE void configure() {
    static constexpr Palette kPalette{};
    __asm__ volatile("ldtilecfg %0" ::"m"(kPalette));
  }
  static GALAGO_INLINE void release() { __asm__ volatile("tilerelease" ::: "memory"); }

  // sums (32, 32), rows sums_stride apart, += x (32, 32 steps) w. x: rows x_stride bytes apart. w: a panel of
  // pair_panel.inl.h. The instruction adds the 32 products of a step to the sum pair by pair, in f32.
  static GALAGO_INLINE void multiply(const std::uint16_t* x, std::int64_t x_stride, const std::uint16_t* w,
                                     std::int64_t steps, float* sums, std::int64_t sums_stride) {
    const std::int64_t sums_bytes = sums_stride * static_cast<std::int64_t>(sizeof(float));
    load<0>(sums, sums_bytes);
    load<1>(sums + 16, sums_bytes);
    load<2>(sums + 16 * sums_stride, sums_bytes);
    load<3>(sums + 16 * sums_stride + 16, sums_bytes);
    const auto* rows = reinterpret_cast<const std::byte*>(x);
    for (std::int64_t step = 0; step < steps; ++step, rows += 64, w += 2 * 512) {
      load<4>(rows, x_stride);
      load<6>(w, 64);
      load<7>(w + 512, 64);
      load<5>(rows + 16 * x_stride, x_stride);
      dot<0, 4, 6>();
      dot<1, 4, 7>();
      dot<2, 5, 6>();
      dot<3, 5, 7>();
    }
    store<0>(sums, sums_bytes);
    store<1>(sums + 16, sums_bytes);
    store<2>(sums + 16 * sums_stride, sums_bytes);
    store<3>(sums + 16 * sums_stride + 16, sums_bytes);
  }

 private:
  // Intel's SDM, volume 1, 18.2: eight tiles of 16 rows of 64 bytes.
  struct Palette {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t bytes_per_row[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };
  static_assert(sizeof(Palette) == 64);

  template <int kTile>
  static GALAGO_INLINE void load(const void* p, std::int64_t stride) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(p), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kTile>
  static GALAGO_INLINE void store(void* p, std::int64_t stride) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(p), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kSum, int kX, int kW>
  static GALAGO_INLINE void dot() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kX), "i"(kW));
  }
};

}  // namespace galago::cpu
