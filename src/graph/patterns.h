// Patterns: nodes that a backend runs as one, for less traffic between them. Each is written once, here: it decides
// what belongs together, and says as a struct what lowering needs to know. A backend lists those that it takes
// (Backend::patterns()), or has patterns of its own beside them.
#pragma once

#include <optional>
#include <vector>

#include "graph/graph.h"

namespace galago::graph {

// RmsNorm or LayerNorm of x.
struct NormMatch {
  bool layer_norm = false;
  float eps = 0.0f;
  bool weight_plus_one = false;
  ValueId x = kNoValue, weight = kNoValue, bias = kNoValue, y = kNoValue;

  template <class Visit>
  void for_each_value(Visit visit) {
    for (ValueId* id : {&x, &weight, &bias, &y}) visit(*id);
  }
};

// y = act(gate) * up
struct GatedActMatch {
  static constexpr std::string_view kName = "gated_act";
  ops::UnaryKind act = ops::UnaryKind::kSilu;
  ValueId gate = kNoValue, up = kNoValue, y = kNoValue;

  template <class Visit>
  void for_each_value(Visit visit) {
    for (ValueId* id : {&gate, &up, &y}) visit(*id);
  }
};

// A norm or nothing; linears that share its result; and, after a single linear, a residual.
struct LinearsMatch {
  static constexpr std::string_view kName = "linears";
  struct Part {
    ValueId weight = kNoValue, bias = kNoValue, y = kNoValue;
  };
  std::optional<NormMatch> norm;
  ValueId x = kNoValue;  // what the linears read, unless it is the norm's
  std::vector<Part> parts;
  ValueId residual = kNoValue;

  template <class Visit>
  void for_each_value(Visit visit) {
    if (norm) norm->for_each_value(visit);
    visit(x);
    for (Part& part : parts) {
      for (ValueId* id : {&part.weight, &part.bias, &part.y}) visit(*id);
    }
    visit(residual);
  }
};

// act(gate x) * (up x), x perhaps a norm's; then perhaps a linear of it, and a residual.
struct GatedLinearsMatch {
  static constexpr std::string_view kName = "gated_linears";
  std::optional<NormMatch> norm;
  ValueId x = kNoValue;  // as of LinearsMatch
  ops::UnaryKind act = ops::UnaryKind::kSilu;
  LinearsMatch::Part gate, up;  // without y
  ValueId y = kNoValue;         // the product, when no linear follows
  std::optional<LinearsMatch::Part> down;
  ValueId residual = kNoValue;

  template <class Visit>
  void for_each_value(Visit visit) {
    if (norm) norm->for_each_value(visit);
    for (ValueId* id : {&x, &y, &residual}) visit(*id);
    for (LinearsMatch::Part* part : {&gate, &up, down ? &*down : nullptr}) {
      if (part == nullptr) continue;
      for (ValueId* id : {&part->weight, &part->bias, &part->y}) visit(*id);
    }
  }
};

// sum = a + b; norm.y = norm(sum)
struct AddNormMatch {
  static constexpr std::string_view kName = "add_norm";
  ValueId a = kNoValue, b = kNoValue, sum = kNoValue;
  NormMatch norm;

  template <class Visit>
  void for_each_value(Visit visit) {
    for (ValueId* id : {&a, &b, &sum}) visit(*id);
    norm.for_each_value(visit);
  }
};

// rope(k), appended with v.
struct RopeAppendMatch {
  static constexpr std::string_view kName = "rope_append";
  ops::Rope rope;
  ops::KvAppend append;
  ValueId k = kNoValue, positions = kNoValue, inv_freq = kNoValue, v = kNoValue;

  template <class Visit>
  void for_each_value(Visit visit) {
    for (ValueId* id : {&k, &positions, &inv_freq, &v}) visit(*id);
  }
};

// What a plain node, or a fused one, is in these terms: a Linear alone is a LinearsMatch of one part.
std::optional<NormMatch> norm_of(const Node& node);
std::optional<LinearsMatch> linears_of(const Node& node);

// Two nodes of a graph; `second` reads the first output of `first`.
struct Neighbours {
  const Graph& graph;
  const Uses& uses;
  const Node& first;
  const Node& second;

  ValueId value() const { return first.outputs[0]; }
  // Whether nobody but `second` reads what `first` gives, which is one value.
  bool passes_on() const { return first.outputs.size() == 1 && uses.read_once(graph, value()); }
};

// One way of joining neighbours. Either of them may be fused already, so that larger patterns grow from smaller ones.
struct Pattern {
  std::string_view name;
  Match (*join)(const Neighbours& at) = nullptr;  // empty when they are none of this pattern
  bool at_first = false;                          // the fused node takes the place of `first`, not of `second`
};

namespace patterns {

// Linears of one input: what the group pass makes, of any number of nodes.
extern const Pattern kGroup;
extern const Pattern kNormLinears;     // norm → linears
extern const Pattern kLinearResidual;  // linear → + residual
extern const Pattern kGatedAct;        // act(gate) * up
extern const Pattern kGatedLinears;    // [norm] → two linears → gated act
extern const Pattern kGatedDown;       // gated linears → linear
extern const Pattern kGatedResidual;   // gated linears → linear → + residual
extern const Pattern kAddNorm;         // a + b → norm, when the sum is needed too
extern const Pattern kRopeAppend;      // rope(k) → kv_append

}  // namespace patterns

}  // namespace galago::graph
