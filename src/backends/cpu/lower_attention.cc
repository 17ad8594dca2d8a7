// Rotary embeddings, appending to paged state, and attention without it.
#include <fmt/format.h>

#include <array>

#include "backends/cpu/lower_ops.h"
#include "backends/cpu/paged_step.h"
#include "backends/cpu/rope_table.h"
#include "base/try.h"

namespace galago::cpu {
namespace {

// cos and sin for all rows of a step: pair p takes the positions of the axis whose section it falls in.
class RopeTableInstruction : public Instruction {
 public:
  struct Section {
    std::int64_t axis, first_pair, pairs;
  };
  Operand positions, inv_freq, table;
  Size rows;
  std::int64_t pairs = 0;
  float factor = 1.0f;
  std::vector<Section> sections;

  Status run(const Run& run) const override {
    const std::int64_t n_rows = run.at(rows);
    const std::int32_t* position = run.ints(positions);
    const float* frequencies = run.floats(inv_freq);
    float* cos = run.out(table);
    float* sin = cos + n_rows * pairs;
    // A cosine and a sine take some 40 ns, as long as 64 other floats.
    run.parallel(n_rows, row_grain(pairs * 64), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t row = first; row < last; ++row) {
        for (const Section& section : sections) {
          const std::int64_t at = row * pairs + section.first_pair;
          cpu::rope_table({position + section.axis * n_rows + row, 1},
                          {frequencies + section.first_pair, static_cast<std::size_t>(section.pairs)}, factor, cos + at,
                          sin + at);
        }
      }
    });
    return {};
  }

  std::string to_string() const override {
    return fmt::format("rope_table  rows {}  pairs {}  axes {}", rows.to_string(), pairs, sections.size());
  }
};

struct RopeRows {
  Operand x, y, table;
  Size rows;
  std::int64_t heads = 0, head_dim = 0, pairs = 0;
  bool interleaved = false;

  // Heads [head, last_head) of rows [first, last).
  void rotate(const Run& run, std::int64_t first, std::int64_t last, std::int64_t head, std::int64_t last_head) const {
    const float* cos = run.floats(table);
    RopeArgs args{};
    args.x = run.floats(x) + head * head_dim;
    args.y = run.out(y) + head * head_dim;
    args.x_stride = args.y_stride = heads * head_dim;
    args.cos = cos;
    args.sin = cos + run.at(rows) * pairs;
    args.table_stride = pairs;
    args.n_heads = last_head - head;
    args.head_dim = head_dim;
    args.rope_dim = 2 * pairs;
    args.interleaved = interleaved;
    args.first_row = first;
    args.last_row = last;
    run.kernels.rope(args);
  }

  std::string to_string() const {
    return fmt::format("rope{}  rows {}  heads {} x {}", interleaved ? " interleaved" : "", rows.to_string(), heads,
                       head_dim);
  }
};

RopeRows rope_rows(Lowering& to, const ops::Rope& rope, ValueId x, ValueId positions, ValueId inv_freq) {
  const Shape& shape = to.shape(x);
  RopeRows rows;
  rows.table = to.rope_table(rope, positions, inv_freq);
  rows.x = to.operand(x);
  rows.rows = to.size(shape, 0, 1);
  rows.heads = shape.dim(1).bound();
  rows.head_dim = shape.dim(2).bound();
  rows.pairs = to.shape(inv_freq).dim(0).bound();
  rows.interleaved = rope.interleaved;
  return rows;
}

class RopeInstruction : public Instruction {
 public:
  RopeRows rope;

  Status run(const Run& run) const override {
    run.parallel(run.at(rope.rows), row_grain(rope.heads * rope.head_dim),
                 [&](std::int64_t first, std::int64_t last) { rope.rotate(run, first, last, 0, rope.heads); });
    return {};
  }
  std::string to_string() const override { return rope.to_string(); }
};

// [rope of the keys, and] their place in the pages, in one region.
class AppendInstruction : public Instruction {
 public:
  int state = 0;
  ops::Paged spec;
  bool rotates = false;
  RopeRows rope;
  Operand k, v;
  Size rows;

