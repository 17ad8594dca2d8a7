// act(gate x) * (up x) of each row at each of its experts, in the form that down reads.
#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "backends/cpu/gated_results.h"
#include "backends/cpu/lower_ops.h"
#include "backends/cpu/moe_node.h"
#include "backends/cpu/tile_split.h"

namespace galago::cpu {
namespace {

// Reading and unpacking a tile's weights takes as long as multiplying so many rows with them.
constexpr std::int64_t kUnpackRows = 4, kUnpackRowsBf16 = 128;

class MoeHiddenInstruction : public MoeInstruction {
 public:
  using MoeInstruction::MoeInstruction;

  std::string to_string() const override {
    const auto name_of = [](const ExpertStack& stack) {
      return fmt::format("{} {}", cpu::to_string(stack.form), name(stack.dtype));
    };
    return fmt::format("moe gate {} * up {} {} -> {}  x {} experts", name_of(node_->gate), name_of(node_->up),
                       node_->hidden, node_->intermediate, node_->n_experts);
  }

 protected:
  bool stages(const Run& run) const override {
    const MoeNode& node = *node_;
    const std::int64_t n_rows = run.at(node.rows), active = most_active(n_rows);
    if (n_rows == 0) return true;
    if (run.member != nullptr && n_rows == 1) {
      if (const auto own = redoable()) return run_redoable(run, *own);
    }
    const ExpertGroups groups = node.groups(run);
    if (n_rows > 1 && !gather_rows(run, groups, n_rows * node.per_row())) return false;
    const std::int64_t chunks =
        chunk_count(run, units() * active, active * units() * unit_weight_bytes(), n_rows, kChunksPerThread);
    const std::int64_t least = node.gate.form == RowForm::kBf16 ? kUnpackRowsBf16 : kUnpackRows;
    const Rows rows{pointers(run, n_rows == 1 ? node.prepared : node.gathered), n_rows == 1, run.floats(node.gate.bias),
                    run.floats(node.up.bias)};
    const ResultPlace to = results(run);
    return run.share(1, chunks, [&](std::int64_t chunk) {
      for_expert_units(
          groups, units(), least, chunk, chunks, [&](std::int64_t expert, std::int64_t first, std::int64_t last) {
            multiply(run.kernels, rows, expert, groups.starts[expert], groups.starts[expert + 1], first, last, to);
          });
    });
  }

 private:
  // What is multiplied. A single row is the input of all slots.
  struct Rows {
    RowPointers x;
    bool single;
    const float *gate_bias, *up_bias;
  };

  std::int64_t units() const { return unit_count(node_->gate.tiles()); }
  std::int64_t unit_weight_bytes() const { return kUnitTiles * (node_->gate.tile_bytes() + node_->up.tile_bytes()); }

  ResultPlace results(const Run& run) const {
    const RowForm form = node_->down.form;
    const std::int64_t width = node_->intermediate;
    return {run.write(node_->results.in(form)), form, form == RowForm::kInt8 ? quant_blocks(width) : width, 0};
  }

  bool gather_rows(const Run& run, const ExpertGroups& groups, std::int64_t n_slots) const {
    const std::int64_t grain = row_grain(node_->hidden);
    return run.share(0, (n_slots + grain - 1) / grain, [&](std::int64_t chunk) {
      const std::int64_t first = chunk * grain, last = std::min(n_slots, first + grain);
      for (const RowForm form : kRowForms) {
        if (!node_->reads(form)) continue;
        const auto bytes = static_cast<std::size_t>(form_bytes(form, node_->hidden));
        const std::byte* from = run.read(node_->prepared.in(form));
        std::byte* to = run.write(node_->gathered.in(form));
        for (std::int64_t slot = first; slot < last; ++slot) {
          std::memcpy(to + static_cast<std::size_t>(slot) * bytes,
                      from + static_cast<std::size_t>(groups.row(slot)) * bytes, bytes);
        }
      }
    });
  }

  // Units [first, last) of one expert for its slots.
  void multiply(const KernelTable& kernels, const Rows& rows, std::int64_t expert, std::int64_t first_slot,
                std::int64_t last_slot, std::int64_t first, std::int64_t last, const ResultPlace& to) const {
    const MoeNode& node = *node_;
    ExpertLinear gate_linear(kernels, node.gate, rows.gate_bias, rows.x, node.hidden);
    ExpertLinear up_linear(kernels, node.up, rows.up_bias, rows.x, node.hidden);
    alignas(64) float gate[kWaitingFloats];
    alignas(64) float up[kWaitingFloats];
    for_blocks(kWaitingFloats, first_slot, last_slot, first * kUnitTiles,
               std::min(node.gate.tiles(), last * kUnitTiles),
               [&](std::int64_t slot, std::int64_t slot_end, std::int64_t tile, std::int64_t end) {
                 const std::int64_t stride = (end - tile) * kTileRows;
                 const std::int64_t row = rows.single ? 0 : slot, row_end = rows.single ? 1 : slot_end;
                 gate_linear.multiply(expert, row, row_end, tile, end, gate, stride);
                 up_linear.multiply(expert, row, row_end, tile, end, up, stride);
                 const std::int64_t cols = std::min(node.intermediate - tile * kTileRows, stride);
                 for (std::int64_t r = 0; r < slot_end - slot; ++r) limit(gate + r * stride, up + r * stride, cols);
                 activate(kernels, unary_op(node.op.activation), {gate, up, stride, slot_end - slot, cols}, to, slot,
                          tile / kUnitTiles);
               });
  }

