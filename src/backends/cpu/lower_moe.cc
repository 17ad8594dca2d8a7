// A mixture of experts as three instructions: choose experts and prepare the rows; gather the rows of each expert and
// multiply them with its gate and up, activation included; multiply the results with its down and add them up. The
// linear kernels do the multiplying, an expert at a time over its rows, so that its weights are read once, and those of
// experts without rows not at all.
//
// A row's bits depend on the row alone: the kernels see to that for products, and sums run over a row's experts by
// their number.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "backends/cpu/expert_groups.h"
#include "backends/cpu/lower_ops.h"
#include "base/error.h"
#include "base/try.h"

namespace galago::cpu {
namespace {

constexpr std::int64_t kExpertChunksPerThread = 12;
// With many rows, fewer chunks read the inputs of the down projections fewer times.
constexpr std::int64_t kManyRows = 32, kDownChunksPerThread = 4;
constexpr std::int64_t kExpertChunkBytes = 16 * 1024;
// Reading and unpacking a tile's weights takes as long as multiplying so many rows with them.
constexpr std::int64_t kUnpackRows = 4, kUnpackRowsBf16 = 128;
// Results of a linear that wait on the stack for what comes after: rows times columns, of two tiles at least.
constexpr std::int64_t kWaitingFloats = 8192, kPairCols = 2 * kTileRows;
constexpr std::int64_t kBlockRows = kWaitingFloats / kPairCols;

// What a linear kernel reads.
enum class RowForm : std::uint8_t { kFloat, kInt8, kBf16 };
constexpr RowForm kRowForms[] = {RowForm::kFloat, RowForm::kInt8, RowForm::kBf16};

std::int64_t form_bytes(RowForm form, std::int64_t cols) {
  switch (form) {
    case RowForm::kFloat: return cols * static_cast<std::int64_t>(sizeof(float));
    case RowForm::kInt8: return quant_blocks(cols) * static_cast<std::int64_t>(sizeof(QuantBlock));
    case RowForm::kBf16: return cols * static_cast<std::int64_t>(sizeof(std::uint16_t));
  }
  return 0;
}

// Rows in up to three forms.
struct FormedRows {
  Operand floats, quantized, bf16;
  Operand& in(RowForm form) { return form == RowForm::kFloat ? floats : form == RowForm::kInt8 ? quantized : bf16; }
  const Operand& in(RowForm form) const { return const_cast<FormedRows*>(this)->in(form); }
};

// The matrices of all experts that do the same.
struct ExpertStack {
  std::vector<WeightView> experts;
  RowForm form = RowForm::kFloat;
  DType dtype = DType::kF32;
  Operand bias;  // (experts, rows), or none

  std::int64_t tiles() const { return tile_count(experts.front().rows); }
  std::int64_t tile_bytes() const {
    return std::max(experts.front().tile_bytes, kTileRows * experts.front().row_bytes);
  }
};

// What the instructions of a node share.
struct MoeNode {
  ops::Moe op;
  Size rows;
  std::int64_t n_experts = 0, hidden = 0, intermediate = 0;
  Operand x, logits, selection_bias, y;
  ExpertStack gate, up, down;
  Operand experts, weights, starts, choices;  // scratch: ExpertGroups
  FormedRows prepared;                        // of x, by row; `floats` is x itself
  FormedRows gathered;                        // the same by slot
  FormedRows results;                         // inputs of down, by slot

  ExpertGroups groups(const Run& run) const {
    const auto ints = [&](const Operand& operand) { return reinterpret_cast<std::int32_t*>(run.write(operand)); };
    return {n_experts, op.routing.experts_per_token, ints(experts), run.out(weights), ints(starts), ints(choices)};
  }
};
using SharedMoe = std::shared_ptr<const MoeNode>;

// Linears over the rows of an expert that are in one place.
class ExpertLinear {
 public:
  // `rows`: those of all experts; the kernel counts from the first.
  ExpertLinear(const Run& run, const ExpertStack& stack, const FormedRows& rows, std::int64_t cols)
      : run_(run), stack_(stack) {
    args_.x = run.floats(rows.floats);
    args_.x_stride = cols;
    args_.quantized = reinterpret_cast<const QuantBlock*>(run.read(rows.quantized));
    args_.quantized_stride = quant_blocks(cols);
    args_.x_bf16 = reinterpret_cast<const std::uint16_t*>(run.read(rows.bf16));
    args_.x_bf16_stride = cols;
  }

