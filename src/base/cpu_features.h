// What the processor and the operating system let this process execute.
#pragma once

#include <string>

namespace galago {

// Each is true only when the instructions exist and the system saves the registers they use.
struct CpuFeatures {
  // x86-64
  bool avx2 = false;
  bool fma = false;
  bool f16c = false;
  bool avx_vnni = false;
  bool avx512f = false;
  bool avx512bw = false;
  bool avx512vl = false;
  bool avx512dq = false;
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool avx512_fp16 = false;
  bool amx_tile = false;  // usable only after request_amx()
  bool amx_int8 = false;
  bool amx_bf16 = false;
  // AArch64
  bool neon = false;
  bool dotprod = false;
  bool i8mm = false;
  bool bf16 = false;
  bool fp16 = false;
  bool sve = false;
};

// Detected once.
const CpuFeatures& cpu_features();

// The features that are there, by the names above: "avx2 fma f16c".
std::string to_string(const CpuFeatures& features);

// Asks Linux for the 8 KiB of tile registers, which it grants per process. False when AMX is absent or refused.
bool request_amx();

// Tells the core that this is a spin loop: saves power, and gives the other hardware thread its turn.
inline void cpu_relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");  // `yield` does nothing on most cores; isb waits about as long as x86's pause
#endif
}

}  // namespace galago
