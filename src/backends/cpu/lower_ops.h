// How each op and match becomes instructions: one function each, by families in lower_*.cc. An op without one runs
// its scalar reference.
#pragma once

#include "backends/cpu/lowering.h"
#include "graph/patterns.h"

namespace galago::cpu {

using graph::AddNormMatch;
using graph::GatedActMatch;
using graph::GatedLinearsMatch;
using graph::kNoValue;
using graph::LinearsMatch;
using graph::NormMatch;
using graph::RopeAppendMatch;

Status lower(Lowering& to, const LinearsMatch& linears);
Status lower(Lowering& to, const GatedLinearsMatch& gated_linears);
Status lower(Lowering& to, const NormMatch& norm);
Status lower(Lowering& to, const AddNormMatch& add_norm);
Status lower(Lowering& to, const GatedActMatch& gated);
Status lower(Lowering& to, const RopeAppendMatch& rope_append);

Status lower(Lowering& to, const Node& node, const ops::MatMul& op);
Status lower(Lowering& to, const Node& node, const ops::Moe& op);

Status lower(Lowering& to, const Node& node, const ops::L2Normalize& op);
Status lower(Lowering& to, const Node& node, const ops::Softmax& op);

Status lower(Lowering& to, const Node& node, const ops::Add& op);
Status lower(Lowering& to, const Node& node, const ops::Mul& op);
Status lower(Lowering& to, const Node& node, const ops::Scale& op);
Status lower(Lowering& to, const Node& node, const ops::Unary& op);

Status lower(Lowering& to, const Node& node, const ops::Embedding& op);
Status lower(Lowering& to, const Node& node, const ops::Splice& op);
Status lower(Lowering& to, const Node& node, const ops::GatherRows& op);
Status lower(Lowering& to, const Node& node, const ops::Reshape& op);
Status lower(Lowering& to, const Node& node, const ops::Permute& op);
Status lower(Lowering& to, const Node& node, const ops::Concat& op);
Status lower(Lowering& to, const Node& node, const ops::Slice& op);
Status lower(Lowering& to, const Node& node, const ops::Patchify& op);

Status lower(Lowering& to, const Node& node, const ops::Rope& op);
Status lower(Lowering& to, const Node& node, const ops::KvAppend& op);
Status lower(Lowering& to, const Node& node, const ops::PagedAttention& op);
Status lower(Lowering& to, const Node& node, const ops::DenseAttention& op);

Status lower(Lowering& to, const Node& node, const ops::CausalConv1d& op);

Status lower(Lowering& to, const Node& node, const ops::Conv2d& op);
Status lower(Lowering& to, const Node& node, const ops::AdaptiveAvgPool2d& op);

// The scalar reference as an instruction: for what no kernel takes. It allocates what the reference allocates.
InstructionPtr reference_instruction(Lowering& to, const Node& node);
Status lower_reference(Lowering& to, const Node& node);

// Whether gated and unary kernels have the function.
bool has_kernel(ops::UnaryKind kind);
// The kernels' name of an activation; only where has_kernel().
UnaryOp unary_op(ops::UnaryKind kind);

// The angles of a rope (lower_attention.cc). The table holds cos (rows, pairs), then sin.
InstructionPtr rope_table_instruction(Operand positions, Operand inv_freq, Operand table, Size rows, std::int64_t pairs,
                                      const ops::Rope& rope);

// Steps of at most so many rows are divided by heads or keys; longer ones have rows enough for all threads.
inline constexpr std::int64_t kFewRows = 16;

// Calls task(first row, last row, kv head) for blocks of rows and heads. Heads of a block lie next to each other, so
// that threads work on the same part of the causal triangle.
void for_heads(const Run& run, std::int64_t n_rows, std::int64_t row_block, std::int64_t kv_heads,
               FunctionRef<void(std::int64_t, std::int64_t, std::int64_t)> task);

// Scratch of what needs any.
std::int64_t linears_scratch(const graph::Graph& graph, const LinearsMatch& linears, Arithmetic arithmetic);
std::int64_t gated_linears_scratch(const graph::Graph& graph, const GatedLinearsMatch& gated_linears,
                                   Arithmetic arithmetic);
std::int64_t moe_scratch(const graph::Graph& graph, const Node& node, Arithmetic arithmetic);
std::int64_t rope_append_scratch(const graph::Graph& graph, const RopeAppendMatch& rope_append);
std::int64_t paged_attention_scratch(const graph::Graph& graph, const Node& node);
std::int64_t dense_attention_scratch(const graph::Graph& graph, const Node& node);
std::int64_t causal_conv_scratch(const graph::Graph& graph, const Node& node);

}  // namespace galago::cpu