  // y (last_row - first_row, stride) = the columns of tiles [first_tile, last_tile).
  void multiply(std::int64_t expert, std::int64_t first_row, std::int64_t last_row, std::int64_t first_tile,
                std::int64_t last_tile, float* y, std::int64_t stride) {
    args_.weight = stack_.experts[static_cast<std::size_t>(expert)];
    const float* bias = run_.floats(stack_.bias);
    args_.bias = bias == nullptr ? nullptr : bias + expert * args_.weight.rows;
    args_.first_row = first_row;
    args_.last_row = last_row;
    args_.first_tile = first_tile;
    args_.last_tile = last_tile;
    args_.y_stride = stride;
    // The kernel counts rows and columns from the first. As a number, since no pointer may point there.
    const std::int64_t before = first_row * stride + first_tile * kTileRows;
    args_.y = reinterpret_cast<float*>(reinterpret_cast<std::uintptr_t>(y) -
                                       static_cast<std::uintptr_t>(before) * sizeof(float));
    switch (stack_.form) {
      case RowForm::kFloat: return run_.kernels.linear_f32(args_);
      case RowForm::kInt8: return run_.kernels.linear_int8(args_);
      case RowForm::kBf16: return run_.kernels.linear_bf16(args_);
    }
  }

 private:
  const Run& run_;
  const ExpertStack& stack_;
  LinearArgs args_{};
};

// Calls visit(first row, last row, first tile, last tile) for blocks whose results fit kWaitingFloats. Ranges of tiles
// begin at even ones when the first does.
template <class Visit>
void for_blocks(std::int64_t first_row, std::int64_t last_row, std::int64_t first_tile, std::int64_t last_tile,
                Visit visit) {
  for (std::int64_t row = first_row; row < last_row; row += kBlockRows) {
    const std::int64_t end = std::min(last_row, row + kBlockRows);
    const std::int64_t step = kWaitingFloats / ((end - row) * kPairCols) * 2;
    for (std::int64_t tile = first_tile; tile < last_tile; tile += step) {
      visit(row, end, tile, std::min(last_tile, tile + step));
    }
  }
}

// Stages are run by a team, or each by itself by the pool. What decides the number of chunks must not lie in scratch.
class MoeInstruction : public Instruction {
 public:
  explicit MoeInstruction(SharedMoe node) : node_(std::move(node)) {}

  Status run(const Run& run) const override {
    (void)stages(run);
    return {};
  }
  bool run_in_team(const Run& run) const override { return stages(run); }

 protected:
  using Task = FunctionRef<void(std::int64_t chunk)>;
  // False: this member has left the run.
  virtual bool stages(const Run& run) const = 0;

  static bool share(const Run& run, int stage, std::int64_t n_chunks, Task task) {
    if (run.member != nullptr) return run.member->share(run.first_stage + stage, n_chunks, task);
    ThreadPool::shared().parallel_for(run.n_threads, n_chunks, [&](int, std::int64_t chunk) { task(chunk); });
    return true;
  }

  // Chunks for so many units of `bytes` in all.
  static std::int64_t chunk_count(const Run& run, std::int64_t units, std::int64_t bytes, std::int64_t n_rows,
                                  std::int64_t per_thread) {
    const std::int64_t wanted = run.n_threads > 1 ? run.n_threads * per_thread : 1;
    const std::int64_t most = std::max<std::int64_t>(1, bytes * n_rows / kExpertChunkBytes);
    return std::clamp<std::int64_t>(std::min(wanted, most), 1, std::max<std::int64_t>(1, units));
  }

  // At most so many experts have rows.
  std::int64_t most_active(std::int64_t n_rows) const {
    return std::min(node_->n_experts, n_rows * node_->op.routing.experts_per_token);
  }

  SharedMoe node_;
};

// Experts and weights of each row, and the row in the forms that kernels read; then the groups.
class MoeRouteInstruction : public MoeInstruction {
 public:
  using MoeInstruction::MoeInstruction;