  void limit(float* gate, float* up, std::int64_t cols) const {
    const float most = node_->op.limit, offset = node_->op.up_offset;
    for (std::int64_t i = 0; i < cols && most > 0.0f; ++i) {
      gate[i] = std::min(gate[i], most);
      up[i] = std::clamp(up[i], -most, most);
    }
    for (std::int64_t i = 0; i < cols && offset != 0.0f; ++i) up[i] += offset;
  }

  // Where a member of a team keeps its own copy of a single row and its experts, and the results of a chunk.
  struct OwnLayout {
    std::int64_t quantized, experts, weights, results;  // floats are at 0
    std::int64_t most_units;                            // of a chunk
  };

  std::optional<OwnLayout> redoable() const {
    const MoeNode& node = *node_;
    if (node.reads(RowForm::kBf16) || node.down.form == RowForm::kBf16) return std::nullopt;
    if (!node.gate.outlives_run() || !node.up.outlives_run()) return std::nullopt;
    const auto bytes_of = [&](RowForm form) {
      return node.reads(form) ? aligned_to_line(form_bytes(form, node.hidden)) : 0;
    };
    OwnLayout own{};
    own.quantized = bytes_of(RowForm::kFloat);
    own.experts = own.quantized + bytes_of(RowForm::kInt8);
    own.weights = own.experts + aligned_to_line(node.per_row() * 4);
    own.results = own.weights + aligned_to_line(node.per_row() * 4);
    const std::int64_t left = static_cast<std::int64_t>(Team::kScratchBytes) - own.results;
    own.most_units = left / form_bytes(node.down.form, kQuantGroup);
    if (own.most_units <= units() * node.per_row() / TileSplit::kMaxChunks) return std::nullopt;
    return own;
  }

  // Calls visit(slot, first unit, last unit) for the units of a chunk, those of a row's slots numbered through.
  template <class Visit>
  void for_slots(TileSplit::Range range, Visit visit) const {
    for (std::int64_t slot = range.first / units(); slot * units() < range.last; ++slot) {
      const std::int64_t before = slot * units();
      visit(slot, std::max(range.first, before) - before, std::min(range.last, before + units()) - before);
    }
  }

  // A single row: what a slow member holds is computed again by another.
  bool run_redoable(const Run& run, const OwnLayout& own) const {
    const MoeNode& node = *node_;
    const KernelTable& kernels = run.kernels;
    const std::int64_t unit_bytes = unit_weight_bytes();
    const TileSplit split(units() * node.per_row(), unit_bytes, run.member->rate(), run.n_threads, own.most_units);
    const auto* gate_bias = reinterpret_cast<const float*>(node.gate.bias.constant);
    const auto* up_bias = reinterpret_cast<const float*>(node.up.bias.constant);
    const auto x_of = [&](std::byte* scratch) {
      RowPointers x;
      if (node.reads(RowForm::kFloat)) x.in(RowForm::kFloat) = scratch;
      if (node.reads(RowForm::kInt8)) x.in(RowForm::kInt8) = scratch + own.quantized;
      return x;
    };
    const auto work = [&](int chunk) {
      const TileSplit::Range range = split.at(chunk);
      return (range.last - range.first) * unit_bytes;
    };
    const auto prepare = [&](std::byte* scratch) {
      const RowPointers x = x_of(scratch);
      for (const RowForm form : {RowForm::kFloat, RowForm::kInt8}) {
        if (!node.reads(form)) continue;
        std::memcpy(x.in(form), run.read(node.prepared.in(form)),
                    static_cast<std::size_t>(form_bytes(form, node.hidden)));
      }
      copy_choice(node.groups(run), reinterpret_cast<std::int32_t*>(scratch + own.experts),
                  reinterpret_cast<float*>(scratch + own.weights));
    };
    const auto place_of = [&](std::byte* scratch, std::int64_t origin) {
      const std::int64_t stride = node.down.form == RowForm::kInt8 ? units() : units() * kQuantGroup;
      return ResultPlace{scratch + own.results, node.down.form, stride, origin};
    };
    // Reads nothing of the run: it may be over.
    const auto compute = [&](std::byte* scratch, int chunk) {
      const auto* experts = reinterpret_cast<const std::int32_t*>(scratch + own.experts);
      const TileSplit::Range range = split.at(chunk);
      for_slots(range, [&](std::int64_t slot, std::int64_t first, std::int64_t last) {
        multiply(kernels, {x_of(scratch), true, gate_bias, up_bias}, experts[slot], slot, slot + 1, first, last,
                 place_of(scratch, range.first));
      });
    };
    const auto publish = [&](std::byte* scratch, int chunk) {
      const TileSplit::Range range = split.at(chunk);
      const ResultPlace to = results(run);
      for_slots(range, [&](std::int64_t slot, std::int64_t first, std::int64_t last) {
        const std::int64_t cols = std::min(node.intermediate, last * kQuantGroup) - first * kQuantGroup;
        std::memcpy(to.at(slot, first), place_of(scratch, range.first).at(slot, first),
                    static_cast<std::size_t>(form_bytes(node.down.form, cols)));
      });
    };
    return run.member->share(run.first_stage, {split.regions(), work, prepare, compute, publish});
  }
};

}  // namespace

InstructionPtr moe_hidden_instruction(SharedMoe node) {
  return std::make_unique<MoeHiddenInstruction>(std::move(node));
}

}  // namespace galago::cpu
