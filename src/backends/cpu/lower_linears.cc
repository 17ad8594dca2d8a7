// Linears with what runs before and after them: a norm, a gated activation or a quantization once for all of them, then
// one parallel region over the tiles of all weights, with bias and residual in the kernel.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "backends/cpu/lower_ops.h"
#include "backends/cpu/tile_split.h"
#include "base/error.h"
#include "base/try.h"
#include "quant/codec.h"

namespace galago::cpu {
namespace {

// Rows that a chunk takes, for which the kernel unpacks each weight once, or as few times as leave their quantized
// activations in the second level cache.
constexpr std::int64_t kRowBlock = 256;
// With tiles, expanding weights costs as much as multiplying some 150 rows with them.
constexpr std::int64_t kBf16RowBlock = 512;

// Floats from one row of a prologue's results to the next: an odd number of cache lines. Kernels read the same column
// of many rows at once, which would share a few sets of L1 if they lay pages apart.
std::int64_t row_pitch(std::int64_t cols) {
  constexpr std::int64_t kLineFloats = 16;
  return ((cols + kLineFloats - 1) / kLineFloats | 1) * kLineFloats;
}

struct Norm {
  bool layer_norm = false;
  bool weight_plus_one = false;
  float eps = 0.0f;
  Operand x, weight, bias;
};

struct Gated {
  UnaryOp act = UnaryOp::kSilu;
  Operand gate, up;
};

struct Part {
  WeightView view;  // complete for constant weights
  Operand data;     // of a weight that is an activation: its rows, as in a MatMul
  Size out_cols;    // rows of the weight
  DType dtype = DType::kF32;
  bool int8 = false;
  Operand bias, y;

  WeightView at(const Run& run, std::int64_t cols) const {
    if (!data) return view;
    WeightView moved = view;
    moved.data = run.read(data);
    moved.rows = run.at(out_cols);
    moved.cols = cols;
    moved.row_bytes = cols / view.block_elements * view.block_bytes;
    return moved;
  }
};

class LinearsInstruction : public Instruction {
 public:
  std::optional<Norm> norm;
  std::optional<Gated> gated;
  Operand x;          // f32 rows: from outside, or the prologue's in scratch; none when all parts are int8
  Operand quantized;  // QuantBlocks in scratch; none in the exact class
  Operand bf16;       // the same rows as bf16 in scratch, for tiles: all parts read them, or none
  Operand source;     // without prologue: what is quantized
  Size rows, cols;
  std::vector<Part> parts;
  Operand residual;

  Status run(const Run& run) const override {
    const std::int64_t n_rows = run.at(rows), n_cols = run.at(cols);
    if (n_rows == 0) return {};
    const Activations activations = shared(run);
    run.parallel(n_rows, row_grain(n_cols),
                 [&](std::int64_t first, std::int64_t last) { prepare(run, n_cols, first, last, activations); });
    const Chunks chunks = chunks_of(run, n_rows);
    ThreadPool::shared().parallel_for(run.n_threads, chunks.count(), [&](int, std::int64_t chunk) {
      multiply_chunk(run, n_rows, n_cols, chunks, chunk, activations);
    });
    return {};
  }

  bool run_in_team(const Run& run) const override {
    const std::int64_t n_rows = run.at(rows), n_cols = run.at(cols);
    if (n_rows == 0) return true;
    if (const auto layout = redoable(n_rows, n_cols)) return run_redoable(run, n_rows, n_cols, *layout);
    const Activations activations = shared(run);
    const std::int64_t grain = row_grain(n_cols);
    const std::int64_t parts_of_rows = (n_rows + grain - 1) / grain;
    if (!run.member->share(run.first_stage, parts_of_rows, [&](std::int64_t part) {
          prepare(run, n_cols, part * grain, std::min(n_rows, (part + 1) * grain), activations);
        })) {
      return false;
    }
    const Chunks chunks = chunks_of(run, n_rows);
    return run.member->share(run.first_stage + 1, chunks.count(), [&](std::int64_t chunk) {
      multiply_chunk(run, n_rows, n_cols, chunks, chunk, activations);
    });
  }

