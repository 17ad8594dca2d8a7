// The table that every instruction set and every backend must pass: each op over odd sizes, edge values, element types
// and states. A runner computes a case with run_reference() and with what it tests, and compares outputs (and, for ops
// that write state, the state's bytes as numbers) within the bound of the case's tolerance.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "galago/tensor.h"
#include "ops/any_op.h"
#include "ops/step.h"

namespace galago::ops {

enum class Tolerance : std::uint8_t {
  kExact,      // elements are moved or rounded once: the same bits
  kFloat,      // f32 arithmetic in another order: NMSE 1e-7
  kWeight,     // a product with a weight: kFloat with f32 activations, NMSE 5e-4 with int8 activations
  kAttention,  // products with keys and values: kFloat, NMSE 5e-6 in integers of 12 bits, 2e-4 in bf16
};

// What a runner rounds before it multiplies: activations that meet weights, to int8 or bf16; all that the products of
// attention take.
struct Narrowed {
  enum class Attention : std::uint8_t { kNot, kInt12, kBf16 };
  bool activations = false;
  Attention attention = Attention::kNot;
};

// The largest normalised mean squared error: sum of (found - expected)^2 over the sum of expected^2.
double nmse_bound(Tolerance tolerance, Narrowed narrowed);

// The rows and the state of a step, owned. Sequences hold tokens from before the step.
struct ConformanceStep {
  Paged spec;
  std::int64_t elements = 0;  // not 0: the state is Recurrent, of so many, and pages are places of sequences
  KvType type = KvType::kF32;
  std::int32_t n_pages = 0;
  std::int32_t max_pages = 0;
  std::vector<std::int32_t> sequence, position;  // of each row
  std::vector<std::int32_t> page_table;          // (n_sequences, max_pages)
  std::uint64_t seed = 0;

  // The state before the step: normally distributed keys and values, or elements, in every page.
  std::vector<std::byte> initial_state() const;
  // A state view over `bytes`, which initial_state() gave, the group of its pages, and the step over both; they must
  // outlive the result, and so must this.
  StateView state_view(std::vector<std::byte>& bytes) const;
  GroupView group() const;
  StepView view(const StateView& state, const GroupView& group) const;
};

struct ConformanceCase {
  std::string name;  // "linear q4_1 (5, 96) x (33, 96)"
  AnyOp op;          // the only state of an op with state is number 0
  std::vector<Tensor> inputs;
  Tolerance tolerance = Tolerance::kFloat;
  std::optional<ConformanceStep> step;
};

// Whether the op changes the state.
bool writes_state(const AnyOp& op);

// All cases; the same in every run on every machine.
std::vector<ConformanceCase> conformance_cases();

// `shape` numbers of `dtype` that decode to finite values of about unit size: quantized where the type has an encoder,
// else random blocks whose scales are finite.
Tensor random_weight(DType dtype, const std::vector<std::int64_t>& shape, std::uint64_t seed);

}  // namespace galago::ops
