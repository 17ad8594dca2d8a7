// Linears with what runs before and after them: a norm or a quantization once for all of them, then one parallel region
// over the tiles of all weights, with bias and residual in the kernel.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "backends/cpu/linear_node.h"
#include "backends/cpu/tile_split.h"
#include "base/try.h"

namespace galago::cpu {
namespace {

class LinearsInstruction : public Instruction {
 public:
  LinearsInstruction(LinearInput input, std::vector<LinearPart> parts, Operand residual)
      : input_(std::move(input)), parts_(std::move(parts)), residual_(residual) {}

  Status run(const Run& run) const override {
    (void)stages(run);
    return {};
  }

  bool run_in_team(const Run& run) const override {
    if (const auto layout = redoable(run)) return run_redoable(run, *layout);
    return stages(run);
  }

  std::string to_string() const override {
    std::string text = input_.to_string();
    std::int64_t bytes = 0;
    for (const LinearPart& part : parts_) {
      bytes += part.weight_bytes();
      text += (&part == &parts_.front() ? "" : ", ") + part.to_string(input_.cols);
    }
    if (residual_) text += " + residual";
    return fmt::format("{}  rows {}  weights {} bytes", text, input_.rows.to_string(), bytes);
  }

 private:
  // (block of rows, range of tiles), tiles of all parts numbered through; neighbouring chunks share rows.
  struct Chunks {
    std::int64_t tiles, row_blocks, ranges;
    std::int64_t count() const { return tiles == 0 ? 0 : row_blocks * ranges; }
  };

  // Where a member of a team keeps its own rows and results, in its scratch.
  struct OwnLayout {
    std::int64_t n_rows, n_cols;
    std::int64_t y;  // rows are at 0
    std::int64_t tiles, tile_bytes;
    std::int64_t most_tiles;  // of a chunk, whose results fit the rest of the scratch
  };

  bool stages(const Run& run) const {
    const std::int64_t n_rows = run.at(input_.rows);
    if (n_rows == 0) return true;
    if (!input_.prepare(run, n_rows)) return false;
    const Chunks chunks = chunks_of(run, n_rows);
    const LinearArgs args = input_.args(run);
    return run.share(1, chunks.count(), [&](std::int64_t chunk) { multiply_chunk(run, n_rows, chunks, chunk, args); });
  }

  Chunks chunks_of(const Run& run, std::int64_t n_rows) const {
    std::int64_t tiles = 0, bytes = 0;
    for (const LinearPart& part : parts_) {
      tiles += part.tiles(run);
      bytes += part.tiles(run) * part.tile_bytes();
    }
    const std::int64_t block = row_block(parts_.front().form), row_blocks = (n_rows + block - 1) / block;
    const std::int64_t chunks = chunks_wanted(run.n_threads, kChunksPerThread, bytes * n_rows);
    return {tiles, row_blocks, std::clamp<std::int64_t>(chunks / row_blocks, 1, std::max<std::int64_t>(1, tiles))};
  }

  void multiply_chunk(const Run& run, std::int64_t n_rows, const Chunks& chunks, std::int64_t chunk,
                      LinearArgs args) const {
    const std::int64_t block = chunk / chunks.ranges, range = chunk % chunks.ranges, n_cols = run.at(input_.cols);
    args.residual = run.floats(residual_);
    args.first_row = n_rows * block / chunks.row_blocks;
    args.last_row = n_rows * (block + 1) / chunks.row_blocks;
    const auto boundary = [&](std::int64_t i) {
      const std::int64_t tile = chunks.tiles * i / chunks.ranges;
      return i < chunks.ranges ? tile / 2 * 2 : tile;  // kernels take tiles by two
    };
    std::int64_t first = boundary(range), last = boundary(range + 1);
    for (const LinearPart& part : parts_) {
      args.weight = part.at(run, n_cols);
      const std::int64_t tiles = tile_count(args.weight.rows);
      args.first_tile = std::max<std::int64_t>(0, first);
      args.last_tile = std::min(tiles, last);
      first -= tiles;
      last -= tiles;
      if (args.first_tile >= args.last_tile) continue;
      args.bias = run.floats(part.bias);
      args.y = run.out(part.y);
      args.y_stride = args.residual_stride = args.weight.rows;
      multiply(run.kernels, part.form, args);
    }
  }

  // Few rows, which every thread can make for itself, against weights that outlive the run.
  std::optional<OwnLayout> redoable(const Run& run) const {
    OwnLayout own{};
    own.n_rows = run.at(input_.rows);
    own.n_cols = run.at(input_.cols);
    if (!input_.can_be_own(own.n_rows, own.n_cols)) return std::nullopt;
    std::int64_t bytes = 0;
    for (const LinearPart& part : parts_) {
      if (!part.outlives_run()) return std::nullopt;
      own.tiles += part.tiles(run);
      bytes += part.tiles(run) * part.tile_bytes();
    }
    if (own.tiles == 0) return std::nullopt;
    own.tile_bytes = bytes / own.tiles;
    own.y = input_.own_bytes(own.n_rows, own.n_cols);
    const std::int64_t left = static_cast<std::int64_t>(Team::kScratchBytes) - own.y;
    own.most_tiles = left / (own.n_rows * kTileRows * static_cast<std::int64_t>(sizeof(float)));
    if (own.most_tiles <= own.tiles / TileSplit::kMaxChunks) return std::nullopt;
    return own;
  }

