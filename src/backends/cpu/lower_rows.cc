// Row by row: norms and softmax.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "backends/cpu/lower_ops.h"

namespace galago::cpu {
namespace {

class NormInstruction : public Instruction {
 public:
  bool layer_norm = false, weight_plus_one = false;
  float eps = 0.0f;
  Operand x, residual, sum, weight, bias, y;
  Size rows, cols;

  Status run(const Run& run) const override {
    const std::int64_t n_cols = run.at(cols);
    run.parallel(run.at(rows), row_grain(n_cols), [&](std::int64_t first, std::int64_t last) {
      NormArgs args{};
      args.x = run.floats(x);
      args.residual = run.floats(residual);
      args.sum = run.out(sum);
      args.weight = run.floats(weight);
      args.bias = run.floats(bias);
      args.y = run.out(y);
      args.x_stride = args.residual_stride = args.sum_stride = args.y_stride = args.cols = n_cols;
      args.eps = eps;
      args.weight_plus_one = weight_plus_one;
      args.first_row = first;
      args.last_row = last;
      (layer_norm ? run.kernels.layer_norm : run.kernels.rms_norm)(args);
    });
    return {};
  }

  std::string to_string() const override {
    return fmt::format("{}{}  rows {}  cols {}", residual ? "add + " : "", layer_norm ? "layer_norm" : "rms_norm",
                       rows.to_string(), cols.to_string());
  }
};

std::unique_ptr<NormInstruction> make_norm(Lowering& to, const NormMatch& norm) {
  auto instruction = std::make_unique<NormInstruction>();
  instruction->layer_norm = norm.layer_norm;
  instruction->weight_plus_one = norm.weight_plus_one;
  instruction->eps = norm.eps;
  instruction->weight = to.operand(norm.weight);
  instruction->bias = to.operand(norm.bias);
  instruction->y = to.operand(norm.y);
  instruction->rows = to.rows(norm.y);
  instruction->cols = to.cols(norm.y);
  return instruction;
}

// Sums in double and one after the other, as the reference does: these ops stand at the ends of encoders, once a run.
void l2_normalize_row(const float* x, float* y, std::int64_t cols, float eps) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < cols; ++i) sum += double{x[i]} * double{x[i]};
  const double norm = std::max(std::sqrt(sum), double{eps});
  for (std::int64_t i = 0; i < cols; ++i) y[i] = static_cast<float>(x[i] / norm);
}

void softmax_row(const float* x, float* y, std::int64_t cols, float) {
  if (cols == 0) return;
  const float max = *std::max_element(x, x + cols);
  double sum = 0.0;
  for (std::int64_t i = 0; i < cols; ++i) sum += std::exp(double{x[i]} - double{max});
  for (std::int64_t i = 0; i < cols; ++i) y[i] = static_cast<float>(std::exp(double{x[i]} - double{max}) / sum);
}

class RowInstruction : public Instruction {
 public:
  const char* title = "";
  void (*row)(const float* x, float* y, std::int64_t cols, float parameter) = nullptr;
  float parameter = 0.0f;
  Operand x, y;
  Size rows, cols;

  Status run(const Run& run) const override {
    const std::int64_t n_cols = run.at(cols);
    run.parallel(run.at(rows), row_grain(n_cols) / 8, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t r = first; r < last; ++r) {
        row(run.floats(x) + r * n_cols, run.out(y) + r * n_cols, n_cols, parameter);
      }
    });
    return {};
  }

  std::string to_string() const override {
    return fmt::format("{}  rows {}  cols {}", title, rows.to_string(), cols.to_string());
  }
};

Status lower_row(Lowering& to, const Node& node, const char* title, decltype(RowInstruction::row) row,
                 float parameter) {
  auto instruction = std::make_unique<RowInstruction>();
  instruction->title = title;
  instruction->row = row;
  instruction->parameter = parameter;
  instruction->x = to.operand(node.inputs[0]);
  instruction->y = to.operand(node.outputs[0]);
  instruction->rows = to.rows(node.outputs[0]);
  instruction->cols = to.cols(node.outputs[0]);
  to.emit(std::move(instruction));
  return {};
}

}  // namespace

Status lower(Lowering& to, const NormMatch& norm) {
  auto instruction = make_norm(to, norm);
  instruction->x = to.operand(norm.x);
  to.emit(std::move(instruction));
  return {};
}

Status lower(Lowering& to, const AddNormMatch& add_norm) {
  auto instruction = make_norm(to, add_norm.norm);
  instruction->x = to.operand(add_norm.a);
  instruction->residual = to.operand(add_norm.b);
  instruction->sum = to.operand(add_norm.sum);
  to.emit(std::move(instruction));
  return {};
}

Status lower(Lowering& to, const Node& node, const ops::L2Normalize& op) {
  return lower_row(to, node, "l2_normalize", l2_normalize_row, op.eps);
}

Status lower(Lowering& to, const Node& node, const ops::Softmax&) {
  return lower_row(to, node, "softmax", softmax_row, 0.0f);
}

}  // namespace galago::cpu
