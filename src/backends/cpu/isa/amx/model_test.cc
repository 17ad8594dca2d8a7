// The AMX kernels over a model of the tiles in plain C++, so that they are tested where the processor has none. Its
// arithmetic is that of TDPBF16PS in Intel's SDM: of each pair the even and the odd products add up on their own in
// fused multiply-adds, then their sum is added to the tile.
#include "backends/cpu/isa/avx512_vnni/ops.h"
#include "backends/cpu/kernels/tile_table.inl.h"

namespace galago::cpu::amx_model {

struct TileModel {
  static constexpr Bf16Tiles kServes = Bf16Tiles::kAllWeights;
  static void configure() {}
  static void release() {}
  static void multiply(const std::uint16_t* x, std::int64_t x_stride, const std::uint16_t* w, std::int64_t steps,
                       float* sums, std::int64_t sums_stride) {
    for (std::int64_t step = 0; step < steps; ++step, w += 1024) {
      for (int row = 0; row < 32; ++row) {
        const std::uint16_t* values = x + row * x_stride / 2 + step * 32;
        for (int column = 0; column < 32; ++column) {
          const std::uint16_t* pairs = w + column / 16 * 512 + column % 16 * 2;
          float even = 0.0f, odd = 0.0f;
          for (int k = 0; k < 16; ++k) {
            even = __builtin_fmaf(widen(values[2 * k]), widen(pairs[32 * k]), even);
            odd = __builtin_fmaf(widen(values[2 * k + 1]), widen(pairs[32 * k + 1]), odd);
          }
          sums[row * sums_stride + column] += even + odd;
        }
      }
    }
  }
  static void store_narrow(std::uint16_t* y, __m512 x) {
    alignas(64) float values[16];
    _mm512_store_ps(values, x);
    for (int i = 0; i < 16; ++i) y[i] = narrow(values[i]);
  }
  static void store_pairs(std::uint16_t* y, __m512 even, __m512 odd) {
    alignas(64) float values[2][16];
    _mm512_store_ps(values[0], even);
    _mm512_store_ps(values[1], odd);
    for (int i = 0; i < 32; ++i) y[i] = narrow(values[i % 2][i / 2]);
  }

 private:
  static float widen(std::uint16_t half) {
    const std::uint32_t bits = static_cast<std::uint32_t>(half) << 16;
    float value;
    __builtin_memcpy(&value, &bits, 4);
    return value;
  }
  static std::uint16_t narrow(float value) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, &value, 4);
    if (value != value) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
    return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
};

struct Isa : Avx512VnniOps<Isa> {
  static constexpr const char* kName = "amx_model";
  using Tiles = TileModel;
};

extern const TileKernels kKernels;
constinit const TileKernels kKernels = tile_kernels<Isa>();

}  // namespace galago::cpu::amx_model