  std::string to_string() const override {
    return fmt::format("moe route {} of {}{}  rows {}", node_->op.routing.experts_per_token, node_->n_experts,
                       node_->prepared.quantized ? " + quantize" : "", node_->rows.to_string());
  }

 protected:
  bool stages(const Run& run) const override {
    const std::int64_t n_rows = run.at(node_->rows), grain = row_grain(node_->hidden);
    const std::int64_t chunks = (n_rows + grain - 1) / grain;
    const ExpertGroups groups = node_->groups(run);
    if (!share(run, 0, chunks, [&](std::int64_t chunk) {
          const std::int64_t first = chunk * grain, last = std::min(n_rows, first + grain);
          for (std::int64_t row = first; row < last; ++row) choose(run, groups, row);
          prepare(run, first, last);
          if (chunks == 1) group_by_expert(groups, n_rows);
        })) {
      return false;
    }
    if (chunks <= 1) return true;
    return share(run, 1, 1, [&](std::int64_t) { group_by_expert(groups, n_rows); });
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
    if (node_->prepared.quantized) {
      auto* quantized = reinterpret_cast<QuantBlock*>(run.write(node_->prepared.quantized));
      run.kernels.quantize_rows({x, cols, quantized, quant_blocks(cols), cols, first, last});
    }
    if (node_->prepared.bf16) {
      auto* narrow = reinterpret_cast<std::uint16_t*>(run.write(node_->prepared.bf16));
      run.kernels.narrow_rows({x, cols, narrow, cols, cols, first, last});
    }
  }
};

// Rows to slots; then act(gate) * up of each slot, in the form that down reads.
class MoeHiddenInstruction : public MoeInstruction {
 public:
  using MoeInstruction::MoeInstruction;

  std::string to_string() const override {
    const auto name_of = [](const ExpertStack& stack) {
      return fmt::format("{} {}", form_name(stack.form), name(stack.dtype));
    };
    return fmt::format("moe gate {} * up {} {} -> {}  x {} experts", name_of(node_->gate), name_of(node_->up),
                       node_->hidden, node_->intermediate, node_->n_experts);
  }
  static std::string_view form_name(RowForm form) {
    return form == RowForm::kFloat ? "f32" : form == RowForm::kInt8 ? "int8" : "bf16";
  }

 protected:
  bool stages(const Run& run) const override {
    const MoeNode& node = *node_;
    const std::int64_t n_rows = run.at(node.rows), n_slots = n_rows * node.op.routing.experts_per_token;
    if (n_rows == 0) return true;
    const ExpertGroups groups = node.groups(run);
    if (n_rows > 1) {
      const std::int64_t grain = row_grain(node.hidden);
      if (!share(run, 0, (n_slots + grain - 1) / grain, [&](std::int64_t chunk) {
            gather(run, groups, chunk * grain, std::min(n_slots, (chunk + 1) * grain));
          })) {
        return false;
      }
    }
    const std::int64_t units = (node.gate.tiles() + 1) / 2, active = most_active(n_rows);
    const std::int64_t bytes = active * node.gate.tiles() * (node.gate.tile_bytes() + node.up.tile_bytes());
    const std::int64_t chunks = chunk_count(run, units * active, bytes, n_rows, kExpertChunksPerThread);
    const bool bf16 = node.gate.form == RowForm::kBf16;
    return share(run, 1, chunks, [&](std::int64_t chunk) {
      for_expert_units(groups, units, bf16 ? kUnpackRowsBf16 : kUnpackRows, chunk, chunks,
                       [&](std::int64_t expert, std::int64_t first, std::int64_t last) {
                         multiply(run, groups, n_rows, expert, first * 2, std::min(node.gate.tiles(), last * 2));
                       });
    });
  }

 private:
  void gather(const Run& run, const ExpertGroups& groups, std::int64_t first, std::int64_t last) const {
    for (const RowForm form : kRowForms) {
      if (!node_->gathered.in(form)) continue;
      const auto bytes = static_cast<std::size_t>(form_bytes(form, node_->hidden));
      const std::byte* from = run.read(node_->prepared.in(form));
      std::byte* to = run.write(node_->gathered.in(form));
      for (std::int64_t slot = first; slot < last; ++slot) {
        std::memcpy(to + static_cast<std::size_t>(slot) * bytes,
                    from + static_cast<std::size_t>(groups.row(slot)) * bytes, bytes);
      }
    }
  }

