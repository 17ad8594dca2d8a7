// A gated feed-forward network: gate and up are multiplied for the same columns, whose activated product is left in the
// form that down reads before it leaves the second level cache; then down, as any linear.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "backends/cpu/gated_results.h"
#include "backends/cpu/linear_node.h"
#include "backends/cpu/tile_split.h"
#include "base/try.h"

namespace galago::cpu {
namespace {

// Gate and up wait on the stack: 64 KiB each.
constexpr std::int64_t kGatedFloats = row_block(RowForm::kBf16) * kPairCols;

// Quantized rows of a chunk that stay in half of L2 while all of its weights pass over them.
constexpr std::int64_t kRowBytesInL2 = 512 * 1024, kLeastRows = 32;

class GatedLinearsInstruction : public Instruction {
 public:
  LinearInput input;
  LinearPart gate, up;
  UnaryOp act = UnaryOp::kSilu;
  Operand results;
  RowForm form = RowForm::kFloat;  // of the results
  bool pitched = false;            // they are a linear's rows; otherwise close to each other

  Status run(const Run& run) const override {
    (void)stages(run);
    return {};
  }

  bool run_in_team(const Run& run) const override {
    if (const auto own = redoable(run)) return run_redoable(run, *own);
    return stages(run);
  }

  std::string to_string() const override {
    return fmt::format("{}{} * {}, gated -> {}  rows {}  weights {} bytes", input.to_string(),
                       gate.to_string(input.cols), up.to_string(input.cols), cpu::to_string(form),
                       input.rows.to_string(), gate.weight_bytes() + up.weight_bytes());
  }

 private:
  std::int64_t unit_weight_bytes() const { return kUnitTiles * (gate.tile_bytes() + up.tile_bytes()); }

  ResultPlace place(const Run& run, std::int64_t width) const {
    const bool close = !pitched && form != RowForm::kInt8;
    return {run.write(results), form, close ? width : row_pitch(form, width), 0};
  }

  bool stages(const Run& run) const {
    const std::int64_t n_rows = run.at(input.rows), n_cols = run.at(input.cols), units = unit_count(gate.tiles(run));
    if (n_rows == 0 || units == 0) return true;
    if (!input.prepare(run, n_rows)) return false;
    const std::int64_t block = rows_of_block(n_cols), row_blocks = (n_rows + block - 1) / block;
    const std::int64_t wanted = chunks_wanted(run.n_threads, kChunksPerThread, units * unit_weight_bytes() * n_rows);
    const std::int64_t ranges = std::clamp<std::int64_t>(wanted / row_blocks, 1, units);
    const ResultPlace to = place(run, run.at(gate.out_cols));
    const Product product{run.kernels, gate.at(run, n_cols), up.at(run, n_cols), run.floats(gate.bias),
                          run.floats(up.bias)};
    return run.share(1, row_blocks * ranges, [&](std::int64_t chunk) {
      const std::int64_t at = chunk / ranges, range = chunk % ranges;
      LinearArgs args = input.args(run);
      args.first_row = n_rows * at / row_blocks;
      args.last_row = n_rows * (at + 1) / row_blocks;
      multiply(product, args, units * range / ranges, units * (range + 1) / ranges, to);
    });
  }

  std::int64_t rows_of_block(std::int64_t n_cols) const {
    const std::int64_t most = row_block(gate.form);
    if (gate.form != RowForm::kInt8) return most;
    const std::int64_t row_bytes = std::max<std::int64_t>(1, form_bytes(RowForm::kInt8, n_cols));
    return std::clamp(kRowBytesInL2 / row_bytes, kLeastRows, most);
  }

  // The matrices as a run finds them.
  struct Product {
    const KernelTable& kernels;
    WeightView gate, up;
    const float *gate_bias, *up_bias;
  };

  // Units [first, last) of args' rows. Reads nothing of a run.
  void multiply(const Product& product, LinearArgs args, std::int64_t first, std::int64_t last,
                const ResultPlace& to) const {
    alignas(64) float gates[kGatedFloats];
    alignas(64) float ups[kGatedFloats];
    const std::int64_t tiles = std::min(tile_count(product.gate.rows), last * kUnitTiles);
    for_blocks(kGatedFloats, args.first_row, args.last_row, first * kUnitTiles, tiles,
               [&](std::int64_t row, std::int64_t row_end, std::int64_t tile, std::int64_t end) {
                 const std::int64_t stride = (end - tile) * kTileRows;
                 args.first_row = row;
                 args.last_row = row_end;
                 args.first_tile = tile;
                 args.last_tile = end;
                 args.weight = product.gate;
                 args.bias = product.gate_bias;
                 multiply_to(product.kernels, gate.form, args, gates, stride);
                 args.weight = product.up;
                 args.bias = product.up_bias;
                 multiply_to(product.kernels, up.form, args, ups, stride);
                 const std::int64_t cols = std::min(product.gate.rows - tile * kTileRows, stride);
                 activate(product.kernels, act, {gates, ups, stride, row_end - row, cols}, to, row, tile / kUnitTiles);
               });
  }

  // Where a member of a team keeps its own rows, and the results of a chunk.
  struct OwnLayout {
    std::int64_t n_rows, n_cols;
    std::int64_t results;            // rows are at 0
    std::int64_t units, most_units;  // of all; of a chunk
  };

