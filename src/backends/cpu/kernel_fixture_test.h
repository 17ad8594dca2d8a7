// What the kernel tests share: random data, the error measure, and the instruction sets of this machine as a parameter.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "backends/cpu/kernel_table.h"
#include "backends/cpu/packing.h"
#include "backends/cpu/testable_kernels_test.h"
#include "quant/codec.h"

namespace galago::cpu {

inline std::vector<float> random_values(std::size_t count, unsigned seed, float deviation = 1.0f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// Normalized mean squared error: sum (a - b)^2 / sum b^2.
template <class A, class B>
double nmse(const A& actual, const B& expected) {
  double error = 0.0, power = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = static_cast<double>(actual[i]) - static_cast<double>(expected[i]);
    error += difference * difference;
    power += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
  }
  return power > 0.0 ? error / power : error;
}

inline bool same_bits(const float* a, const float* b, std::size_t count) {
  return std::memcmp(a, b, count * sizeof(float)) == 0;
}

// Each test of a suite derived from this runs on every instruction set of the machine.
class KernelTest : public testing::TestWithParam<const KernelTable*> {
 protected:
  const KernelTable& kernels() const { return *GetParam(); }
};

inline auto every_isa() { return testing::ValuesIn(testable_kernels()); }
inline std::string isa_name(const testing::TestParamInfo<const KernelTable*>& parameter) {
  return parameter.param->isa;
}

// A matrix of any type with sensible values: encoded from random weights, or, of types without an encoder, random
// blocks whose values are limited by the choice of their scales.
struct TestMatrix {
  DType dtype;
  std::int64_t rows, cols, row_bytes;
  std::vector<std::byte> blocks;
  std::vector<float> decoded;  // by the reference codec
  std::vector<std::byte> packed;
  WeightView view;
};

// From the bytes of its blocks, row after row.
TestMatrix matrix_of(DType dtype, std::int64_t rows, std::int64_t cols, std::vector<std::byte> blocks);
// Blocks of chosen bytes; only their scales are set to values near 0.01.
TestMatrix make_filled_matrix(DType dtype, std::int64_t rows, std::int64_t cols, unsigned seed,
                              const std::function<std::byte(std::mt19937*)>& fill);
TestMatrix make_matrix(DType dtype, std::int64_t rows, std::int64_t cols, unsigned seed);

// x as linear_int8 takes it.
std::vector<QuantBlock> quantized(const KernelTable& kernels, const std::vector<float>& x, std::int64_t rows,
                                  std::int64_t cols);

}  // namespace galago::cpu
