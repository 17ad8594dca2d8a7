#include "backends/cpu/moe_node.h"

namespace galago::cpu {

ExpertGroups MoeNode::groups(const Run& run) const {
  const auto ints = [&](const Operand& operand) { return reinterpret_cast<std::int32_t*>(run.write(operand)); };
  return {n_experts, per_row(), ints(experts), run.out(weights), ints(starts), ints(choices)};
}

ExpertLinear::ExpertLinear(const KernelTable& kernels, const ExpertStack& stack, const float* bias,
                           const RowPointers& rows, std::int64_t cols)
    : kernels_(kernels), stack_(stack), bias_(bias) {
  args_.x = reinterpret_cast<const float*>(rows.in(RowForm::kFloat));
  args_.x_stride = cols;
  args_.quantized = reinterpret_cast<const QuantBlock*>(rows.in(RowForm::kInt8));
  args_.quantized_stride = quant_blocks(cols);
  args_.x_bf16 = reinterpret_cast<const std::uint16_t*>(rows.in(RowForm::kBf16));
  args_.x_bf16_stride = cols;
}

void ExpertLinear::multiply(std::int64_t expert, std::int64_t first_row, std::int64_t last_row, std::int64_t first_tile,
                            std::int64_t last_tile, float* y, std::int64_t stride) {
  args_.weight = stack_.experts[static_cast<std::size_t>(expert)];
  args_.bias = bias_ == nullptr ? nullptr : bias_ + expert * args_.weight.rows;
  args_.first_row = first_row;
  args_.last_row = last_row;
  args_.first_tile = first_tile;
  args_.last_tile = last_tile;
  multiply_to(kernels_, stack_.form, args_, y, stride);
}

std::int64_t MoeInstruction::chunk_count(const Run& run, std::int64_t units, std::int64_t bytes, std::int64_t n_rows,
                                         std::int64_t per_thread) {
  return std::min(chunks_wanted(run.n_threads, per_thread, bytes * n_rows), std::max<std::int64_t>(1, units));
}

void copy_choice(const ExpertGroups& groups, std::int32_t* experts, float* weights) {
  for (std::int64_t slot = 0; slot < groups.per_row; ++slot) {
    experts[slot] = groups.experts[groups.choices[slot]];
    weights[slot] = groups.weight(slot);
  }
}

}  // namespace galago::cpu