  std::string to_string() const override {
    std::string text = norm ? (norm->layer_norm ? "layer_norm + " : "rms_norm + ") : gated ? "gated + " : "";
    std::int64_t bytes = 0;
    for (const Part& part : parts) {
      const std::int64_t stride = part.data ? part.out_cols.bound() : tile_count(part.view.rows);
      bytes += part.data                             ? 0
               : part.view.kind == WeightKind::kRows ? part.view.rows * part.view.row_bytes
                                                     : stride * part.view.tile_bytes;
      text += fmt::format("{}linear_{} {}{} {} -> {}", &part == &parts.front() ? "" : ", ",
                          bf16        ? "bf16"
                          : part.int8 ? "int8"
                                      : "f32",
                          name(part.dtype), part.view.kind == WeightKind::kRows ? " rows" : " tile16", cols.to_string(),
                          part.out_cols.to_string());
    }
    if (residual) text += " + residual";
    return fmt::format("{}  rows {}  weights {} bytes", text, rows.to_string(), bytes);
  }

 private:
  // What the kernels read; each is there when some part needs it.
  struct Activations {
    const float* x;  // where `floats` is, or from outside
    float* floats;   // what a prologue writes
    QuantBlock* quantized;
    std::uint16_t* bf16;
  };

  // (block of rows, range of tiles), tiles of all parts numbered through; neighbouring chunks share rows.
  struct Chunks {
    std::int64_t tiles, row_blocks, ranges;
    std::int64_t count() const { return tiles == 0 ? 0 : row_blocks * ranges; }
  };

  // Where a member of a team keeps its own activations and results, in its scratch.
  struct OwnLayout {
    std::int64_t quantized, y;  // floats are at 0
    std::int64_t tiles, tile_bytes;
    std::int64_t most_tiles;  // of a chunk, whose results fit the rest of the scratch
  };

  bool any_part(bool int8) const {
    return std::any_of(parts.begin(), parts.end(), [int8](const Part& part) { return part.int8 == int8; });
  }

  Activations shared(const Run& run) const {
    return {run.floats(x), run.out(has_prologue() ? x : Operand{}), reinterpret_cast<QuantBlock*>(run.write(quantized)),
            reinterpret_cast<std::uint16_t*>(run.write(bf16))};
  }

  bool has_prologue() const { return norm || gated; }
  std::int64_t x_stride(std::int64_t n_cols) const { return has_prologue() ? row_pitch(n_cols) : n_cols; }
  // Rows of bf16 take the first half of a prologue's rows.
  std::int64_t bf16_stride(std::int64_t n_cols) const { return has_prologue() ? 2 * row_pitch(n_cols) : n_cols; }

  // Rows [first, last) normalized, gated, quantized, narrowed.
  void prepare(const Run& run, std::int64_t n_cols, std::int64_t first, std::int64_t last,
               const Activations& to) const {
    if (norm) normalize(run, n_cols, first, last, to);
    if (gated) gate(run, n_cols, first, last, to);
    if (source) {
      run.kernels.quantize_rows({run.floats(source), n_cols, to.quantized, quant_blocks(n_cols), n_cols, first, last});
    }
    if (bf16) run.kernels.narrow_rows({to.x, x_stride(n_cols), to.bf16, bf16_stride(n_cols), n_cols, first, last});
  }

  void normalize(const Run& run, std::int64_t n_cols, std::int64_t first, std::int64_t last,
                 const Activations& to) const {
    NormArgs args{};
    args.x = run.floats(norm->x);
    args.x_stride = n_cols;
    args.weight = run.floats(norm->weight);
    args.bias = run.floats(norm->bias);
    args.y = to.floats;
    args.y_stride = row_pitch(n_cols);
    args.quantized = to.quantized;
    args.quantized_stride = quant_blocks(n_cols);
    args.cols = n_cols;
    args.eps = norm->eps;
    args.weight_plus_one = norm->weight_plus_one;
    args.first_row = first;
    args.last_row = last;
    (norm->layer_norm ? run.kernels.layer_norm : run.kernels.rms_norm)(args);
  }

  void gate(const Run& run, std::int64_t n_cols, std::int64_t first, std::int64_t last, const Activations& to) const {
    GatedArgs args{};
    args.op = gated->act;
    args.gate = run.floats(gated->gate);
    args.up = run.floats(gated->up);
    args.y = to.floats;
    args.gate_stride = args.up_stride = n_cols;
    args.y_stride = row_pitch(n_cols);
    args.quantized = to.quantized;
    args.quantized_stride = quant_blocks(n_cols);
    args.cols = n_cols;
    args.first_row = first;
    args.last_row = last;
    run.kernels.gated(args);
  }

  Chunks chunks_of(const Run& run, std::int64_t n_rows) const {
    std::int64_t tiles = 0, bytes = 0;
    for (const Part& part : parts) {
      const std::int64_t part_tiles = tile_count(part.data ? run.at(part.out_cols) : part.view.rows);
      tiles += part_tiles;
      bytes += part_tiles * tile_bytes(part.view);
    }
    const std::int64_t row_blocks = (n_rows + row_block() - 1) / row_block();
    const std::int64_t chunks = chunks_wanted(run.n_threads, kChunksPerThread, bytes * n_rows);
    return {tiles, row_blocks, std::clamp<std::int64_t>(chunks / row_blocks, 1, std::max<std::int64_t>(1, tiles))};
  }

