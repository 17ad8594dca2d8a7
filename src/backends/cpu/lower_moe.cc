// A mixture of experts as three instructions: choose experts and prepare the rows; gather the rows of each expert and
// multiply them with its gate and up, activation included (moe_hidden.cc); multiply the results with its down and add
// them up (moe_sum.cc). The linear kernels do the multiplying, an expert at a time over its rows, so that its weights
// are read once, and those of experts without rows not at all.
//
// A row's bits depend on the row alone: the kernels see to that for products, and sums run over a row's experts by
// their number.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "backends/cpu/linear_node.h"
#include "backends/cpu/lower_ops.h"
#include "backends/cpu/moe_node.h"
#include "base/error.h"
#include "base/try.h"

namespace galago::cpu {
namespace {

// Experts and weights of each row, and the row in the forms that kernels read; then the groups.
class MoeRouteInstruction : public MoeInstruction {
 public:
  using MoeInstruction::MoeInstruction;

  std::string to_string() const override {
    return fmt::format("moe route {} of {}{}  rows {}", node_->op.routing.experts_per_token, node_->n_experts,
                       node_->prepared.in(RowForm::kInt8) ? " + quantize" : "", node_->rows.to_string());
  }

 protected:
  bool stages(const Run& run) const override {
    const std::int64_t n_rows = run.at(node_->rows), grain = row_grain(node_->hidden);
    const std::int64_t chunks = (n_rows + grain - 1) / grain;
    const ExpertGroups groups = node_->groups(run);
    if (!run.share(0, chunks, [&](std::int64_t chunk) {
          const std::int64_t first = chunk * grain, last = std::min(n_rows, first + grain);
          for (std::int64_t row = first; row < last; ++row) choose(run, groups, row);
          prepare(run, first, last);
          if (chunks == 1) group_by_expert(groups, n_rows);
        })) {
      return false;
    }
    if (chunks <= 1) return true;
    return run.share(1, 1, [&](std::int64_t) { group_by_expert(groups, n_rows); });
  }

 private:
  void choose(const Run& run, const ExpertGroups& groups, std::int64_t row) const {
    const std::int64_t at = row * groups.per_row;
    node_->op.routing.choose(
        {run.floats(node_->logits) + row * node_->n_experts, static_cast<std::size_t>(node_->n_experts)},
        run.floats(node_->selection_bias), groups.experts + at, groups.weights + at);
  }

  void prepare(const Run& run, std::int64_t first, std::int64_t last) const {
    const std::int64_t cols = node_->hidden;
    const float* x = run.floats(node_->x);
    const RowPointers to = pointers(run, node_->prepared);
    if (node_->reads(RowForm::kInt8)) {
      auto* quantized = reinterpret_cast<QuantBlock*>(to.in(RowForm::kInt8));
      run.kernels.quantize_rows({x, cols, quantized, quant_blocks(cols), cols, first, last});
    }
    if (node_->reads(RowForm::kBf16)) {
      auto* narrow = reinterpret_cast<std::uint16_t*>(to.in(RowForm::kBf16));
      run.kernels.narrow_rows({x, cols, narrow, cols, cols, first, last});
    }
  }
};

// The offsets of what a node keeps in scratch.
struct MoeLayout {
  ScratchLayout layout;
  RowForm gate = RowForm::kFloat, up = RowForm::kFloat, down = RowForm::kFloat;
  std::int64_t experts = 0, weights = 0, starts = 0, choices = 0;
  std::optional<std::int64_t> prepared[3], gathered[3], results[3];  // by form

