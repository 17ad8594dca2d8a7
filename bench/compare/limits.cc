// What the machine gives at best: reading memory, and multiplying in int8, bf16 and f32. One file without dependencies,
// which the comparison compiles for itself:
//
//   limits BYTES THREADS [cpu]      prints JSON: bytes per second over a buffer of BYTES, operations per second
//
// With `cpu`, seconds of the process's CPU time: for one thread, on a machine where something else runs.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#define TARGET(features) __attribute__((target(features)))
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_neon.h>
#include <sys/auxv.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kPasses = 7;
constexpr int kSums = 12;  // independent chains: more than the instructions' latency times their ports

// Keeps what was computed alive.
template <class T>
void use(T& sums) {
  asm volatile("" : : "r"(&sums) : "memory");
}

struct Kernel {
  const char* name;
  double operations;  // of one turn of the loop; a multiplication and its addition are two
  void (*run)(long turns);
};

#if defined(__x86_64__)

#define SUMS_LOOP(Vector, zero, next)                           \
  Vector sums[kSums];                                           \
  for (auto& sum : sums) sum = zero;                            \
  for (long turn = 0; turn < turns; ++turn) {                   \
    _Pragma("GCC unroll 12") for (auto& sum : sums) sum = next; \
  }                                                             \
  use(sums)

// kSums sums as assembly: from the intrinsics gcc 12 copies each sum twice, and reaches less than half of the peak.
#define ADD_PRODUCTS(instruction)                                                                                  \
  asm volatile(instruction " %%zmm12, %%zmm12, %%zmm0\n" instruction " %%zmm12, %%zmm12, %%zmm1\n" instruction     \
                           " %%zmm12, %%zmm12, %%zmm2\n" instruction " %%zmm12, %%zmm12, %%zmm3\n" instruction     \
                           " %%zmm12, %%zmm12, %%zmm4\n" instruction " %%zmm12, %%zmm12, %%zmm5\n" instruction     \
                           " %%zmm12, %%zmm12, %%zmm6\n" instruction " %%zmm12, %%zmm12, %%zmm7\n" instruction     \
                           " %%zmm12, %%zmm12, %%zmm8\n" instruction " %%zmm12, %%zmm12, %%zmm9\n" instruction     \
                           " %%zmm12, %%zmm12, %%zmm10\n" instruction " %%zmm12, %%zmm12, %%zmm11\n"               \
               :                                                                                                   \
               :                                                                                                   \
               : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", \
                 "xmm12")

TARGET("avx512f,avx512vnni") void int8_avx512_vnni(long turns) {
  asm volatile("vpxord %%zmm12, %%zmm12, %%zmm12" : : : "xmm12");
  for (long turn = 0; turn < turns; ++turn) ADD_PRODUCTS("vpdpbusd");
}

TARGET("avx2") void int8_avx2(long turns) {
  __m256i ones = _mm256_set1_epi8(1);
  const __m256i words = _mm256_set1_epi16(1);
  // `ones` changes nothing and is not known to, so that products are not hoisted out of the loop.
  SUMS_LOOP(__m256i, _mm256_setzero_si256(),
            _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(ones, _mm256_or_si256(ones, sum)), words)));
}

TARGET("avx512f,avx512bf16") void bf16_avx512(long turns) {
  asm volatile("vpxord %%zmm12, %%zmm12, %%zmm12" : : : "xmm12");
  for (long turn = 0; turn < turns; ++turn) ADD_PRODUCTS("vdpbf16ps");
}

TARGET("avx512f") void f32_avx512(long turns) {
  const __m512 ones = _mm512_set1_ps(1);
  SUMS_LOOP(__m512, _mm512_setzero_ps(), _mm512_fmadd_ps(sum, ones, ones));
}

TARGET("avx2,fma") void f32_avx2(long turns) {
  const __m256 ones = _mm256_set1_ps(1);
  SUMS_LOOP(__m256, _mm256_setzero_ps(), _mm256_fmadd_ps(sum, ones, ones));
}