  // Tiles [first_tile, last_tile) of gate and up, from an even one on, of one expert for all of its slots.
  void multiply(const Run& run, const ExpertGroups& groups, std::int64_t n_rows, std::int64_t expert,
                std::int64_t first_tile, std::int64_t last_tile) const {
    const MoeNode& node = *node_;
    const bool single = n_rows == 1;  // which is where it was prepared
    const FormedRows& rows = single ? node.prepared : node.gathered;
    ExpertLinear gate_linear(run, node.gate, rows, node.hidden), up_linear(run, node.up, rows, node.hidden);
    alignas(64) float gate[kWaitingFloats];
    alignas(64) float up[kWaitingFloats];
    for_blocks(groups.starts[expert], groups.starts[expert + 1], first_tile, last_tile,
               [&](std::int64_t slot, std::int64_t last_slot, std::int64_t tile, std::int64_t end) {
                 const std::int64_t stride = (end - tile) * kTileRows;
                 const std::int64_t row = single ? 0 : slot, last_row = single ? 1 : last_slot;
                 gate_linear.multiply(expert, row, last_row, tile, end, gate, stride);
                 up_linear.multiply(expert, row, last_row, tile, end, up, stride);
                 const std::int64_t column = tile * kTileRows;
                 const std::int64_t cols = std::min(node.intermediate - column, stride);
                 if (node.op.limit > 0.0f || node.op.up_offset != 0.0f) {
                   for (std::int64_t r = 0; r < last_slot - slot; ++r) limit(gate + r * stride, up + r * stride, cols);
                 }
                 activate(run, gate, up, stride, slot, last_slot - slot, column, cols);
               });
  }

  void limit(float* gate, float* up, std::int64_t cols) const {
    const float limit = node_->op.limit, offset = node_->op.up_offset;
    for (std::int64_t i = 0; i < cols && limit > 0.0f; ++i) {
      gate[i] = std::min(gate[i], limit);
      up[i] = std::clamp(up[i], -limit, limit);
    }
    for (std::int64_t i = 0; i < cols; ++i) up[i] += offset;
  }

  // Columns [column, column + cols) of the results of `n` slots. `column` is a multiple of 32, so that whole blocks of
  // codes come out.
  void activate(const Run& run, float* gate, float* up, std::int64_t stride, std::int64_t slot, std::int64_t n,
                std::int64_t column, std::int64_t cols) const {
    const MoeNode& node = *node_;
    GatedArgs args{};
    args.op = unary_op(node.op.activation);
    args.gate = gate;
    args.up = up;
    args.gate_stride = args.up_stride = stride;
    args.cols = cols;
    args.last_row = n;
    const std::int64_t width = node.intermediate, blocks = quant_blocks(width);
    switch (node.down.form) {
      case RowForm::kFloat:
        args.y = run.out(node.results.floats) + slot * width + column;
        args.y_stride = width;
        return run.kernels.gated(args);
      case RowForm::kInt8:
        args.quantized =
            reinterpret_cast<QuantBlock*>(run.write(node.results.quantized)) + slot * blocks + column / kQuantGroup;
        args.quantized_stride = blocks;
        return run.kernels.gated(args);
      case RowForm::kBf16: break;
    }
    args.y = gate;
    args.y_stride = stride;
    run.kernels.gated(args);
    auto* narrow = reinterpret_cast<std::uint16_t*>(run.write(node.results.bf16)) + slot * width + column;
    run.kernels.narrow_rows({gate, stride, narrow, width, cols, 0, n});
  }
};

// y = the weighted sum of down of all slots of a row. A chunk is a range of columns of all rows, so that a row's sum is
// one thread's, in order.
class MoeSumInstruction : public MoeInstruction {
 public:
  using MoeInstruction::MoeInstruction;

  std::string to_string() const override {
    return fmt::format("moe down {} {} {} -> {}  x {} experts + weighted sum",
                       MoeHiddenInstruction::form_name(node_->down.form), name(node_->down.dtype), node_->intermediate,
                       node_->hidden, node_->n_experts);
  }

