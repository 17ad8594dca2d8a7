// A traced computation: values with types, nodes in program order.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "galago/tensor.h"
#include "graph/match.h"
#include "ops/any_op.h"
#include "ops/step.h"

namespace galago::graph {

struct Graph;

// The name of graphs that are bodies of fused nodes.
inline constexpr std::string_view kFragmentName = "fragment";

struct Value {
  TensorType type;
  std::string name;    // of an input or a weight; empty for intermediate values
  Tensor constant;     // ok() for weights and other constants
  std::string layout;  // how the pack pass stores a weight ("q4_1 tile16"); empty: as it is

  bool is_constant() const { return constant.ok(); }
};

// Several nodes that run as one: what they are for a backend, and the body that keeps them, so that the fused node has
// a reference, a type and a printout.
struct Fused {
  Match match;
  std::shared_ptr<const Graph> body;
};

// The same value in the memory of another backend.
struct Copy {
  std::string from;  // the backend that has it
};

struct Node {
  std::variant<ops::AnyOp, Fused, Copy> op;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::string backend;  // set by the place pass

  const Fused* fused() const { return std::get_if<Fused>(&op); }
  const Copy* copy() const { return std::get_if<Copy>(&op); }
  // What the fused node is, or nullptr when it is something else.
  template <class Struct>
  const Struct* match() const {
    return fused() == nullptr ? nullptr : fused()->match.template as<Struct>();
  }
  // The plain op as an Op, or nullptr when it is another or no plain op.
  template <class Op>
  const Op* as() const {
    const auto* plain = std::get_if<ops::AnyOp>(&op);
    return plain == nullptr ? nullptr : std::get_if<Op>(plain);
  }
};

// Results are bitwise the same within a class, whatever rows are computed beside a row; classes may round differently.
enum class NumericClass : std::uint8_t {
  kPrefill,  // many rows: matrix units may be used
  kDecode,   // few rows: decoding, small batches, verification of drafts
};

struct Graph {
  std::string name;
  NumericClass numeric_class = NumericClass::kPrefill;
  std::vector<Value> values;
  std::vector<Node> nodes;  // in program order; nodes with state keep theirs
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<std::string> output_names;  // one for each output
  std::vector<ops::StateSpec> states;     // typed state of the layers, by number

  Value& value(ValueId id) { return values[static_cast<std::size_t>(id)]; }
  const Value& value(ValueId id) const { return values[static_cast<std::size_t>(id)]; }
  ValueId add_value(Value value);
};

// "linear", the name of a fused node's match, or "copy".
std::string_view name(const Node& node);
bool has_state(const Node& node);
// Calls `visit` with the number of each state that the node reads or writes.
void for_each_state(const Node& node, const std::function<void(int state)>& visit);
// Calls `visit` with each input that an op of the node names as a weight (ops/op.h), also inside a fused node.
void for_each_weight(const Node& node, const std::function<void(ValueId)>& visit);
// The types of a node's outputs by its shape rule.
Result<ops::TensorTypes> infer(const Node& node, std::span<const TensorType> inputs);

// For each value: the node that computes it (-1 for inputs and constants) and the nodes that read it.
struct Uses {
  std::vector<int> producer;
  std::vector<std::vector<int>> readers;
  explicit Uses(const Graph& graph);
  // Whether `id` is read by exactly one node and is no output of the graph.
  bool read_once(const Graph& graph, ValueId id) const;
};

// The symbols of a graph's inputs ("tokens" up to 512), each once, in the order of first use.
struct SymbolBound {
  std::string name;
  std::int64_t bound = 0;
};
std::vector<SymbolBound> symbols(std::span<const TensorType> inputs);
std::vector<SymbolBound> symbols(const Graph& graph);

}  // namespace galago::graph
