// What every operation says once: its name, fields, shape rule and scalar reference.
//
// An op is a plain struct:
//   struct RmsNorm {
//     static constexpr std::string_view kName = "rms_norm";
//     float eps = 1e-6f;
//     void fields(FieldVisitor& visit) const { visit("eps", eps); }
//     Result<std::vector<TensorType>> infer(std::span<const TensorType> inputs) const;   // the shape rule
//     Status reference(const ReferenceCall& call) const;                                   // exact and slow
//   };
// and one line in ops.def, which makes it a member of AnyOp (any_op.h). An op with weights that a backend may store in
// a layout of its own, because it multiplies whole matrices by them, names those inputs:
//     static constexpr std::array<std::size_t, 1> kWeightInputs = {1};
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "galago/tensor.h"

namespace galago::ops {

struct StepView;

using TensorTypes = std::vector<TensorType>;

// A tensor as a kernel sees it: its constant sizes and where its rows are.
struct TensorView {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> sizes;                       // outermost first
  std::byte* data = nullptr;                             // never written for inputs
  const std::vector<std::int32_t>* row_order = nullptr;  // of weights: see galago::RowOrder
  const Tensor* rows_of = nullptr;                       // whose rows are in several places or made; data is then null

  std::int64_t elements() const;
  std::int64_t columns() const { return sizes.empty() ? 1 : sizes.back(); }  // of the last dim
  std::int64_t rows() const;                                                 // all other dims
  const float* floats() const { return reinterpret_cast<const float*>(data); }
  float* floats() { return reinterpret_cast<float*>(data); }
  const std::int32_t* ints() const { return reinterpret_cast<const std::int32_t*>(data); }
  // Row `index` of the last dim decoded to `out` (columns() floats), whatever the element type, after the row order.
  void decode_row(std::int64_t index, float* out) const;
};

// One call of an op's scalar reference. Outputs are allocated with the inferred types. Activations are f32 or i32,
// rows contiguous; weights have any element type.
struct ReferenceCall {
  std::span<const TensorView> inputs;
  std::span<TensorView> outputs;
  const StepView* step = nullptr;  // for ops with state
};

// Receives the fields of an op, for printing and comparing.
class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  virtual void operator()(std::string_view name, std::int64_t value) = 0;
  virtual void operator()(std::string_view name, double value) = 0;
  virtual void operator()(std::string_view name, std::string_view value) = 0;
  void operator()(std::string_view name, int value) { (*this)(name, std::int64_t{value}); }
  void operator()(std::string_view name, bool value) { (*this)(name, std::string_view(value ? "true" : "false")); }
  void operator()(std::string_view name, float value) { (*this)(name, double{value}); }
  void operator()(std::string_view name, const char* value) { (*this)(name, std::string_view(value)); }
  void operator()(std::string_view name, const std::vector<std::int64_t>& values);
};

// The most dims a tensor may have.
inline constexpr int kMaxRank = 8;

// The inputs of a shape rule with their names, and checks whose messages name both and the op:
// "linear: input 1 (weight) is f32 (3, 4); expected size 5 in dim 1".
class InputTypes {
 public:
  InputTypes(std::string_view op, std::span<const TensorType> types, std::vector<std::string_view> names)
      : op_(op), types_(types), names_(std::move(names)) {}

  // Between `least` and `most` inputs, each of at most kMaxRank dims. Call it before the others.
  Status count(std::size_t least, std::size_t most) const;
  Status dtype(std::size_t index, DType expected) const;
  Status rank(std::size_t index, int expected) const;
  // f32 or i32 with so many dims.
  Status is(std::size_t index, DType expected_dtype, int expected_rank) const;
  // f32 with at least one dim.
  Status is_rows(std::size_t index) const;
  Status dim(std::size_t index, int dim, const Dim& expected) const;
  Error mismatch(std::size_t index, std::string_view expected) const;

 private:
  std::string_view op_;
  std::span<const TensorType> types_;
  std::vector<std::string_view> names_;
};

}  // namespace galago::ops
