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
// and one line in ops.def, which makes it a member of AnyOp (any_op.h).
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

// Shape-rule checks whose messages name the op and the input: "linear: input 1 (weight) is ...; expected ...".
Status expect_inputs(std::string_view op, std::span<const TensorType> inputs, std::size_t least, std::size_t most);
Status expect_rank(std::string_view op, std::span<const TensorType> inputs, std::size_t index, int rank);
Status expect_dim(std::string_view op, std::span<const TensorType> inputs, std::size_t index, int dim,
                  const Dim& expected);
Status expect_dtype(std::string_view op, std::span<const TensorType> inputs, std::size_t index, DType dtype);

}  // namespace galago::ops