  std::optional<OwnLayout> redoable(const Run& run) const {
    OwnLayout own{};
    own.n_rows = run.at(input.rows);
    own.n_cols = run.at(input.cols);
    if (!input.can_be_own(own.n_rows, own.n_cols) || form == RowForm::kBf16) return std::nullopt;
    if (!gate.outlives_run() || !up.outlives_run()) return std::nullopt;
    own.units = unit_count(gate.tiles(run));
    own.results = input.own_bytes(own.n_rows, own.n_cols);
    const std::int64_t left = static_cast<std::int64_t>(Team::kScratchBytes) - own.results;
    own.most_units = left / (own.n_rows * form_bytes(form, kQuantGroup));
    if (own.units == 0 || own.most_units <= own.units / TileSplit::kMaxChunks) return std::nullopt;
    return own;
  }

  // Few rows: what a slow member holds is computed again by another. Each prepares the rows for itself, which takes
  // less time than waiting for another to.
  bool run_redoable(const Run& run, const OwnLayout& own) const {
    const TileSplit split(own.units, unit_weight_bytes(), run.member->rate(), run.n_threads, own.most_units);
    const Product product{run.kernels, gate.view, up.view, reinterpret_cast<const float*>(gate.bias.constant),
                          reinterpret_cast<const float*>(up.bias.constant)};
    const auto work = [&](int chunk) {
      const TileSplit::Range range = split.at(chunk);
      return (range.last - range.first) * unit_weight_bytes();
    };
    const auto prepare = [&](std::byte* scratch) { input.prepare_own(run, own.n_rows, scratch); };
    // Of a chunk's units, one row after the other.
    const auto own_place = [&](std::byte* scratch, TileSplit::Range range) {
      const std::int64_t units = range.last - range.first;
      return ResultPlace{scratch + own.results, form, form == RowForm::kInt8 ? units : units * kQuantGroup,
                         range.first};
    };
    // Reads nothing of the run: it may be over.
    const auto compute = [&, this](std::byte* scratch, int chunk) {
      const TileSplit::Range range = split.at(chunk);
      multiply(product, input.own_args(own.n_rows, own.n_cols, scratch), range.first, range.last,
               own_place(scratch, range));
    };
    const auto publish = [&](std::byte* scratch, int chunk) {
      const TileSplit::Range range = split.at(chunk);
      const std::int64_t width = gate.view.rows, end = std::min(width, range.last * kQuantGroup);
      const ResultPlace from = own_place(scratch, range), to = place(run, width);
      for (std::int64_t row = 0; row < own.n_rows; ++row) {
        std::memcpy(to.at(row, range.first), from.at(row, range.first),
                    static_cast<std::size_t>(form_bytes(form, end - range.first * kQuantGroup)));
      }
    };
    return run.member->share(run.first_stage, {split.regions(), work, prepare, compute, publish});
  }
};

// What planning and lowering find alike.
struct GatedPlan {
  ScratchLayout layout;
  std::vector<RowForm> forms;  // of gate and up
  InputPlaces places;
  RowForm result_form = RowForm::kFloat;
  std::int64_t results = 0;  // in scratch, when a linear follows
};

GatedPlan plan(const graph::Graph& graph, const GatedLinearsMatch& pattern, Arithmetic arithmetic) {
  GatedPlan made;
  made.forms = forms_of(graph, std::array{pattern.gate.weight, pattern.up.weight}, arithmetic);
  const Shape& shape = graph.value(pattern.norm ? pattern.norm->x : pattern.x).type.shape;
  made.places = plan_input(shape, pattern.norm.has_value(), made.forms, made.layout);
  if (!pattern.down) return made;
  made.result_form = forms_of(graph, std::array{pattern.down->weight}, arithmetic)[0];
  const std::int64_t width = graph.value(pattern.gate.weight).type.shape.dim(0).bound();
  made.results = made.layout.add(pitched_bytes(made.result_form, shape.max_rows().value_or(0), width));
  return made;
}

}  // namespace

Status lower(Lowering& to, const GatedLinearsMatch& pattern) {
  const GatedPlan planned = plan(to.graph(), pattern, to.arithmetic());
  auto instruction = std::make_unique<GatedLinearsInstruction>();
  instruction->input = make_input(to, pattern.x, pattern.norm, planned.forms, planned.places);
  GALAGO_TRY(instruction->gate, make_part(to, pattern.gate, planned.forms[0]));
  GALAGO_TRY(instruction->up, make_part(to, pattern.up, planned.forms[1]));
  instruction->act = unary_op(pattern.act);
  instruction->results = pattern.down ? to.scratch(planned.results) : to.operand(pattern.y);
  instruction->form = planned.result_form;
  instruction->pitched = pattern.down.has_value();
  LinearInput made;
  made.origin = LinearInput::Origin::kMade;
  made.rows_in.in(planned.result_form) = instruction->results;
  made.rows = instruction->input.rows;
  made.cols = instruction->gate.out_cols;
  to.emit(std::move(instruction));
  if (!pattern.down) return {};
  GALAGO_TRY(LinearPart down, make_part(to, *pattern.down, planned.result_form));
  to.emit(linears_instruction(std::move(made), {std::move(down)}, to.operand(pattern.residual)));
  return {};
}

std::int64_t gated_linears_scratch(const graph::Graph& graph, const GatedLinearsMatch& pattern, Arithmetic arithmetic) {
  return plan(graph, pattern, arithmetic).layout.bytes();
}

}  // namespace galago::cpu