  std::int64_t row_block() const { return bf16 ? kBf16RowBlock : kRowBlock; }

  static std::int64_t tile_bytes(const WeightView& view) {
    return std::max(view.tile_bytes, kTileRows * view.row_bytes);
  }

  void multiply_chunk(const Run& run, std::int64_t n_rows, std::int64_t n_cols, const Chunks& chunks,
                      std::int64_t chunk, const Activations& activations) const {
    const std::int64_t block = chunk / chunks.ranges, range = chunk % chunks.ranges;
    LinearArgs args = linear_args(activations, n_cols);
    args.residual = run.floats(residual);
    args.first_row = n_rows * block / chunks.row_blocks;
    args.last_row = n_rows * (block + 1) / chunks.row_blocks;
    const auto boundary = [&](std::int64_t i) {
      const std::int64_t tile = chunks.tiles * i / chunks.ranges;
      return i < chunks.ranges ? tile / 2 * 2 : tile;  // kernels take tiles by two
    };
    std::int64_t first = boundary(range), last = boundary(range + 1);
    for (const Part& part : parts) {
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
      (bf16 ? run.kernels.linear_bf16 : part.int8 ? run.kernels.linear_int8 : run.kernels.linear_f32)(args);
    }
  }

  LinearArgs linear_args(const Activations& activations, std::int64_t n_cols) const {
    LinearArgs args{};
    args.x = activations.x;
    args.x_stride = x_stride(n_cols);
    args.quantized = activations.quantized;
    args.quantized_stride = quant_blocks(n_cols);
    args.x_bf16 = activations.bf16;
    args.x_bf16_stride = bf16_stride(n_cols);
    return args;
  }

  // Few rows, whose activations every thread can make for itself, against weights that outlive the run.
  std::optional<OwnLayout> redoable(std::int64_t n_rows, std::int64_t n_cols) const {
    constexpr std::int64_t kMostFloats = 16 * 1024;
    if (bf16 || n_rows > kMostFloats / std::max<std::int64_t>(1, n_cols)) return std::nullopt;
    OwnLayout own{};
    std::int64_t bytes = 0;
    for (const Part& part : parts) {
      const bool outlives = part.bias.place == Operand::Place::kNone || part.bias.place == Operand::Place::kConstant;
      if (part.data || !outlives) return std::nullopt;
      own.tiles += tile_count(part.view.rows);
      bytes += tile_count(part.view.rows) * tile_bytes(part.view);
    }
    if (own.tiles == 0) return std::nullopt;
    own.tile_bytes = bytes / own.tiles;
    own.quantized = aligned(any_part(false) ? n_rows * x_stride(n_cols) : 0, sizeof(float));
    own.y = own.quantized + aligned(any_part(true) ? n_rows * quant_blocks(n_cols) : 0, sizeof(QuantBlock));
    const std::int64_t left = static_cast<std::int64_t>(Team::kScratchBytes) - own.y;
    own.most_tiles = left / (n_rows * kTileRows * static_cast<std::int64_t>(sizeof(float)));
    if (own.most_tiles <= own.tiles / TileSplit::kMaxChunks) return std::nullopt;
    return own;
  }

  static std::int64_t aligned(std::int64_t n, std::size_t bytes) {
    return aligned_to_line(n * static_cast<std::int64_t>(bytes));
  }

  Activations own_activations(const OwnLayout& layout, std::byte* scratch) const {
    float* floats = any_part(false) ? reinterpret_cast<float*>(scratch) : nullptr;
    return {floats, floats, any_part(true) ? reinterpret_cast<QuantBlock*>(scratch + layout.quantized) : nullptr,
            nullptr};
  }

  // Calls visit(part, first tile, last tile, offset of the results) for the parts of a chunk. Each part's results are
  // (rows, tiles * kTileRows), one part's after the other's.
  template <class Visit>
  void for_parts(TileSplit::Range range, std::int64_t n_rows, Visit visit) const {
    std::int64_t offset = 0;
    for (const Part& part : parts) {
      const std::int64_t tiles = tile_count(part.view.rows);
      const std::int64_t first = std::max<std::int64_t>(0, range.first), last = std::min(tiles, range.last);
      range = {range.first - tiles, range.last - tiles};
      if (first >= last) continue;
      visit(part, first, last, offset);
      offset += n_rows * (last - first) * kTileRows;
    }
  }