  // Calls visit(part, first tile, last tile, offset of the results) for the parts of a chunk. Each part's results are
  // (rows, tiles * kTileRows), one part's after the other's.
  template <class Visit>
  void for_parts(TileSplit::Range range, std::int64_t n_rows, Visit visit) const {
    std::int64_t offset = 0;
    for (const LinearPart& part : parts_) {
      const std::int64_t tiles = tile_count(part.view.rows);
      const std::int64_t first = std::max<std::int64_t>(0, range.first), last = std::min(tiles, range.last);
      range = {range.first - tiles, range.last - tiles};
      if (first >= last) continue;
      visit(part, first, last, offset);
      offset += n_rows * (last - first) * kTileRows;
    }
  }

  // One stage: each member normalizes and quantizes for itself, which takes less time than waiting for another to.
  bool run_redoable(const Run& run, const OwnLayout& layout) const {
    const TileSplit split(layout.tiles, layout.tile_bytes, run.member->rate(), run.n_threads, layout.most_tiles);
    const KernelTable& kernels = run.kernels;
    const auto work = [&](int chunk) {
      const TileSplit::Range range = split.at(chunk);
      return (range.last - range.first) * layout.tile_bytes;
    };
    const auto prepare_own = [&](std::byte* scratch) { input_.prepare_own(run, layout.n_rows, scratch); };
    // Reads nothing of the run: it may be over.
    const auto compute = [&, this](std::byte* scratch, int chunk) {
      LinearArgs args = input_.own_args(layout.n_rows, layout.n_cols, scratch);
      auto* y = reinterpret_cast<float*>(scratch + layout.y);
      for_parts(split.at(chunk), layout.n_rows,
                [&](const LinearPart& part, std::int64_t first, std::int64_t last, std::int64_t at) {
                  args.weight = part.view;
                  args.bias = reinterpret_cast<const float*>(part.bias.constant);
                  args.first_tile = first;
                  args.last_tile = last;
                  multiply_to(kernels, part.form, args, y + at, (last - first) * kTileRows);
                });
    };
    const auto publish = [&](std::byte* scratch, int chunk) {
      const auto* y = reinterpret_cast<const float*>(scratch + layout.y);
      for_parts(split.at(chunk), layout.n_rows,
                [&](const LinearPart& part, std::int64_t first, std::int64_t last, std::int64_t at) {
                  publish_own(run, layout.n_rows, part, first, last, y + at);
                });
    };
    return run.member->share(run.first_stage, {split.regions(), work, prepare_own, compute, publish});
  }

  // The residual is added here, to the same bits as in the kernel, because y may be where it is.
  void publish_own(const Run& run, std::int64_t n_rows, const LinearPart& part, std::int64_t first, std::int64_t last,
                   const float* own) const {
    const std::int64_t begin = first * kTileRows, end = std::min(part.view.rows, last * kTileRows);
    for (std::int64_t row = 0; row < n_rows; ++row, own += (last - first) * kTileRows) {
      const std::int64_t at = row * part.view.rows + begin;
      float* y = run.out(part.y) + at;
      if (!residual_) {
        std::copy_n(own, end - begin, y);
        continue;
      }
      const float* added = run.floats(residual_) + at;
      for (std::int64_t i = 0; i < end - begin; ++i) y[i] = own[i] + added[i];
    }
  }

  LinearInput input_;
  std::vector<LinearPart> parts_;
  Operand residual_;
};

// What planning and lowering find alike.
struct LinearsPlan {
  ScratchLayout layout;
  std::vector<RowForm> forms;  // of each part
  InputPlaces places;
};

LinearsPlan plan(const graph::Graph& graph, const LinearsMatch& linears, Arithmetic arithmetic) {
  LinearsPlan made;
  std::vector<ValueId> weights;
  for (const auto& part : linears.parts) weights.push_back(part.weight);
  made.forms = forms_of(graph, weights, arithmetic);
  const Shape& shape = graph.value(linears.norm ? linears.norm->x : linears.x).type.shape;
  made.places = plan_input(shape, linears.norm.has_value(), made.forms, made.layout);
  return made;
}

}  // namespace

InstructionPtr linears_instruction(LinearInput input, std::vector<LinearPart> parts, Operand residual) {
  return std::make_unique<LinearsInstruction>(std::move(input), std::move(parts), residual);
}

Status lower(Lowering& to, const LinearsMatch& linears) {
  const LinearsPlan planned = plan(to.graph(), linears, to.arithmetic());
  std::vector<LinearPart> parts;
  for (std::size_t i = 0; i < linears.parts.size(); ++i) {
    if (linears.parts[i].y == kNoValue) continue;  // nobody reads it
    GALAGO_TRY(LinearPart part, make_part(to, linears.parts[i], planned.forms[i]));
    parts.push_back(std::move(part));
  }
  if (parts.empty()) return {};
  to.emit(linears_instruction(make_input(to, linears.x, linears.norm, planned.forms, planned.places), std::move(parts),
                              to.operand(linears.residual)));
  return {};
}

Status lower(Lowering& to, const Node& node, const ops::MatMul&) {
  LinearsMatch linears;
  linears.x = node.inputs[0];
  linears.parts.push_back({node.inputs[1], kNoValue, node.outputs[0]});
  return lower(to, linears);
}

std::int64_t linears_scratch(const graph::Graph& graph, const LinearsMatch& linears, Arithmetic arithmetic) {
  return plan(graph, linears, arithmetic).layout.bytes();
}

}  // namespace galago::cpu