  Status run(const Run& run) const override {
    const std::int64_t n_rows = run.at(rows);
    GALAGO_TRY(const OpenedPages pages,
               open_paged(ops::KvAppend::kName, run.step, state, spec, n_rows, PagesRead::kOwn, 0));
    const std::int64_t width = std::int64_t{spec.heads} * (spec.k_dim + spec.v_dim);
    run.parallel(n_rows, row_grain(width),
                 [&](std::int64_t first, std::int64_t last) { append(run, pages, first, last, 0, spec.heads); });
    return {};
  }

  // The heads of few rows: each lies in lines of memory that nobody has touched since the step before.
  bool run_in_team(const Run& run) const override {
    const std::int64_t n_rows = run.at(rows);
    if (n_rows > kFewRows) return Instruction::run_in_team(run);
    const auto pages = open_paged(ops::KvAppend::kName, run.step, state, spec, n_rows, PagesRead::kOwn, 0);
    if (!pages.ok()) return Instruction::run_in_team(run);
    return run.member->share(run.first_stage, spec.heads,
                             [&](std::int64_t head) { append(run, *pages, 0, n_rows, head, head + 1); });
  }

  std::string to_string() const override {
    return fmt::format("{}kv_append  rows {}  state {} {}", rotates ? "rope + " : "", rows.to_string(), state,
                       ops::to_string(ops::StateSpec(spec)));
  }

 private:
  void append(const Run& run, const OpenedPages& pages, std::int64_t first, std::int64_t last, std::int64_t head,
              std::int64_t last_head) const {
    if (rotates) rope.rotate(run, first, last, head, last_head);
    KvAppendArgs args{};
    args.kv = pages.kv;
    args.k = run.floats(k);
    args.k_stride = std::int64_t{spec.heads} * spec.k_dim;
    args.v = run.floats(v);
    args.v_stride = std::int64_t{spec.heads} * spec.v_dim;
    args.sequence = run.step->sequence;
    args.position = pages.position;
    args.first_row = first;
    args.last_row = last;
    args.first_kv_head = head;
    args.last_kv_head = last_head;
    run.kernels.kv_append(args);
  }
};

// `v` is kNoValue where the values are a view of the keys.
std::unique_ptr<AppendInstruction> make_append(Lowering& to, const ops::KvAppend& op, ValueId k, ValueId v) {
  auto instruction = std::make_unique<AppendInstruction>();
  instruction->state = op.state;
  instruction->spec = {static_cast<int>(to.shape(k).dim(1).bound()), static_cast<int>(to.shape(k).dim(2).bound()),
                       v == kNoValue ? 0 : static_cast<int>(to.shape(v).dim(2).bound())};
  instruction->v = to.operand(v);
  instruction->rows = to.size(to.shape(k), 0, 1);
  return instruction;
}

// Attention of rows to each other. With segments that are no runs of equal numbers, the same in queries and keys
// (-1 hides a key), the scalar reference runs instead.
class DenseAttentionInstruction : public Instruction {
 public:
  ops::DenseAttention op;
  std::int64_t heads = 0, kv_heads = 0, k_dim = 0, v_dim = 0;
  Operand q, k, v, y;
  Operand query_segment, key_segment;  // both or neither
  Operand bounds, mask;                // scratch, with segments
  Size rows;
  bool in_tiles = false;  // of 16-bit numbers
  InstructionPtr reference;

