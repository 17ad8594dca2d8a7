#include "base/cpu_features.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace galago {
namespace {

// The words of the first "flags" (x86) or "Features" (Arm) line of /proc/cpuinfo, each between spaces.
std::string kernel_flags() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("flags") || line.starts_with("Features")) return line + " ";
  }
  return "";
}

// The kernel reads the same registers and clears what it does not save: an independent witness.
TEST(CpuFeatures, AgreeWithTheKernel) {
  const std::string flags = kernel_flags();
  if (flags.empty()) GTEST_SKIP() << "/proc/cpuinfo names no flags here";
  const auto has = [&](const std::string& flag) { return flags.find(" " + flag + " ") != std::string::npos; };
  const CpuFeatures& f = cpu_features();
#if defined(__x86_64__)
  EXPECT_EQ(f.avx2, has("avx2"));
  EXPECT_EQ(f.fma, has("fma"));
  EXPECT_EQ(f.f16c, has("f16c"));
  EXPECT_EQ(f.avx_vnni, has("avx_vnni"));
  EXPECT_EQ(f.avx512f, has("avx512f"));
  EXPECT_EQ(f.avx512bw, has("avx512bw"));
  EXPECT_EQ(f.avx512vl, has("avx512vl"));
  EXPECT_EQ(f.avx512dq, has("avx512dq"));
  EXPECT_EQ(f.avx512_vnni, has("avx512_vnni"));
  EXPECT_EQ(f.avx512_bf16, has("avx512_bf16"));
  EXPECT_EQ(f.avx512_fp16, has("avx512_fp16"));
  EXPECT_EQ(f.amx_tile, has("amx_tile"));
  EXPECT_EQ(f.amx_int8, has("amx_int8"));
  EXPECT_EQ(f.amx_bf16, has("amx_bf16"));
  EXPECT_FALSE(f.neon);
#elif defined(__aarch64__)
  EXPECT_EQ(f.neon, has("asimd"));
  EXPECT_EQ(f.fp16, has("asimdhp"));
  EXPECT_EQ(f.dotprod, has("asimddp"));
  EXPECT_EQ(f.i8mm, has("i8mm"));
  EXPECT_EQ(f.bf16, has("bf16"));
  EXPECT_EQ(f.sve, has("sve"));
  EXPECT_FALSE(f.avx2);
#endif
}

TEST(CpuFeatures, AreNamed) {
  CpuFeatures f;
  EXPECT_EQ(to_string(f), "");
  f.avx2 = f.avx512_vnni = true;
  EXPECT_EQ(to_string(f), "avx2 avx512_vnni");
}

TEST(CpuFeatures, TilesAreGrantedOnlyWhereTheyExist) {
  if (!cpu_features().amx_tile) {
    EXPECT_FALSE(request_amx());
  } else {
    EXPECT_EQ(request_amx(), request_amx()) << "a second request changes nothing";
  }
}

}  // namespace
}  // namespace galago
