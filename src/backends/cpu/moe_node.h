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
#include "backends/cpu/row_forms.h"
#include "ops/moe.h"

namespace galago::cpu {

// The matrices of all experts that do the same.
struct ExpertStack {
  std::vector<WeightView> experts;
  RowForm form = RowForm::kFloat;
  DType dtype = DType::kF32;
  Operand bias;  // (experts, rows), or none

  std::int64_t tiles() const { return tile_count(experts.front().rows); }
  std::int64_t tile_bytes() const { return cpu::tile_bytes(experts.front()); }
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

// Results of an expert that wait on the stack.
inline constexpr std::int64_t kWaitingFloats = 8192;

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
