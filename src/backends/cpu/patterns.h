// The fused nodes of graph/passes/fuse_nodes.h as the CPU runs them, with their values in the outer graph.
#pragma once

#include <optional>
#include <vector>

#include "graph/graph.h"

namespace galago::cpu {

using graph::ValueId;

inline constexpr ValueId kNoValue = -1;

// RmsNorm or LayerNorm of x.
struct NormPattern {
  bool layer_norm = false;
  float eps = 0.0f;
  bool weight_plus_one = false;
  ValueId x = kNoValue, weight = kNoValue, bias = kNoValue, y = kNoValue;
};

// y = act(gate) * up
struct GatedPattern {
  ops::UnaryKind act = ops::UnaryKind::kSilu;
  ValueId gate = kNoValue, up = kNoValue, y = kNoValue;
};

// A norm or nothing; linears that share its result; and, after a single linear, a residual.
struct LinearsPattern {
  struct Part {
    ValueId weight = kNoValue, bias = kNoValue, y = kNoValue;
  };
  std::optional<NormPattern> norm;
  ValueId x = kNoValue;  // what the linears read, unless it is the norm's
  std::vector<Part> parts;
  ValueId residual = kNoValue;
};

// act(gate x) * (up x), x perhaps a norm's; then perhaps a linear of it, and a residual.
struct GatedLinearsPattern {
  std::optional<NormPattern> norm;
  ValueId x = kNoValue;  // as of LinearsPattern
  ops::UnaryKind act = ops::UnaryKind::kSilu;
  LinearsPattern::Part gate, up;  // without y
  ValueId y = kNoValue;           // the product, when no linear follows
  std::optional<LinearsPattern::Part> down;
  ValueId residual = kNoValue;
};

// sum = a + b; norm.y = norm(sum)
struct AddNormPattern {
  ValueId a = kNoValue, b = kNoValue, sum = kNoValue;
  NormPattern norm;
};

struct RopeAppendPattern {
  ops::Rope rope;
  ops::KvAppend append;
  ValueId k = kNoValue, positions = kNoValue, inv_freq = kNoValue, v = kNoValue;
};

// Whether gated and unary kernels have the function.
bool has_kernel(ops::UnaryKind kind);

// Each matches a plain node too where there is one (a Linear is a LinearsPattern of one part), and gives nothing for
// what the CPU does not run as one. Values inside a fused node are kNoValue.
std::optional<NormPattern> match_norm(const graph::Node& node);
std::optional<GatedPattern> match_gated(const graph::Node& node);
std::optional<LinearsPattern> match_linears(const graph::Node& node);
std::optional<GatedLinearsPattern> match_gated_linears(const graph::Node& node);
std::optional<AddNormPattern> match_add_norm(const graph::Node& node);
std::optional<RopeAppendPattern> match_rope_append(const graph::Node& node);

// Whether one of them matches the fused node.
bool matches(const graph::Node& node);

// Replaces fused nodes that nothing matches by the nodes of their bodies.
graph::Graph unfuse_unmatched(graph::Graph graph);

}  // namespace galago::cpu
