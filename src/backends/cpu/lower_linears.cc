// Linears with what runs before and after them: a norm, a gated activation or a quantization once for all of them, then
// one parallel region over the tiles of all weights, with bias and residual in the kernel.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "backends/cpu/lower_ops.h"
#include "base/error.h"
#include "base/try.h"
#include "quant/codec.h"

namespace galago::cpu {
namespace {

// Rows that a chunk takes: their quantized activations (up to 128 * 48 * 48 bytes for 1536 columns) stay in the second
// level cache while a chunk's tiles pass.
constexpr std::int64_t kRowBlock = 128;
// With tiles, expanding weights costs as much as multiplying some 150 rows with them.
constexpr std::int64_t kBf16RowBlock = 512;
// Enough chunks for a slower core to take fewer of them; each is a contiguous range of tiles.
constexpr std::int64_t kChunksPerThread = 12;
// Weights of a chunk of a single row, in bytes: some 2 us at 8 GB/s, and long enough for the hardware prefetcher.
constexpr std::int64_t kMinChunkBytes = 16 * 1024;

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
    run.parallel(n_rows, row_grain(n_cols), [&](std::int64_t first, std::int64_t last) {
      if (norm) normalize(run, n_cols, first, last);
      if (gated) gate(run, n_cols, first, last);
      if (source) quantize(run, n_cols, first, last);
      if (bf16) narrow(run, n_cols, first, last);
    });
    multiply(run, n_rows, n_cols);
    return {};
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
  QuantBlock* blocks(const Run& run) const { return reinterpret_cast<QuantBlock*>(run.write(quantized)); }

  void normalize(const Run& run, std::int64_t n_cols, std::int64_t first, std::int64_t last) const {
    NormArgs args{};
    args.x = run.floats(norm->x);
    args.x_stride = n_cols;
    args.weight = run.floats(norm->weight);
    args.bias = run.floats(norm->bias);
    args.y = run.out(x);
    args.y_stride = n_cols;
    args.quantized = blocks(run);
    args.quantized_stride = quant_blocks(n_cols);
    args.cols = n_cols;
    args.eps = norm->eps;
    args.weight_plus_one = norm->weight_plus_one;
    args.first_row = first;
    args.last_row = last;
    (norm->layer_norm ? run.kernels.layer_norm : run.kernels.rms_norm)(args);
  }

  void gate(const Run& run, std::int64_t n_cols, std::int64_t first, std::int64_t last) const {
    GatedArgs args{};
    args.op = gated->act;
    args.gate = run.floats(gated->gate);
    args.up = run.floats(gated->up);
    args.y = run.out(x);
    args.gate_stride = args.up_stride = args.y_stride = n_cols;
    args.quantized = blocks(run);
    args.quantized_stride = quant_blocks(n_cols);
    args.cols = n_cols;
    args.first_row = first;
    args.last_row = last;
    run.kernels.gated(args);
  }

  void quantize(const Run& run, std::int64_t n_cols, std::int64_t first, std::int64_t last) const {
    run.kernels.quantize_rows({run.floats(source), n_cols, blocks(run), quant_blocks(n_cols), n_cols, first, last});
  }

  // Rows of bf16 take the first half of a prologue's rows.
  std::int64_t bf16_stride(std::int64_t n_cols) const { return norm || gated ? 2 * n_cols : n_cols; }
  std::uint16_t* halves(const Run& run) const { return reinterpret_cast<std::uint16_t*>(run.write(bf16)); }

  void narrow(const Run& run, std::int64_t n_cols, std::int64_t first, std::int64_t last) const {
    run.kernels.narrow_rows({run.floats(x), n_cols, halves(run), bf16_stride(n_cols), n_cols, first, last});
  }

  // Chunks are (block of rows, range of tiles), tiles of all parts numbered through; neighbouring chunks share rows.
  void multiply(const Run& run, std::int64_t n_rows, std::int64_t n_cols) const {
    std::int64_t tiles = 0, bytes = 0;
    for (const Part& part : parts) {
      const std::int64_t part_tiles = tile_count(part.data ? run.at(part.out_cols) : part.view.rows);
      tiles += part_tiles;
      bytes += part_tiles * std::max(part.view.tile_bytes, kTileRows * part.view.row_bytes);
    }
    if (tiles == 0) return;
    const std::int64_t row_block = bf16 ? kBf16RowBlock : kRowBlock;
    const std::int64_t row_blocks = (n_rows + row_block - 1) / row_block;
    const std::int64_t wanted = run.n_threads > 1 ? run.n_threads * kChunksPerThread : 1;
    const std::int64_t most = std::max<std::int64_t>(1, bytes * n_rows / kMinChunkBytes);
    const std::int64_t ranges = std::clamp<std::int64_t>(std::min(wanted, most) / row_blocks, 1, tiles);
    ThreadPool::shared().parallel_for(run.n_threads, row_blocks * ranges, [&](int, std::int64_t chunk) {
      const std::int64_t block = chunk / ranges, range = chunk % ranges;
      const auto boundary = [&](std::int64_t i) {
        const std::int64_t tile = tiles * i / ranges;
        return bf16 && i < ranges ? tile / 2 * 2 : tile;  // the bf16 kernel takes tiles by two
      };
      multiply_range(run, n_cols, block * row_block, std::min(n_rows, (block + 1) * row_block), boundary(range),
                     boundary(range + 1));
    });
  }

  void multiply_range(const Run& run, std::int64_t n_cols, std::int64_t first_row, std::int64_t last_row,
                      std::int64_t first_tile, std::int64_t last_tile) const {
    LinearArgs args{};
    args.x = run.floats(x);
    args.x_stride = n_cols;
    args.quantized = blocks(run);
    args.quantized_stride = quant_blocks(n_cols);
    args.x_bf16 = halves(run);
    args.x_bf16_stride = bf16_stride(n_cols);
    args.residual = run.floats(residual);
    args.first_row = first_row;
    args.last_row = last_row;
    for (const Part& part : parts) {
      args.weight = part.at(run, n_cols);
      const std::int64_t tiles = tile_count(args.weight.rows);
      args.first_tile = std::max<std::int64_t>(0, first_tile);
      args.last_tile = std::min(tiles, last_tile);
      first_tile -= tiles;
      last_tile -= tiles;
      if (args.first_tile >= args.last_tile) continue;
      args.bias = run.floats(part.bias);
      args.y = run.out(part.y);
      args.y_stride = args.residual_stride = args.weight.rows;
      (bf16 ? run.kernels.linear_bf16 : part.int8 ? run.kernels.linear_int8 : run.kernels.linear_f32)(args);
    }
  }
};

bool runs_int8(const graph::Graph& graph, ValueId weight, Arithmetic arithmetic) {
  const graph::Value& value = graph.value(weight);
  return arithmetic.precision == graph::Precision::kFast && value.is_constant() &&
         takes_int8(weight_kind(value.type.dtype)) && !value.layout.empty();
}

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
  Scratch scratch;
  if (runs_bf16(graph, linears, arithmetic)) {
    // Norm and activation write f32, which become bf16 where they lie.
    const bool prologue = linears.norm || linears.gated;
    scratch.bf16 = scratch.layout.add(rows * cols * static_cast<std::int64_t>(prologue ? sizeof(float) : 2));
    return scratch;
  }
  if (floats && (linears.norm || linears.gated)) {
    scratch.floats = scratch.layout.add(rows * cols * static_cast<std::int64_t>(sizeof(float)));
  }
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