  bool reads(RowForm form) const { return gate == form || up == form; }
};

// Whether kernels do it; otherwise the reference runs. Experts that only a run brings are none of a model.
bool has_moe_kernels(const graph::Graph& graph, const Node& node, const ops::Moe& op) {
  return has_kernel(op.activation) && std::ranges::all_of(op.kWeightInputs, [&](std::size_t i) {
           const graph::Value& weight = graph.value(node.inputs[i]);
           return weight.is_constant() && weight.type.shape.max_elements().value_or(0) > 0;
         });
}

MoeLayout layout_of(const graph::Graph& graph, const Node& node, const ops::Moe& op, Arithmetic arithmetic) {
  MoeLayout made;
  const auto form_of = [&](std::size_t input) {
    return forms_of(graph, std::span(&node.inputs[input], 1), arithmetic).front();
  };
  made.gate = form_of(op.kGate);
  made.up = form_of(op.kUp);
  made.down = form_of(op.kDown);
  const Shape& x = graph.value(node.inputs[op.kX]).type.shape;
  const std::int64_t n_experts = graph.value(node.inputs[op.kLogits]).type.shape.dim(1).bound();
  const std::int64_t intermediate = graph.value(node.inputs[op.kGate]).type.shape.dim(1).bound();
  const std::int64_t rows = x.dim(0).bound(), slots = rows * op.routing.experts_per_token;
  constexpr std::int64_t kWord = 4;
  made.experts = made.layout.add(slots * kWord);
  made.weights = made.layout.add(slots * kWord);
  made.starts = made.layout.add((n_experts + 1) * kWord);
  made.choices = made.layout.add(slots * kWord);
  for (const RowForm form : kRowForms) {
    const auto i = static_cast<std::size_t>(form);
    const std::int64_t bytes = form_bytes(form, x.dim(1).bound());
    if (made.reads(form) && form != RowForm::kFloat) made.prepared[i] = made.layout.add(rows * bytes);
    if (made.reads(form) && rows > 1) made.gathered[i] = made.layout.add(slots * bytes);
    if (made.down == form) made.results[i] = made.layout.add(slots * form_bytes(form, intermediate));
  }
  return made;
}

Result<ExpertStack> make_stack(Lowering& to, const Node& node, std::size_t input, RowForm form) {
  const graph::Value& weight = to.graph().value(node.inputs[input]);
  ExpertStack stack;
  stack.form = form;
  stack.dtype = weight.type.dtype;
  for (std::int64_t expert = 0; expert < weight.constant.size(0); ++expert) {
    auto view = to.weights().view(weight.constant, expert);
    if (!view.ok()) return error(view.error().code, "weight {}: {}", weight.name, view.error().message);
    stack.experts.push_back(*view);
  }
  return stack;
}

Status lower_moe_reference(Lowering& to, const Node& node, const ops::Moe& op) {
  for (const std::size_t i : op.kWeightInputs) {
    const graph::Value& weight = to.graph().value(node.inputs[i]);
    if (!weight.is_constant() || !weight.constant.is_packed()) continue;
    return error(ErrorCode::kUnsupported, "{} {}: is there only packed, but moe with {} needs its rows", weight.name,
                 weight.type.to_string(), ops::to_string(op.activation));
  }
  return lower_reference(to, node);
}

}  // namespace

Status lower(Lowering& to, const Node& node, const ops::Moe& op) {
  if (!has_moe_kernels(to.graph(), node, op)) return lower_moe_reference(to, node, op);
  const MoeLayout layout = layout_of(to.graph(), node, op, to.arithmetic());
  auto moe = std::make_shared<MoeNode>();
  moe->op = op;
  moe->rows = to.rows(node.inputs[op.kX]);
  moe->hidden = to.shape(node.inputs[op.kX]).dim(1).bound();
  moe->n_experts = to.shape(node.inputs[op.kLogits]).dim(1).bound();
  moe->intermediate = to.shape(node.inputs[op.kGate]).dim(1).bound();
  moe->x = to.operand(node.inputs[op.kX]);
  moe->logits = to.operand(node.inputs[op.kLogits]);
  moe->y = to.operand(node.outputs[0]);
  if (op.has_selection_bias) moe->selection_bias = to.operand(node.inputs[op.kSelectionBias]);
  GALAGO_TRY(moe->gate, make_stack(to, node, op.kGate, layout.gate));
  GALAGO_TRY(moe->up, make_stack(to, node, op.kUp, layout.up));
  GALAGO_TRY(moe->down, make_stack(to, node, op.kDown, layout.down));
  if (op.has_biases) {
    std::size_t input = op.gate_bias_input();
    for (ExpertStack* stack : {&moe->gate, &moe->up, &moe->down}) stack->bias = to.operand(node.inputs[input++]);
  }
  moe->experts = to.scratch(layout.experts);
  moe->weights = to.scratch(layout.weights);
  moe->starts = to.scratch(layout.starts);
  moe->choices = to.scratch(layout.choices);
  for (const RowForm form : kRowForms) {
    const auto i = static_cast<std::size_t>(form);
    if (layout.prepared[i]) moe->prepared.in(form) = to.scratch(*layout.prepared[i]);
    if (layout.gathered[i]) moe->gathered.in(form) = to.scratch(*layout.gathered[i]);
    if (layout.results[i]) moe->results.in(form) = to.scratch(*layout.results[i]);
  }
  if (layout.reads(RowForm::kFloat)) moe->prepared.in(RowForm::kFloat) = moe->x;
  to.emit(std::make_unique<MoeRouteInstruction>(moe));
  to.emit(moe_hidden_instruction(moe));
  to.emit(moe_sum_instruction(moe));
  return {};
}

std::int64_t moe_scratch(const graph::Graph& graph, const Node& node, Arithmetic arithmetic) {
  const ops::Moe& op = *node.as<ops::Moe>();
  return has_moe_kernels(graph, node, op) ? layout_of(graph, node, op, arithmetic).layout.bytes() : 0;
}

}  // namespace galago::cpu