  Status run(const Run& run) const override {
    const std::int64_t n_rows = run.at(rows);
    const std::array<std::int32_t, 2> whole = {0, static_cast<std::int32_t>(n_rows)};
    AttentionDenseArgs args{};
    args.segments = whole.data();
    args.n_segments = 1;
    if (query_segment && !find_segments(run, n_rows, &args)) return reference->run(run);
    args.q = run.floats(q);
    args.q_stride = heads * k_dim;
    args.k = run.floats(k);
    args.k_stride = kv_heads * k_dim;
    args.v = run.floats(v);
    args.v_stride = kv_heads * v_dim;
    args.y = run.out(y);
    args.y_stride = heads * v_dim;
    args.n_heads = heads;
    args.n_kv_heads = kv_heads;
    args.k_dim = k_dim;
    args.v_dim = v_dim;
    args.scale = op.scale;
    args.causal = op.causal;
    constexpr std::int64_t kRowBlock = 128;  // the kernel transposes a head's keys again for each block
    for_heads(run, n_rows, kRowBlock, kv_heads, [&](std::int64_t first, std::int64_t last, std::int64_t head) {
      AttentionDenseArgs part = args;
      part.first_row = first;
      part.last_row = last;
      part.first_kv_head = head;
      part.last_kv_head = head + 1;
      (in_tiles ? run.kernels.attention_dense_tiles : run.kernels.attention_dense)(part);
    });
    return {};
  }

  std::string to_string() const override {
    return fmt::format("attention_dense{}{}{}  rows {}  heads {} x {}  kv heads {}", in_tiles ? " in tiles" : "",
                       op.causal ? " causal" : "", query_segment ? " in segments" : "", rows.to_string(), heads, k_dim,
                       kv_heads);
  }

 private:
  // Writes where the runs of equal segments begin, and which keys are seen. False when the kernel cannot express them.
  bool find_segments(const Run& run, std::int64_t n_rows, AttentionDenseArgs* args) const {
    const std::int32_t* of_query = run.ints(query_segment);
    const std::int32_t* of_key = run.ints(key_segment);
    auto* begins = reinterpret_cast<std::int32_t*>(run.write(bounds));
    auto* seen = reinterpret_cast<std::uint8_t*>(run.write(mask));
    std::int64_t n = 0;
    for (std::int64_t row = 0; row < n_rows; ++row) {
      if (of_key[row] != of_query[row] && of_key[row] >= 0) return false;
      seen[row] = of_key[row] >= 0 ? 1 : 0;
      if (row > 0 && of_query[row] == of_query[row - 1]) continue;
      // Keys of a run that was seen before would have to be seen from here too.
      for (std::int64_t i = 0; i < n; ++i) {
        if (of_query[begins[i]] == of_query[row] && of_query[row] >= 0) return false;
      }
      begins[n++] = static_cast<std::int32_t>(row);
    }
    begins[n] = static_cast<std::int32_t>(n_rows);
    args->segments = begins;
    args->n_segments = n;
    args->key_mask = seen;
    return true;
  }
};

struct DenseScratch {
  ScratchLayout layout;
  std::int64_t bounds = 0, mask = 0;
};

DenseScratch dense_scratch(std::int64_t rows) {
  DenseScratch scratch;
  scratch.bounds = scratch.layout.add((rows + 1) * static_cast<std::int64_t>(sizeof(std::int32_t)));
  scratch.mask = scratch.layout.add(rows);
  return scratch;
}

// Whether the kernel takes the shapes: rows that attend to each other, in heads that fit its stack.
bool dense_kernel_fits(const graph::Graph& graph, const Node& node) {
  const Shape& q = graph.value(node.inputs[0]).type.shape;
  const Shape& k = graph.value(node.inputs[1]).type.shape;
  const Shape& v = graph.value(node.inputs[2]).type.shape;
  const auto fits = [](const Dim& dim) { return dim.is_constant() && dim.bound() <= kMaxDenseHeadDim; };
  return q.dim(0) == k.dim(0) && fits(q.dim(2)) && fits(v.dim(2));
}

}  // namespace

void for_heads(const Run& run, std::int64_t n_rows, std::int64_t row_block, std::int64_t kv_heads,
               FunctionRef<void(std::int64_t, std::int64_t, std::int64_t)> task) {
  const std::int64_t blocks = (n_rows + row_block - 1) / row_block;
  ThreadPool::shared().parallel_for(run.n_threads, blocks * kv_heads, [&](int, std::int64_t chunk) {
    const std::int64_t first = chunk / kv_heads * row_block;
    task(first, std::min(n_rows, first + row_block), chunk % kv_heads);
  });
}