 protected:
  bool stages(const Run& run) const override {
    const MoeNode& node = *node_;
    const std::int64_t n_rows = run.at(node.rows), tiles = node.down.tiles();
    if (n_rows == 0) return true;
    const std::int64_t unit = node.down.form == RowForm::kBf16 ? 2 : 1;  // its kernel takes tiles by two
    const std::int64_t units = (tiles + unit - 1) / unit;
    const std::int64_t chunks = chunk_count(run, units, most_active(n_rows) * tiles * node.down.tile_bytes(), n_rows,
                                            n_rows < kManyRows ? kExpertChunksPerThread : kDownChunksPerThread);
    const ExpertGroups groups = node.groups(run);
    return share(run, 0, chunks, [&](std::int64_t chunk) {
      sum(run, groups, n_rows, units * chunk / chunks * unit, std::min(tiles, units * (chunk + 1) / chunks * unit));
    });
  }

 private:
  void sum(const Run& run, const ExpertGroups& groups, std::int64_t n_rows, std::int64_t first_tile,
           std::int64_t last_tile) const {
    const std::int64_t width = node_->hidden;
    const auto column_of = [&](std::int64_t tile) { return std::min(width, tile * kTileRows); };
    float* y = run.out(node_->y);
    for (std::int64_t row = 0; row < n_rows; ++row) {
      std::fill(y + row * width + column_of(first_tile), y + row * width + column_of(last_tile), 0.0f);
    }
    ExpertLinear linear(run, node_->down, node_->results, node_->intermediate);
    alignas(64) float waiting[kWaitingFloats];
    for (std::int64_t expert = 0; expert < groups.n_experts; ++expert) {
      for_blocks(groups.starts[expert], groups.starts[expert + 1], first_tile, last_tile,
                 [&](std::int64_t slot, std::int64_t last_slot, std::int64_t tile, std::int64_t end) {
                   const std::int64_t stride = (end - tile) * kTileRows;
                   linear.multiply(expert, slot, last_slot, tile, end, waiting, stride);
                   const std::int64_t column = tile * kTileRows, cols = column_of(end) - column;
                   for (const float* from = waiting; slot < last_slot; ++slot, from += stride) {
                     const float weight = groups.weight(slot);
                     float* to = y + groups.row(slot) * width + column;
                     for (std::int64_t i = 0; i < cols; ++i) to[i] += weight * from[i];
                   }
                 });
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
  return has_kernel(op.activation) && std::ranges::all_of(std::array{op.kGate, op.kUp, op.kDown}, [&](std::size_t i) {
           const graph::Value& weight = graph.value(node.inputs[i]);
           return weight.is_constant() && weight.type.shape.max_elements().value_or(0) > 0;
         });
}

RowForm form_of(const graph::Graph& graph, ValueId weight, Arithmetic arithmetic) {
  if (arithmetic.bf16_tiles && graph.value(weight).type.shape.dim(2).bound() % 32 == 0) return RowForm::kBf16;
  return runs_int8(graph, weight, arithmetic) ? RowForm::kInt8 : RowForm::kFloat;
}

MoeLayout layout_of(const graph::Graph& graph, const Node& node, const ops::Moe& op, Arithmetic arithmetic) {
  MoeLayout made;
  made.gate = form_of(graph, node.inputs[op.kGate], arithmetic);
  made.up = form_of(graph, node.inputs[op.kUp], arithmetic);
  made.down = form_of(graph, node.inputs[op.kDown], arithmetic);
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
  for (const std::size_t i : {op.kGate, op.kUp, op.kDown}) {
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
  if (layout.reads(RowForm::kFloat)) moe->prepared.floats = moe->x;
  to.emit(std::make_unique<MoeRouteInstruction>(moe));
  to.emit(std::make_unique<MoeHiddenInstruction>(moe));
  to.emit(std::make_unique<MoeSumInstruction>(moe));
  return {};
}

std::int64_t moe_scratch(const graph::Graph& graph, const Node& node, Arithmetic arithmetic) {
  const ops::Moe& op = *node.as<ops::Moe>();
  return has_moe_kernels(graph, node, op) ? layout_of(graph, node, op, arithmetic).layout.bytes() : 0;
}

}  // namespace galago::cpu
