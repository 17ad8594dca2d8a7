#include "backends/cpu/linear_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/try.h"
#include "quant/codec.h"

namespace galago::cpu {
namespace {

bool runs_int8(const graph::Graph& graph, ValueId weight, Arithmetic arithmetic) {
  const graph::Value& value = graph.value(weight);
  return arithmetic.precision == graph::Precision::kFast && value.is_constant() &&
         takes_int8(weight_kind(value.type.dtype)) && !value.layout.empty();
}

// In whole tiles of 32 k, and packed: moving weights are read as f32.
bool runs_bf16(const graph::Graph& graph, ValueId weight, Arithmetic arithmetic) {
  const graph::Value& value = graph.value(weight);
  const bool gains = arithmetic.bf16_tiles == Bf16Tiles::kAllWeights ||
                     (arithmetic.bf16_tiles == Bf16Tiles::kFloatWeights && !takes_int8(weight_kind(value.type.dtype)));
  const bool whole_tiles = value.type.shape.dim(-1).bound() % 32 == 0;
  return gains && whole_tiles && value.is_constant() && !value.layout.empty();
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

}  // namespace

WeightView LinearPart::at(const Run& run, std::int64_t cols) const {
  if (!data) return view;
  WeightView moved = view;
  moved.data = run.read(data);
  moved.rows = run.at(out_cols);
  moved.cols = cols;
  moved.row_bytes = cols / view.block_elements * view.block_bytes;
  return moved;
}

bool LinearPart::outlives_run() const {
  return !data && (bias.place == Operand::Place::kNone || bias.place == Operand::Place::kConstant);
}

std::int64_t LinearPart::weight_bytes() const {
  if (data) return 0;
  return view.kind == WeightKind::kRows ? view.rows * view.row_bytes : tile_count(view.rows) * view.tile_bytes;
}

std::string LinearPart::to_string(const Size& cols) const {
  return fmt::format("linear_{} {}{} {} -> {}", cpu::to_string(form), name(dtype),
                     view.kind == WeightKind::kRows ? " rows" : " tile16", cols.to_string(), out_cols.to_string());
}

Result<LinearPart> make_part(Lowering& to, const LinearsMatch::Part& pattern, RowForm form) {
  const graph::Value& weight = to.graph().value(pattern.weight);
  LinearPart part;
  part.dtype = weight.type.dtype;
  part.out_cols = to.size(weight.type.shape, 0, 1);
  part.form = form;
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

std::vector<RowForm> forms_of(const graph::Graph& graph, std::span<const ValueId> weights, Arithmetic arithmetic) {
  const bool bf16 = std::ranges::all_of(weights, [&](ValueId id) { return runs_bf16(graph, id, arithmetic); });
  std::vector<RowForm> forms;
  for (const ValueId id : weights) {
    forms.push_back(bf16 ? RowForm::kBf16 : runs_int8(graph, id, arithmetic) ? RowForm::kInt8 : RowForm::kFloat);
  }
  return forms;
}

std::int64_t LinearInput::pitch(RowForm form, std::int64_t n_cols) const {
  if (form == RowForm::kInt8 || origin == Origin::kMade) return row_pitch(form, n_cols);
  if (origin == Origin::kGiven) return n_cols;
  // Rows of bf16 take the first half of the norm's rows.
  const std::int64_t floats = row_pitch(RowForm::kFloat, n_cols);
  return form == RowForm::kBf16 ? 2 * floats : floats;
}

LinearArgs LinearInput::args_of(const RowPointers& at, std::int64_t n_cols) const {
  LinearArgs made{};
  made.x = reinterpret_cast<const float*>(at.in(RowForm::kFloat));
  made.x_stride = pitch(RowForm::kFloat, n_cols);
  made.quantized = reinterpret_cast<const QuantBlock*>(at.in(RowForm::kInt8));
  made.quantized_stride = pitch(RowForm::kInt8, n_cols);
  made.x_bf16 = reinterpret_cast<const std::uint16_t*>(at.in(RowForm::kBf16));
  made.x_bf16_stride = pitch(RowForm::kBf16, n_cols);
  return made;
}

LinearArgs LinearInput::args(const Run& run) const { return args_of(pointers(run, rows_in), run.at(cols)); }

bool LinearInput::prepare(const Run& run, std::int64_t n_rows) const {
  const bool as_given = origin == Origin::kGiven && !reads(RowForm::kInt8) && !reads(RowForm::kBf16);
  if (origin == Origin::kMade || as_given) return true;
  const std::int64_t n_cols = run.at(cols), grain = row_grain(n_cols);
  const RowPointers to = pointers(run, rows_in);
  return run.share(0, (n_rows + grain - 1) / grain, [&](std::int64_t part) {
    make(run, n_cols, part * grain, std::min(n_rows, (part + 1) * grain), to);
  });
}

void LinearInput::make(const Run& run, std::int64_t n_cols, std::int64_t first, std::int64_t last,
                       const RowPointers& to) const {
  if (origin == Origin::kNormed) {
    normalize(run, n_cols, first, last, to);
  } else if (reads(RowForm::kInt8)) {
    auto* quantized = reinterpret_cast<QuantBlock*>(to.in(RowForm::kInt8));
    run.kernels.quantize_rows({run.floats(given), n_cols, quantized, quant_blocks(n_cols), n_cols, first, last});
  }
  if (!reads(RowForm::kBf16)) return;
  auto* narrow = reinterpret_cast<std::uint16_t*>(to.in(RowForm::kBf16));
  const float* x = origin == Origin::kNormed ? reinterpret_cast<const float*>(narrow) : run.floats(given);
  run.kernels.narrow_rows(
      {x, pitch(RowForm::kFloat, n_cols), narrow, pitch(RowForm::kBf16, n_cols), n_cols, first, last});
}

void LinearInput::normalize(const Run& run, std::int64_t n_cols, std::int64_t first, std::int64_t last,
                            const RowPointers& to) const {
  NormArgs norm_args{};
  norm_args.x = run.floats(given);
  norm_args.x_stride = n_cols;
  norm_args.weight = run.floats(norm_weight);
  norm_args.bias = run.floats(norm_bias);
  // Becomes bf16 where it lies.
  norm_args.y = reinterpret_cast<float*>(to.in(reads(RowForm::kBf16) ? RowForm::kBf16 : RowForm::kFloat));
  norm_args.y_stride = pitch(RowForm::kFloat, n_cols);
  norm_args.quantized = reinterpret_cast<QuantBlock*>(to.in(RowForm::kInt8));
  norm_args.quantized_stride = pitch(RowForm::kInt8, n_cols);
  norm_args.cols = n_cols;
  norm_args.eps = norm.eps;
  norm_args.weight_plus_one = norm.weight_plus_one;
  norm_args.first_row = first;
  norm_args.last_row = last;
  (norm.layer_norm ? run.kernels.layer_norm : run.kernels.rms_norm)(norm_args);
}

bool LinearInput::can_be_own(std::int64_t n_rows, std::int64_t n_cols) const {
  constexpr std::int64_t kMostFloats = 16 * 1024;
  return !reads(RowForm::kBf16) && n_rows > 0 && n_rows <= kMostFloats / std::max<std::int64_t>(1, n_cols);
}

std::int64_t LinearInput::own_bytes(std::int64_t n_rows, std::int64_t n_cols) const {
  std::int64_t bytes = 0;
  for (const RowForm form : {RowForm::kFloat, RowForm::kInt8}) {
    if (reads(form)) bytes += aligned_to_line(n_rows * form_bytes(form, 1) * pitch(form, n_cols));
  }
  return bytes;
}

// Floats, then blocks.
RowPointers LinearInput::own_rows(std::int64_t n_rows, std::int64_t n_cols, std::byte* scratch) const {
  RowPointers at;
  for (const RowForm form : {RowForm::kFloat, RowForm::kInt8}) {
    if (!reads(form)) continue;
    at.in(form) = scratch;
    scratch += aligned_to_line(n_rows * form_bytes(form, 1) * pitch(form, n_cols));
  }
  return at;
}

void LinearInput::prepare_own(const Run& run, std::int64_t n_rows, std::byte* scratch) const {
  const std::int64_t n_cols = run.at(cols);
  const RowPointers own = own_rows(n_rows, n_cols, scratch);
  if (origin != Origin::kMade) make(run, n_cols, 0, n_rows, own);
  for (const RowForm form : {RowForm::kFloat, RowForm::kInt8}) {
    const bool as_it_is = origin == Origin::kMade || (origin == Origin::kGiven && form == RowForm::kFloat);
    if (!reads(form) || !as_it_is) continue;
    std::memcpy(own.in(form), run.read(rows_in.in(form)),
                static_cast<std::size_t>(n_rows * form_bytes(form, 1) * pitch(form, n_cols)));
  }
}

LinearArgs LinearInput::own_args(std::int64_t n_rows, std::int64_t n_cols, std::byte* scratch) const {
  LinearArgs made = args_of(own_rows(n_rows, n_cols, scratch), n_cols);
  made.last_row = n_rows;
  return made;
}

std::string LinearInput::to_string() const {
  if (origin != Origin::kNormed) return "";
  return norm.layer_norm ? "layer_norm + " : "rms_norm + ";
}

InputPlaces plan_input(const Shape& shape, bool normed, std::span<const RowForm> forms, ScratchLayout& layout) {
  // The planner has refused sizes that overflow.
  const std::int64_t rows = shape.max_rows().value_or(0), cols = shape.dim(-1).bound();
  const auto reads = [&](RowForm form) { return std::ranges::count(forms, form) > 0; };
  const std::int64_t normed_bytes = pitched_bytes(RowForm::kFloat, rows, cols);
  InputPlaces places;
  if (reads(RowForm::kFloat) && normed) places.in(RowForm::kFloat) = layout.add(normed_bytes);
  if (reads(RowForm::kInt8)) places.in(RowForm::kInt8) = layout.add(rows * form_bytes(RowForm::kInt8, cols));
  if (reads(RowForm::kBf16)) {
    places.in(RowForm::kBf16) = layout.add(normed ? normed_bytes : rows * form_bytes(RowForm::kBf16, cols));
  }
  return places;
}

LinearInput make_input(Lowering& to, ValueId x, const std::optional<NormMatch>& norm, std::span<const RowForm> forms,
                       const InputPlaces& places) {
  LinearInput input;
  const ValueId given = norm ? norm->x : x;
  input.given = to.operand(given);
  input.rows = to.rows(given);
  input.cols = to.cols(given);
  if (norm) {
    input.origin = LinearInput::Origin::kNormed;
    input.norm = *norm;
    input.norm_weight = to.operand(norm->weight);
    input.norm_bias = to.operand(norm->bias);
  }
  for (const RowForm form : forms) {
    const auto& place = places.in(form);
    input.rows_in.in(form) = place ? to.scratch(*place) : input.given;
  }
  return input;
}

}  // namespace galago::cpu
