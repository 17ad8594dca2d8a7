#include "base/cpu_features.h"

#include <cstdint>
#include <string_view>
#include <utility>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace galago {
namespace {

#if defined(__x86_64__)

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// All zero when the processor lacks the leaf, so every feature of it is absent.
Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
  if (__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx) == 0) return {};
  return r;
}

bool bit(unsigned value, int index) { return (value >> index & 1) != 0; }

// XCR0: the register sets that the system saves on a context switch.
std::uint64_t saved_register_sets() {
  unsigned low = 0;
  unsigned high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

// Bits as in Intel's SDM volume 2A, CPUID; and volume 1, 13.3 for XCR0.
CpuFeatures detect() {
  constexpr std::uint64_t kYmm = 1u << 1 | 1u << 2;                                  // SSE, AVX
  constexpr std::uint64_t kZmm = kYmm | 1u << 5 | 1u << 6 | 1u << 7;                 // opmask, ZMM0-15 high, ZMM16-31
  constexpr std::uint64_t kTiles = std::uint64_t{1} << 17 | std::uint64_t{1} << 18;  // TILECFG, TILEDATA
  CpuFeatures f;
  const Registers basic = cpuid(1, 0);
  if (!bit(basic.ecx, 27)) return f;  // OSXSAVE: without it xgetbv is illegal
  const std::uint64_t saved = saved_register_sets();
  const Registers extended = cpuid(7, 0);
  const Registers extended1 = cpuid(7, 1);

  const bool ymm = (saved & kYmm) == kYmm && bit(basic.ecx, 28);
  f.avx2 = ymm && bit(extended.ebx, 5);
  f.fma = ymm && bit(basic.ecx, 12);
  f.f16c = ymm && bit(basic.ecx, 29);
  f.avx_vnni = ymm && bit(extended1.eax, 4);

  const bool zmm = (saved & kZmm) == kZmm && bit(extended.ebx, 16);
  f.avx512f = zmm;
  f.avx512dq = zmm && bit(extended.ebx, 17);
  f.avx512bw = zmm && bit(extended.ebx, 30);
  f.avx512vl = zmm && bit(extended.ebx, 31);
  f.avx512_vnni = zmm && bit(extended.ecx, 11);
  f.avx512_bf16 = zmm && bit(extended1.eax, 5);
  f.avx512_fp16 = zmm && bit(extended.edx, 23);

  const bool tiles = (saved & kTiles) == kTiles && bit(extended.edx, 24);
  f.amx_tile = tiles;
  f.amx_int8 = tiles && bit(extended.edx, 25);
  f.amx_bf16 = tiles && bit(extended.edx, 22);
  return f;
}

#elif defined(__aarch64__) && defined(__linux__)

// Bits of Linux's arch/arm64/include/uapi/asm/hwcap.h, written out because older headers lack the newer ones.
CpuFeatures detect() {
  const unsigned long hwcap = ::getauxval(AT_HWCAP);
  const unsigned long hwcap2 = ::getauxval(26 /* AT_HWCAP2 */);
  CpuFeatures f;
  f.neon = (hwcap >> 1 & 1) != 0;      // ASIMD
  f.fp16 = (hwcap >> 10 & 1) != 0;     // ASIMDHP
  f.dotprod = (hwcap >> 20 & 1) != 0;  // ASIMDDP
  f.sve = (hwcap >> 22 & 1) != 0;
  f.i8mm = (hwcap2 >> 13 & 1) != 0;
  f.bf16 = (hwcap2 >> 14 & 1) != 0;
  return f;
}

#else

CpuFeatures detect() { return {}; }

#endif

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

std::string to_string(const CpuFeatures& f) {
  const std::pair<std::string_view, bool> names[] = {
      {"avx2", f.avx2},
      {"fma", f.fma},
      {"f16c", f.f16c},
      {"avx_vnni", f.avx_vnni},
      {"avx512f", f.avx512f},
      {"avx512bw", f.avx512bw},
      {"avx512vl", f.avx512vl},
      {"avx512dq", f.avx512dq},
      {"avx512_vnni", f.avx512_vnni},
      {"avx512_bf16", f.avx512_bf16},
      {"avx512_fp16", f.avx512_fp16},
      {"amx_tile", f.amx_tile},
      {"amx_int8", f.amx_int8},
      {"amx_bf16", f.amx_bf16},
      {"neon", f.neon},
      {"dotprod", f.dotprod},
      {"i8mm", f.i8mm},
      {"bf16", f.bf16},
      {"fp16", f.fp16},
      {"sve", f.sve},
  };
  std::string text;
  for (const auto& [name, present] : names) {
    if (!present) continue;
    if (!text.empty()) text += ' ';
    text += name;
  }
  return text;
}

bool request_amx() {
#if defined(__x86_64__) && defined(__linux__)
  constexpr long kArchReqXcompPerm = 0x1023;
  constexpr long kXfeatureXtiledata = 18;
  return cpu_features().amx_tile && ::syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureXtiledata) == 0;
#else
  return false;
#endif
}

}  // namespace galago
