// y = the weighted sum of down over the slots of a row. A chunk is a range of columns of all rows, so that a row's sum
// is one thread's, in order.
#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "backends/cpu/moe_node.h"
#include "backends/cpu/tile_split.h"

namespace galago::cpu {
namespace {

// With many rows, fewer chunks read the rows of all slots fewer times.
constexpr std::int64_t kManyRows = 32, kSumChunksOfManyRows = 4;

void add_weighted(const float* from, float weight, std::int64_t n, float* to) {
  for (std::int64_t i = 0; i < n; ++i) to[i] += weight * from[i];
}

class MoeSumInstruction : public MoeInstruction {
 public:
  using MoeInstruction::MoeInstruction;

  std::string to_string() const override {
    return fmt::format("moe down {} {} {} -> {}  x {} experts + weighted sum", cpu::to_string(node_->down.form),
                       name(node_->down.dtype), node_->intermediate, node_->hidden, node_->n_experts);
  }

 protected:
  bool stages(const Run& run) const override {
    const MoeNode& node = *node_;
    const std::int64_t n_rows = run.at(node.rows), tiles = node.down.tiles();
    if (n_rows == 0) return true;
    if (run.member != nullptr && n_rows == 1) {
      if (const auto own = redoable()) return run_redoable(run, *own);
    }
    const std::int64_t unit = node.down.form == RowForm::kBf16 ? 2 : 1;  // its kernel takes tiles by two
    const std::int64_t units = (tiles + unit - 1) / unit;
    const std::int64_t chunks = chunk_count(run, units, most_active(n_rows) * tiles * node.down.tile_bytes(), n_rows,
                                            n_rows < kManyRows ? kChunksPerThread : kSumChunksOfManyRows);
    return run.share(0, chunks, [&](std::int64_t chunk) {
      sum(run, n_rows, units * chunk / chunks * unit, std::min(tiles, units * (chunk + 1) / chunks * unit));
    });
  }

 private:
  std::int64_t column(std::int64_t tile) const { return std::min(node_->hidden, tile * kTileRows); }

  void sum(const Run& run, std::int64_t n_rows, std::int64_t first_tile, std::int64_t last_tile) const {
    const MoeNode& node = *node_;
    const ExpertGroups groups = node.groups(run);
    float* y = run.out(node.y);
    for (std::int64_t row = 0; row < n_rows; ++row) {
      std::fill(y + row * node.hidden + column(first_tile), y + row * node.hidden + column(last_tile), 0.0f);
    }
    ExpertLinear linear(run.kernels, node.down, run.floats(node.down.bias), pointers(run, node.results),
                        node.intermediate);
    alignas(64) float waiting[kWaitingFloats];
    for (std::int64_t expert = 0; expert < groups.n_experts; ++expert) {
      for_blocks(kWaitingFloats, groups.starts[expert], groups.starts[expert + 1], first_tile, last_tile,
                 [&](std::int64_t slot, std::int64_t last_slot, std::int64_t tile, std::int64_t end) {
                   const std::int64_t stride = (end - tile) * kTileRows, cols = column(end) - column(tile);
                   linear.multiply(expert, slot, last_slot, tile, end, waiting, stride);
                   for (const float* from = waiting; slot < last_slot; ++slot, from += stride) {
                     add_weighted(from, groups.weight(slot), cols, y + groups.row(slot) * node.hidden + column(tile));
                   }
                 });
    }
  }

  // Where a member of a team keeps its own copy of a single row's slots and experts, and the sums of a chunk.
  struct OwnLayout {
    std::int64_t slot_bytes, experts, weights, y;  // slots are at 0
    std::int64_t most_tiles;                       // of a chunk
  };

  std::optional<OwnLayout> redoable() const {
    const MoeNode& node = *node_;
    if (node.down.form == RowForm::kBf16 || !node.down.outlives_run()) return std::nullopt;
    OwnLayout own{};
    own.slot_bytes = form_bytes(node.down.form, node.intermediate);
    own.experts = aligned_to_line(own.slot_bytes * node.per_row());
    own.weights = own.experts + aligned_to_line(node.per_row() * 4);
    own.y = own.weights + aligned_to_line(node.per_row() * 4);
    own.most_tiles = (static_cast<std::int64_t>(Team::kScratchBytes) - own.y) / (kTileRows * 4);
    if (own.most_tiles <= node.down.tiles() / TileSplit::kMaxChunks) return std::nullopt;
    return own;
  }

  // A single row: what a slow member holds is computed again by another.
  bool run_redoable(const Run& run, const OwnLayout& own) const {
    const MoeNode& node = *node_;
    const KernelTable& kernels = run.kernels;
    const std::int64_t tile_bytes = node.per_row() * node.down.tile_bytes();
    const TileSplit split(node.down.tiles(), tile_bytes, run.member->rate(), run.n_threads, own.most_tiles);
    const auto* bias = reinterpret_cast<const float*>(node.down.bias.constant);
    const auto work = [&](int chunk) {
      const TileSplit::Range range = split.at(chunk);
      return (range.last - range.first) * tile_bytes;
    };
    const auto prepare = [&](std::byte* scratch) {
      std::memcpy(scratch, run.read(node.results.in(node.down.form)),
                  static_cast<std::size_t>(own.slot_bytes * node.per_row()));
      copy_choice(node.groups(run), reinterpret_cast<std::int32_t*>(scratch + own.experts),
                  reinterpret_cast<float*>(scratch + own.weights));
    };
    // Reads nothing of the run: it may be over.
    const auto compute = [&](std::byte* scratch, int chunk) {
      const TileSplit::Range range = split.at(chunk);
      const auto* experts = reinterpret_cast<const std::int32_t*>(scratch + own.experts);
      const auto* weights = reinterpret_cast<const float*>(scratch + own.weights);
      auto* y = reinterpret_cast<float*>(scratch + own.y);
      std::fill_n(y, (range.last - range.first) * kTileRows, 0.0f);
      RowPointers rows;
      rows.in(node.down.form) = scratch;
      ExpertLinear linear(kernels, node.down, bias, rows, node.intermediate);
      alignas(64) float waiting[kWaitingFloats];
      for (std::int64_t slot = 0; slot < node.per_row(); ++slot) {
        for_blocks(kWaitingFloats, slot, slot + 1, range.first, range.last,
                   [&](std::int64_t, std::int64_t, std::int64_t tile, std::int64_t end) {
                     linear.multiply(experts[slot], slot, slot + 1, tile, end, waiting, (end - tile) * kTileRows);
                     add_weighted(waiting, weights[slot], column(end) - column(tile),
                                  y + (tile - range.first) * kTileRows);
                   });
      }
    };
    const auto publish = [&](std::byte* scratch, int chunk) {
      const TileSplit::Range range = split.at(chunk);
      std::copy_n(reinterpret_cast<const float*>(scratch + own.y), column(range.last) - column(range.first),
                  run.out(node.y) + column(range.first));
    };
    return run.member->share(run.first_stage, {split.regions(), work, prepare, compute, publish});
  }
};

}  // namespace

InstructionPtr moe_sum_instruction(SharedMoe node) { return std::make_unique<MoeSumInstruction>(std::move(node)); }

}  // namespace galago::cpu