InstructionPtr rope_table_instruction(Operand positions, Operand inv_freq, Operand table, Size rows, std::int64_t pairs,
                                      const ops::Rope& rope) {
  auto instruction = std::make_unique<RopeTableInstruction>();
  instruction->positions = positions;
  instruction->inv_freq = inv_freq;
  instruction->table = table;
  instruction->rows = std::move(rows);
  instruction->pairs = pairs;
  instruction->factor = rope.attention_factor;
  if (rope.sections.empty()) instruction->sections.push_back({0, 0, pairs});
  std::int64_t first = 0;
  for (std::size_t axis = 0; axis < rope.sections.size(); ++axis) {
    instruction->sections.push_back({static_cast<std::int64_t>(axis), first, rope.sections[axis]});
    first += rope.sections[axis];
  }
  return instruction;
}

Status lower(Lowering& to, const Node& node, const ops::Rope& op) {
  auto instruction = std::make_unique<RopeInstruction>();
  instruction->rope = rope_rows(to, op, node.inputs[0], node.inputs[1], node.inputs[2]);
  instruction->rope.y = to.operand(node.outputs[0]);
  to.emit(std::move(instruction));
  return {};
}

Status lower(Lowering& to, const Node& node, const ops::KvAppend& op) {
  auto instruction = make_append(to, op, node.inputs[0], node.inputs.size() > 1 ? node.inputs[1] : kNoValue);
  instruction->k = to.operand(node.inputs[0]);
  to.emit(std::move(instruction));
  return {};
}

Status lower(Lowering& to, const RopeAppendMatch& pattern) {
  auto instruction = make_append(to, pattern.append, pattern.k, pattern.v);
  instruction->rotates = true;
  instruction->rope = rope_rows(to, pattern.rope, pattern.k, pattern.positions, pattern.inv_freq);
  instruction->rope.y = to.scratch(0);
  instruction->k = instruction->rope.y;
  to.emit(std::move(instruction));
  return {};
}

Status lower(Lowering& to, const Node& node, const ops::DenseAttention& op) {
  if (!dense_kernel_fits(to.graph(), node)) return lower_reference(to, node);
  auto instruction = std::make_unique<DenseAttentionInstruction>();
  const Shape& q = to.shape(node.inputs[0]);
  instruction->op = op;
  instruction->in_tiles = to.arithmetic().attention_tiles;
  instruction->heads = q.dim(1).bound();
  instruction->k_dim = q.dim(2).bound();
  instruction->kv_heads = to.shape(node.inputs[1]).dim(1).bound();
  instruction->v_dim = to.shape(node.inputs[2]).dim(2).bound();
  instruction->q = to.operand(node.inputs[0]);
  instruction->k = to.operand(node.inputs[1]);
  instruction->v = to.operand(node.inputs[2]);
  instruction->y = to.operand(node.outputs[0]);
  instruction->rows = to.size(q, 0, 1);
  if (node.inputs.size() > 3) {
    const DenseScratch scratch = dense_scratch(q.dim(0).bound());
    instruction->query_segment = to.operand(node.inputs[3]);
    instruction->key_segment = to.operand(node.inputs[4]);
    instruction->bounds = to.scratch(scratch.bounds);
    instruction->mask = to.scratch(scratch.mask);
    instruction->reference = reference_instruction(to, node);
  }
  to.emit(std::move(instruction));
  return {};
}

std::int64_t rope_append_scratch(const graph::Graph& graph, const RopeAppendMatch& rope_append) {
  const Shape& k = graph.value(rope_append.k).type.shape;
  return k.max_elements().value_or(0) * static_cast<std::int64_t>(sizeof(float));
}

std::int64_t dense_attention_scratch(const graph::Graph& graph, const Node& node) {
  if (node.inputs.size() < 4 || !dense_kernel_fits(graph, node)) return 0;
  return dense_scratch(graph.value(node.inputs[0]).type.shape.dim(0).bound()).layout.bytes();
}

}  // namespace galago::cpu