  // One stage: each member normalizes and quantizes for itself, which takes less time than waiting for another to.
  bool run_redoable(const Run& run, std::int64_t n_rows, std::int64_t n_cols, const OwnLayout& layout) const {
    const TileSplit split(layout.tiles, layout.tile_bytes, run.member->rate(), run.n_threads, layout.most_tiles);
    const KernelTable& kernels = run.kernels;
    const auto work = [&](int chunk) {
      const TileSplit::Range range = split.at(chunk);
      return (range.last - range.first) * layout.tile_bytes;
    };
    const auto prepare_own = [&](std::byte* scratch) {
      const Activations own = own_activations(layout, scratch);
      prepare(run, n_cols, 0, n_rows, own);
      if (!has_prologue() && own.floats != nullptr) std::copy_n(run.floats(x), n_rows * n_cols, own.floats);
    };
    // Reads nothing of the run: it may be over.
    const auto compute = [&, this](std::byte* scratch, int chunk) {
      LinearArgs args = linear_args(own_activations(layout, scratch), n_cols);
      args.last_row = n_rows;
      auto* y = reinterpret_cast<float*>(scratch + layout.y);
      for_parts(split.at(chunk), n_rows, [&](const Part& part, std::int64_t first, std::int64_t last, std::int64_t at) {
        multiply_own(kernels, args, part, first, last, y + at);
      });
    };
    const auto publish = [&](std::byte* scratch, int chunk) {
      const auto* y = reinterpret_cast<const float*>(scratch + layout.y);
      for_parts(split.at(chunk), n_rows, [&](const Part& part, std::int64_t first, std::int64_t last, std::int64_t at) {
        publish_own(run, n_rows, part, first, last, y + at);
      });
    };
    return run.member->share(run.first_stage, {split.count(), work, prepare_own, compute, publish});
  }

  static void multiply_own(const KernelTable& kernels, LinearArgs args, const Part& part, std::int64_t first,
                           std::int64_t last, float* y) {
    args.weight = part.view;
    args.bias = reinterpret_cast<const float*>(part.bias.constant);
    args.first_tile = first;
    args.last_tile = last;
    args.y_stride = (last - first) * kTileRows;
    // The kernel counts columns from the first of the matrix. As a number, since no pointer may point there.
    args.y = reinterpret_cast<float*>(reinterpret_cast<std::uintptr_t>(y) -
                                      static_cast<std::uintptr_t>(first) * kTileRows * sizeof(float));
    (part.int8 ? kernels.linear_int8 : kernels.linear_f32)(args);
  }