// Four accumulating tiles, two of each factor, 16 rows of 64 bytes each.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// g++ makes the tiles' functions macros of whole statements, which no comma can join.
// clang-format off
#define TILE_LOOP(product)                                        \
  const TileConfig config;                                        \
  _tile_loadconfig(&config);                                      \
  _tile_zero(0); _tile_zero(1); _tile_zero(2); _tile_zero(3);     \
  _tile_zero(4); _tile_zero(5); _tile_zero(6); _tile_zero(7);     \
  for (long turn = 0; turn < turns; ++turn) {                     \
    product(0, 4, 6); product(1, 4, 7);                           \
    product(2, 5, 6); product(3, 5, 7);                           \
  }                                                               \
  _tile_release()
// clang-format on

TARGET("amx-tile,amx-int8") void int8_amx(long turns) { TILE_LOOP(_tile_dpbssd); }
TARGET("amx-tile,amx-bf16") void bf16_amx(long turns) { TILE_LOOP(_tile_dpbf16ps); }

// Linux lends tiles only to those who ask.
bool may_use_tiles() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

bool supports_amx(int edx_bit) {
  unsigned a = 7, b = 0, c = 0, d = 0;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return ((d >> 24) & 1u) != 0 && ((d >> edx_bit) & 1u) != 0 && may_use_tiles();
}

Kernel int8_kernel() {
  if (supports_amx(25)) return {"tdpbssd (AMX)", 4.0 * 2 * 16 * 16 * 64, int8_amx};
  if (__builtin_cpu_supports("avx512vnni")) return {"vpdpbusd, 512 bit", 2.0 * kSums * 64, int8_avx512_vnni};
  if (__builtin_cpu_supports("avx2")) return {"vpmaddubsw, 256 bit", 2.0 * kSums * 32, int8_avx2};
  return {};
}

Kernel bf16_kernel() {
  if (supports_amx(22)) return {"tdpbf16ps (AMX)", 4.0 * 2 * 16 * 16 * 32, bf16_amx};
  if (__builtin_cpu_supports("avx512bf16")) return {"vdpbf16ps, 512 bit", 2.0 * kSums * 32, bf16_avx512};
  return {};
}

Kernel f32_kernel() {
  if (__builtin_cpu_supports("avx512f")) return {"vfmadd, 512 bit", 2.0 * kSums * 16, f32_avx512};
  if (__builtin_cpu_supports("fma")) return {"vfmadd, 256 bit", 2.0 * kSums * 8, f32_avx2};
  return {};
}

#elif defined(__aarch64__) && defined(__linux__)

__attribute__((target("arch=armv8.2-a+dotprod"))) void int8_dotprod(long turns) {
  int32x4_t sums[kSums] = {};
  const int8x16_t ones = vdupq_n_s8(1);
  for (long turn = 0; turn < turns; ++turn) {
    _Pragma("GCC unroll 12") for (auto& sum : sums) sum = vdotq_s32(sum, ones, ones);
  }
  use(sums);
}

void f32_neon(long turns) {
  float32x4_t sums[kSums] = {};
  const float32x4_t ones = vdupq_n_f32(1);
  for (long turn = 0; turn < turns; ++turn) {
    _Pragma("GCC unroll 12") for (auto& sum : sums) sum = vfmaq_f32(sum, ones, ones);
  }
  use(sums);
}

Kernel int8_kernel() {
  constexpr unsigned long kDotProduct = 1ul << 20;
  if ((::getauxval(AT_HWCAP) & kDotProduct) == 0) return {};
  return {"sdot", 2.0 * kSums * 16, int8_dotprod};
}
Kernel bf16_kernel() { return {}; }
Kernel f32_kernel() { return {"fmla", 2.0 * kSums * 4, f32_neon}; }

#else

Kernel int8_kernel() { return {}; }
Kernel bf16_kernel() { return {}; }
Kernel f32_kernel() { return {}; }

#endif

bool count_cpu_time = false;

