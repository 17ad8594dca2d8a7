#include "backends/cpu/lowering.h"

#include <algorithm>

#include "backends/cpu/lower_ops.h"
#include "base/error.h"
#include "base/try.h"
#include "ops/executor.h"

namespace galago::cpu {
namespace {

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + graph::kArenaAlignment - 1) / graph::kArenaAlignment * graph::kArenaAlignment;
}

struct LowerOp {
  Lowering& to;
  const Node& node;
  template <class Op>
  Status operator()(const Op& op) const {
    if constexpr (requires { cpu::lower(to, node, op); }) {
      return cpu::lower(to, node, op);
    } else {
      return lower_reference(to, node);
    }
  }
};

}  // namespace

std::int64_t ScratchLayout::add(std::int64_t bytes) {
  const std::int64_t offset = bytes_;
  bytes_ += aligned(bytes);
  return offset;
}

Lowering::Lowering(const graph::Graph& graph, graph::MemoryPlan& plan, const WeightStore& weights,
                   Arithmetic arithmetic)
    : graph_(graph), plan_(plan), weights_(weights), arithmetic_(arithmetic), symbols_(graph::symbols(graph)) {}

Status Lowering::lower(std::size_t node_index) {
  scratch_ = plan_.scratch[node_index];
  GALAGO_CHECK(lower_node(graph_.nodes[node_index]));
  return failure_;
}

Status Lowering::lower_node(const Node& node) {
  if (const auto linears = graph::linears_of(node)) return cpu::lower(*this, *linears);
  if (const auto norm = graph::norm_of(node)) return cpu::lower(*this, *norm);
  if (const auto* gated_linears = node.match<GatedLinearsMatch>()) return cpu::lower(*this, *gated_linears);
  if (const auto* add_norm = node.match<AddNormMatch>()) return cpu::lower(*this, *add_norm);
  if (const auto* gated = node.match<GatedActMatch>()) return cpu::lower(*this, *gated);
  if (const auto* rope_append = node.match<RopeAppendMatch>()) return cpu::lower(*this, *rope_append);
  const auto* plain = std::get_if<ops::AnyOp>(&node.op);
  if (plain == nullptr) return error(ErrorCode::kInternal, "{}: nothing lowers it", name(node));
  return std::visit(LowerOp{*this, node}, *plain);
}

Operand Lowering::operand(ValueId id) {
  if (id == kNoValue) return {};
  const graph::Value& value = graph_.value(id);
  if (value.is_constant()) {
    return constant(ops::as_array(value.constant));
  }
  const ValueId storage = plan_.storage[static_cast<std::size_t>(id)];
  if (storage != id) return operand(storage);
  const auto input = std::find(graph_.inputs.begin(), graph_.inputs.end(), id);
  if (input != graph_.inputs.end()) return {Operand::Place::kInput, input - graph_.inputs.begin(), nullptr};
  return Operand::arena(plan_.offsets[static_cast<std::size_t>(id)]);
}

Operand Lowering::constant(Tensor tensor) {
  if (!tensor.ok()) failure_ = tensor.error();
  constants_.push_back(std::move(tensor));
  return {Operand::Place::kConstant, 0, constants_.back().bytes().data()};
}

Size Lowering::size(const Shape& shape, int first, int last) const {
  Size product;
  for (int d = first; d < last; ++d) {
    const Dim& dim = shape.dim(d);
    int symbol = 0;
    while (!dim.is_constant() && symbols_[static_cast<std::size_t>(symbol)].name != dim.name()) ++symbol;
    product.multiply(dim, symbol);
  }
  return product;
}

Operand Lowering::rope_table(const ops::Rope& rope, ValueId positions, ValueId inv_freq) {
  for (const RopeTable& known : rope_tables_) {
    if (known.positions == positions && known.inv_freq == inv_freq && known.sections == rope.sections &&
        known.attention_factor == rope.attention_factor) {
      return known.table;
    }
  }
  const Size tokens = size(shape(positions), 1, 2);
  const std::int64_t pairs = shape(inv_freq).dim(0).bound();
  const std::int64_t bytes = aligned(tokens.bound() * pairs * 2 * static_cast<std::int64_t>(sizeof(float)));
  plan_.regions.push_back({"rope table", plan_.peak_bytes, bytes});
  const Operand table = Operand::arena(plan_.peak_bytes);
  plan_.peak_bytes += bytes;
  emit(rope_table_instruction(operand(positions), operand(inv_freq), table, tokens, pairs, rope));
  rope_tables_.push_back({positions, inv_freq, rope.attention_factor, rope.sections, table});
  return table;
}

std::int64_t scratch_bytes(const graph::Graph& graph, const Node& node, Arithmetic arithmetic) {
  if (const auto linears = graph::linears_of(node)) return linears_scratch(graph, *linears, arithmetic);
  if (const auto* gated_linears = node.match<GatedLinearsMatch>()) {
    return gated_linears_scratch(graph, *gated_linears, arithmetic);
  }
  if (const auto* rope_append = node.match<RopeAppendMatch>()) return rope_append_scratch(graph, *rope_append);
  if (node.as<ops::Moe>() != nullptr) return moe_scratch(graph, node, arithmetic);
  if (node.as<ops::PagedAttention>() != nullptr) return paged_attention_scratch(graph, node);
  if (node.as<ops::DenseAttention>() != nullptr) return dense_attention_scratch(graph, node);
  if (node.as<ops::CausalConv1d>() != nullptr) return causal_conv_scratch(graph, node);
  return 0;
}

}  // namespace galago::cpu