  // The residual is added here, to the same bits as in the kernel, because y may be where it is.
  void publish_own(const Run& run, std::int64_t n_rows, const Part& part, std::int64_t first, std::int64_t last,
                   const float* own) const {
    const std::int64_t begin = first * kTileRows, end = std::min(part.view.rows, last * kTileRows);
    for (std::int64_t row = 0; row < n_rows; ++row, own += (last - first) * kTileRows) {
      const std::int64_t at = row * part.view.rows + begin;
      float* y = run.out(part.y) + at;
      if (!residual) {
        std::copy_n(own, end - begin, y);
        continue;
      }
      const float* added = run.floats(residual) + at;
      for (std::int64_t i = 0; i < end - begin; ++i) y[i] = own[i] + added[i];
    }
  }
};

// In whole tiles of 32 k, and constant: moving weights are read as f32.
bool runs_bf16(const graph::Graph& graph, const LinearsPattern& linears, Arithmetic arithmetic) {
  return arithmetic.bf16_tiles && std::ranges::all_of(linears.parts, [&](const LinearsPattern::Part& part) {
           const graph::Value& weight = graph.value(part.weight);
           return weight.is_constant() && weight.type.shape.dim(-1).bound() % 32 == 0;
         });
}

// Which forms of its input a node writes to scratch, and where.
struct Scratch {
  ScratchLayout layout;
  std::optional<std::int64_t> floats, quantized, bf16;
};

Scratch scratch_of(const graph::Graph& graph, const LinearsPattern& linears, Arithmetic arithmetic) {
  bool floats = false, quantized = false;
  for (const auto& part : linears.parts) {
    (runs_int8(graph, part.weight, arithmetic) ? quantized : floats) = true;
  }
  const ValueId shaped = linears.norm ? linears.norm->x : linears.gated ? linears.gated->gate : linears.x;
  const Shape& shape = graph.value(shaped).type.shape;
  // The planner has refused sizes that overflow.
  const std::int64_t rows = shape.max_rows().value_or(0), cols = shape.dim(-1).bound();
  const std::int64_t pitched = rows * row_pitch(cols) * static_cast<std::int64_t>(sizeof(float));
  const bool prologue = linears.norm || linears.gated;
  Scratch scratch;
  if (runs_bf16(graph, linears, arithmetic)) {
    // Norm and activation write f32, which become bf16 where they lie.
    scratch.bf16 = scratch.layout.add(prologue ? pitched : rows * cols * 2);
    return scratch;
  }
  if (floats && prologue) scratch.floats = scratch.layout.add(pitched);
  if (quantized) {
    scratch.quantized = scratch.layout.add(rows * quant_blocks(cols) * static_cast<std::int64_t>(sizeof(QuantBlock)));
  }
  return scratch;
}

// The view of a weight that only a run brings: the codec's rows.
WeightView moving_view(DType dtype) {
  WeightView view{};
  view.kind = WeightKind::kRows;
  view.decode_row = quant::codec(dtype).decode_row;
  view.block_elements = info(dtype).block_elements;
  view.block_bytes = info(dtype).block_bytes;
  return view;
}

Result<Part> make_part(Lowering& to, const LinearsPattern::Part& pattern) {
  const graph::Value& weight = to.graph().value(pattern.weight);
  Part part;
  part.dtype = weight.type.dtype;
  part.out_cols = to.size(weight.type.shape, 0, 1);
  part.int8 = runs_int8(to.graph(), pattern.weight, to.arithmetic());
  part.bias = to.operand(pattern.bias);
  part.y = to.operand(pattern.y);
  // Constants without elements have no view; as activations they give bias and residual alone.
  if (weight.is_constant() && weight.type.shape.max_elements().value_or(0) > 0) {
    auto view = to.weights().view(weight.constant);
    if (!view.ok()) return error(view.error().code, "weight {}: {}", weight.name, view.error().message);
    part.view = *view;
  } else {
    part.data = to.operand(pattern.weight);
    part.view = moving_view(part.dtype);
  }
  return part;
}

}  // namespace

bool runs_int8(const graph::Graph& graph, ValueId weight, Arithmetic arithmetic) {
  const graph::Value& value = graph.value(weight);
  return arithmetic.precision == graph::Precision::kFast && value.is_constant() &&
         takes_int8(weight_kind(value.type.dtype)) && !value.layout.empty();
}

Status lower(Lowering& to, const LinearsPattern& linears) {
  auto instruction = std::make_unique<LinearsInstruction>();
  const Scratch scratch = scratch_of(to.graph(), linears, to.arithmetic());
  ValueId shaped = linears.x;
  if (linears.norm) {
    const NormPattern& norm = *linears.norm;
    shaped = norm.x;
    instruction->norm = Norm{norm.layer_norm,    norm.weight_plus_one,    norm.eps,
                             to.operand(norm.x), to.operand(norm.weight), to.operand(norm.bias)};
  } else if (linears.gated) {
    shaped = linears.gated->gate;
    instruction->gated =
        Gated{unary_op(linears.gated->act), to.operand(linears.gated->gate), to.operand(linears.gated->up)};
  } else {
    instruction->x = to.operand(linears.x);
    if (scratch.quantized) instruction->source = instruction->x;
  }
  if (scratch.floats) instruction->x = to.scratch(*scratch.floats);
  if (scratch.bf16) {
    instruction->bf16 = to.scratch(*scratch.bf16);
    if (linears.norm || linears.gated) instruction->x = instruction->bf16;
  }
  if (scratch.quantized) instruction->quantized = to.scratch(*scratch.quantized);
  instruction->rows = to.rows(shaped);
  instruction->cols = to.cols(shaped);
  instruction->residual = to.operand(linears.residual);
  for (const auto& pattern : linears.parts) {
    if (pattern.y == kNoValue) continue;  // nobody reads it
    GALAGO_TRY(Part part, make_part(to, pattern));
    instruction->parts.push_back(std::move(part));
  }
  to.emit(std::move(instruction));
  return {};
}

Status lower(Lowering& to, const Node& node, const ops::MatMul&) {
  LinearsPattern linears;
  linears.x = node.inputs[0];
  linears.parts.push_back({node.inputs[1], kNoValue, node.outputs[0]});
  return lower(to, linears);
}

std::int64_t linears_scratch(const graph::Graph& graph, const LinearsPattern& linears, Arithmetic arithmetic) {
  return scratch_of(graph, linears, arithmetic).layout.bytes();
}

}  // namespace galago::cpu
