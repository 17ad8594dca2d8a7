// Turns the nodes of a planned graph into instructions.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "backends/cpu/instruction.h"
#include "backends/cpu/weight_store.h"
#include "graph/backend.h"

namespace galago::cpu {

using graph::Node;
using graph::ValueId;

// How a program computes.
struct Arithmetic {
  graph::Precision precision;
  Bf16Tiles bf16_tiles;  // linears multiply in them where all of their weights can
  bool attention_tiles;  // attention rounds what it multiplies to 16 bits
};

// What the bytes of a block of scratch are, in the order they lie in it. Planning and lowering ask it alike.
class ScratchLayout {
 public:
  // The offset of a block within the node's scratch.
  std::int64_t add(std::int64_t bytes);
  std::int64_t bytes() const { return bytes_; }

 private:
  std::int64_t bytes_ = 0;
};

class Lowering {
 public:
  // Everything outlives the lowering. `plan` grows by what lives during the whole run (rope tables).
  Lowering(const graph::Graph& graph, graph::MemoryPlan& plan, const WeightStore& weights, Arithmetic arithmetic);

  // Appends the instructions of a node; nodes come in order.
  Status lower(std::size_t node_index);
  std::vector<InstructionPtr> take_instructions() { return std::move(instructions_); }
  // Copies of constants whose data a kernel cannot read where they are.
  std::vector<Tensor> take_constants() { return std::move(constants_); }

  // For the functions that lower one op:
  const graph::Graph& graph() const { return graph_; }
  const Shape& shape(ValueId id) const { return graph_.value(id).type.shape; }
  DType dtype(ValueId id) const { return graph_.value(id).type.dtype; }
  Arithmetic arithmetic() const { return arithmetic_; }
  const WeightStore& weights() const { return weights_; }
  // Where a value is; no place for kNoValue. Constants are arrays in order, aligned to their elements.
  Operand operand(ValueId id);
  // A constant that the program keeps.
  Operand constant(Tensor tensor);
  // The product of the dims in [first, last).
  Size size(const Shape& shape, int first, int last) const;
  Size elements(ValueId id) const { return size(shape(id), 0, shape(id).rank()); }
  // All dims but the last; the last.
  Size rows(ValueId id) const { return size(shape(id), 0, std::max(0, shape(id).rank() - 1)); }
  Size cols(ValueId id) const { return size(shape(id), std::max(0, shape(id).rank() - 1), shape(id).rank()); }
  // A block of the current node's scratch.
  Operand scratch(std::int64_t offset) const { return Operand::arena(scratch_ + offset); }
  // Where the cos (rows, pairs) and the sin of a rope's angles are; computed by its first user, kept for the others.
  Operand rope_table(const ops::Rope& rope, ValueId positions, ValueId inv_freq);
  void emit(InstructionPtr instruction) { instructions_.push_back(std::move(instruction)); }

 private:
  struct RopeTable {
    ValueId positions, inv_freq;
    float attention_factor;
    std::vector<std::int64_t> sections;
    Operand table;
  };

  const graph::Graph& graph_;
  graph::MemoryPlan& plan_;
  const WeightStore& weights_;
  Arithmetic arithmetic_;
  std::vector<graph::SymbolBound> symbols_;
  std::int64_t scratch_ = -1;  // where the current node's begins
  Status lower_node(const Node& node);

  std::vector<InstructionPtr> instructions_;
  std::vector<Tensor> constants_;
  Status failure_;  // of a constant that could not be copied
  std::vector<RopeTable> rope_tables_;
};

// Bytes of scratch that the instructions of a node need.
std::int64_t scratch_bytes(const graph::Graph& graph, const Node& node, Arithmetic arithmetic);

}  // namespace galago::cpu
