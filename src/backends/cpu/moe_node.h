// What the instructions of a mixture of experts share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backends/cpu/expert_groups.h"
#include "backends/cpu/instruction.h"
#include "backends/cpu/packing.h"
#include "ops/moe.h"

namespace galago::cpu {

// What a linear kernel reads.
enum class RowForm : std::uint8_t { kFloat, kInt8, kBf16 };
inline constexpr RowForm kRowForms[] = {RowForm::kFloat, RowForm::kInt8, RowForm::kBf16};

std::string_view to_string(RowForm form);
std::int64_t form_bytes(RowForm form, std::int64_t cols);

// Where rows lie in up to three forms.
template <class Place>
struct FormedRows {
  Place forms[3] = {};
  Place& in(RowForm form) { return forms[static_cast<std::size_t>(form)]; }
  const Place& in(RowForm form) const { return forms[static_cast<std::size_t>(form)]; }
};
using RowPointers = FormedRows<std::byte*>;

// The matrices of all experts that do the same.
struct ExpertStack {
  std::vector<WeightView> experts;
  RowForm form = RowForm::kFloat;
  DType dtype = DType::kF32;
  Operand bias;  // (experts, rows), or none

  std::int64_t tiles() const { return tile_count(experts.front().rows); }
  std::int64_t tile_bytes() const {
    return std::max(experts.front().tile_bytes, kTileRows * experts.front().row_bytes);
  }
  // Whether all that a product reads beside the rows is there when the run is over.
  bool outlives_run() const { return bias.place == Operand::Place::kNone || bias.place == Operand::Place::kConstant; }
};

struct MoeNode {
  ops::Moe op;
  Size rows;
  std::int64_t n_experts = 0, hidden = 0, intermediate = 0;
  Operand x, logits, selection_bias, y;
  ExpertStack gate, up, down;
  Operand experts, weights, starts, choices;  // scratch: ExpertGroups
  FormedRows<Operand> prepared;               // of x, by row; floats are x itself
  FormedRows<Operand> gathered;               // the same by slot
  FormedRows<Operand> results;                // inputs of down, by slot

  std::int64_t per_row() const { return op.routing.experts_per_token; }
  bool reads(RowForm form) const { return gate.form == form || up.form == form; }
  ExpertGroups groups(const Run& run) const;
};
using SharedMoe = std::shared_ptr<const MoeNode>;

RowPointers pointers(const Run& run, const FormedRows<Operand>& rows);

// Products of an expert's matrix with rows. Reads nothing of a run.
class ExpertLinear {
 public:
  // `bias`: (experts, rows of a matrix), or null. `cols`: of the rows.
  ExpertLinear(const KernelTable& kernels, const ExpertStack& stack, const float* bias, const RowPointers& rows,
               std::int64_t cols);
  // y (last_row - first_row, stride) = the columns of tiles [first_tile, last_tile).
  void multiply(std::int64_t expert, std::int64_t first_row, std::int64_t last_row, std::int64_t first_tile,
                std::int64_t last_tile, float* y, std::int64_t stride);

 private:
  const KernelTable& kernels_;
  const ExpertStack& stack_;
  const float* bias_;
  LinearArgs args_{};
};

// Results of a linear that wait on the stack for what comes after: rows times columns, of two tiles at least.
inline constexpr std::int64_t kWaitingFloats = 8192, kPairCols = 2 * kTileRows;

// Calls visit(first row, last row, first tile, last tile) for blocks whose results fit kWaitingFloats. Ranges of tiles
// begin at even ones when the first does.
template <class Visit>
void for_blocks(std::int64_t first_row, std::int64_t last_row, std::int64_t first_tile, std::int64_t last_tile,
                Visit visit) {
  constexpr std::int64_t kBlockRows = kWaitingFloats / kPairCols;
  for (std::int64_t row = first_row; row < last_row; row += kBlockRows) {
    const std::int64_t end = std::min(last_row, row + kBlockRows);
    const std::int64_t step = kWaitingFloats / ((end - row) * kPairCols) * 2;
    for (std::int64_t tile = first_tile; tile < last_tile; tile += step) {
      visit(row, end, tile, std::min(last_tile, tile + step));
    }
  }
}

// Stages are run by a team, or each by itself by the pool. What decides the number of chunks must not lie in scratch,
// where a member that comes late would find something else.
class MoeInstruction : public Instruction {
 public:
  explicit MoeInstruction(SharedMoe node) : node_(std::move(node)) {}

  Status run(const Run& run) const override {
    (void)stages(run);
    return {};
  }
  bool run_in_team(const Run& run) const override { return stages(run); }

 protected:
  // False: this member has left the run.
  virtual bool stages(const Run& run) const = 0;

  static bool share(const Run& run, int stage, std::int64_t n_chunks, FunctionRef<void(std::int64_t chunk)> task);
  // Chunks for so many units, whose weights are `bytes` in all.
  static std::int64_t chunk_count(const Run& run, std::int64_t units, std::int64_t bytes, std::int64_t n_rows,
                                  std::int64_t per_thread);
  // At most so many experts have rows.
  std::int64_t most_active(std::int64_t n_rows) const { return std::min(node_->n_experts, n_rows * node_->per_row()); }

  SharedMoe node_;
};

// The numbers of a single row's experts in order, with their weights, copied to where they stay.
void copy_choice(const ExpertGroups& groups, std::int32_t* experts, float* weights);

InstructionPtr moe_hidden_instruction(SharedMoe node);
InstructionPtr moe_sum_instruction(SharedMoe node);

}  // namespace galago::cpu