double now() {
  if (count_cpu_time) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

// Seconds until the last of the threads has done its part.
template <class Part>
double seconds_of(int n_threads, const Part& part) {
  const double begin = now();
  std::vector<std::thread> threads;
  for (int t = 1; t < n_threads; ++t) threads.emplace_back([&part, t] { part(t); });
  part(0);
  for (std::thread& thread : threads) thread.join();
  return now() - begin;
}

double operations_per_second(const Kernel& kernel, int n_threads) {
  constexpr double kSeconds = 0.05;  // of a pass: long enough to make starting threads small
  long turns = 1000;
  while (seconds_of(1, [&](int) { kernel.run(turns); }) < kSeconds && turns < (1l << 40)) turns *= 2;
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const double seconds = seconds_of(n_threads, [&](int) { kernel.run(turns); });
    best = std::max(best, static_cast<double>(turns) * kernel.operations * n_threads / seconds);
  }
  return best;
}

// The hardware's prefetch stops at each page; some processors read faster when told what comes next, a little way into
// the first-level cache or further into the second.
constexpr std::size_t kMostAhead = 768;

// Eight sums, so that loads and not the chain of additions set the pace. Memory up to kAheadWords behind the words has
// to be there.
template <std::size_t kAheadWords, int kLocality>
void sum_words(const std::uint64_t* words, std::size_t n) {
  std::uint64_t sums[8] = {};
  for (std::size_t i = 0; i + 8 <= n; i += 8) {
    if (kAheadWords > 0) __builtin_prefetch(words + i + kAheadWords, 0, kLocality);
    for (std::size_t j = 0; j < 8; ++j) sums[j] += words[i + j];
  }
  use(sums);
}

double read_bytes_per_second(std::size_t bytes, int n_threads) {
  const std::size_t part = std::max<std::size_t>(bytes / sizeof(std::uint64_t) / static_cast<unsigned>(n_threads), 8);
  const std::unique_ptr<std::uint64_t[]> words(new std::uint64_t[part * static_cast<unsigned>(n_threads) + kMostAhead]);
  const auto begin_of = [&](int thread) { return words.get() + part * static_cast<unsigned>(thread); };
  // Untouched memory is one shared page of zeros.
  seconds_of(n_threads, [&](int thread) { std::fill_n(begin_of(thread), part, 1); });
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    for (const auto sum : {sum_words<0, 3>, sum_words<384, 3>, sum_words<kMostAhead, 2>}) {
      const double seconds = seconds_of(n_threads, [&](int thread) { sum(begin_of(thread), part); });
      best = std::max(best, static_cast<double>(part * sizeof(std::uint64_t)) * n_threads / seconds);
    }
  }
  return best;
}

void print_kernel(const char* what, const Kernel& kernel, int n_threads) {
  if (kernel.run == nullptr) return;
  std::printf(", \"%s\": {\"instruction\": \"%s\", \"operations_per_second\": %.4g}", what, kernel.name,
              operations_per_second(kernel, n_threads));
}

}  // namespace

int main(int argc, char** argv) {
  count_cpu_time = argc == 4 && std::strcmp(argv[3], "cpu") == 0;
  const bool complete = argc == 3 || count_cpu_time;
  const long long bytes = complete ? std::atoll(argv[1]) : 0;
  const int n_threads = complete ? std::atoi(argv[2]) : 0;
  if (bytes < 1 || n_threads < 1 || n_threads > 1024) {
    std::fprintf(stderr, "usage: limits BYTES THREADS [cpu]\n");
    return 2;
  }
  std::printf("{\"bytes\": %lld, \"threads\": %d, \"read_bytes_per_second\": %.4g", bytes, n_threads,
              read_bytes_per_second(static_cast<std::size_t>(bytes), n_threads));
  print_kernel("int8", int8_kernel(), n_threads);
  print_kernel("bf16", bf16_kernel(), n_threads);
  print_kernel("f32", f32_kernel(), n_threads);
  std::printf("}\n");
}
