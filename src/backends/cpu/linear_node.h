// What the instructions of linears share: their weights, and the rows that they read with how those are made.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backends/cpu/lower_ops.h"
#include "backends/cpu/packing.h"
#include "backends/cpu/row_forms.h"

namespace galago::cpu {

// One weight matrix.
struct LinearPart {
  WeightView view;  // complete for constant weights
  Operand data;     // of a weight that is an activation: its rows, as in a MatMul
  Size out_cols;    // rows of the weight
  DType dtype = DType::kF32;
  RowForm form = RowForm::kFloat;  // what it is multiplied with
  Operand bias, y;

  // As a run finds it. `cols`: of the rows.
  WeightView at(const Run& run, std::int64_t cols) const;
  std::int64_t tiles(const Run& run) const { return tile_count(data ? run.at(out_cols) : view.rows); }
  std::int64_t tile_bytes() const { return cpu::tile_bytes(view); }
  // Whether all that a product reads beside the rows is there when the run is over.
  bool outlives_run() const;
  std::int64_t weight_bytes() const;
  std::string to_string(const Size& cols) const;  // "linear_int8 q4_0 tile16 64 -> 96"
};

Result<LinearPart> make_part(Lowering& to, const LinearsMatch::Part& pattern, RowForm form);

// The form that each weight is multiplied with. Weights that share their rows take tiles of bf16 all, or none does.
std::vector<RowForm> forms_of(const graph::Graph& graph, std::span<const ValueId> weights, Arithmetic arithmetic);

// The rows that linears read.
class LinearInput {
 public:
  enum class Origin : std::uint8_t {
    kGiven,   // floats from outside, which are quantized or narrowed to scratch
    kNormed,  // a norm of them, in scratch
    kMade,    // left in scratch by the instruction before, in the form that is read
  };
  Origin origin = Origin::kGiven;
  NormMatch norm;                         // of kNormed
  Operand given, norm_weight, norm_bias;  // floats from outside
  FormedRows<Operand> rows_in;            // where each form is that something reads
  Size rows, cols;

  bool reads(RowForm form) const { return static_cast<bool>(rows_in.in(form)); }
  // Makes the rows, in the instruction's first stage. False: this member has left.
  bool prepare(const Run& run, std::int64_t n_rows) const;
  // What kernels get of the rows in scratch.
  LinearArgs args(const Run& run) const;

  // Whether the rows are so few that every member of a team can make them for itself, in its scratch.
  bool can_be_own(std::int64_t n_rows, std::int64_t n_cols) const;
  std::int64_t own_bytes(std::int64_t n_rows, std::int64_t n_cols) const;
  void prepare_own(const Run& run, std::int64_t n_rows, std::byte* scratch) const;
  LinearArgs own_args(std::int64_t n_rows, std::int64_t n_cols, std::byte* scratch) const;

  std::string to_string() const;  // "rms_norm + ", or nothing

 private:
  std::int64_t pitch(RowForm form, std::int64_t n_cols) const;
  LinearArgs args_of(const RowPointers& at, std::int64_t n_cols) const;
  RowPointers own_rows(std::int64_t n_rows, std::int64_t n_cols, std::byte* scratch) const;
  void make(const Run& run, std::int64_t n_cols, std::int64_t first, std::int64_t last, const RowPointers& to) const;
  void normalize(const Run& run, std::int64_t n_cols, std::int64_t first, std::int64_t last,
                 const RowPointers& to) const;
};

// Where an input's forms lie in its node's scratch; nothing for what is not there.
using InputPlaces = FormedRows<std::optional<std::int64_t>>;
InputPlaces plan_input(const Shape& shape, bool normed, std::span<const RowForm> forms, ScratchLayout& layout);
LinearInput make_input(Lowering& to, ValueId x, const std::optional<NormMatch>& norm, std::span<const RowForm> forms,
                       const InputPlaces& places);

// y = rows W^T + bias + residual for each part.
InstructionPtr linears_instruction(LinearInput input, std::vector<LinearPart> parts, Operand residual);

// Rows that a chunk takes, for which the kernel unpacks each weight once, or as few times as leave their quantized
// activations in the second level cache. With tiles, expanding weights costs as much as multiplying some 150 rows.
constexpr std::int64_t row_block(RowForm form) { return form == RowForm::kBf16 ? 512 : 256; }

}  // namespace galago::cpu
