// Element by element: add, mul, scale, activations.
#include <fmt/format.h>

#include "backends/cpu/lower_ops.h"

namespace galago::cpu {
namespace {

class BinaryInstruction : public Instruction {
 public:
  BinaryOp op = BinaryOp::kAdd;
  bool repeat_b = false;  // b is one row
  Operand a, b, y;
  Size rows, cols;

  Status run(const Run& run) const override {
    const std::int64_t n_cols = run.at(cols);
    run.parallel(run.at(rows), row_grain(n_cols), [&](std::int64_t first, std::int64_t last) {
      run.kernels.binary(
          {op, run.floats(a), n_cols, run.floats(b), repeat_b ? 0 : n_cols, run.out(y), n_cols, n_cols, first, last});
    });
    return {};
  }

  std::string to_string() const override {
    return fmt::format("{}{}  rows {}  cols {}", op == BinaryOp::kAdd ? "add" : "mul", repeat_b ? " of one row" : "",
                       rows.to_string(), cols.to_string());
  }
};

Status lower_binary(Lowering& to, const Node& node, BinaryOp op) {
  const Shape& a = to.shape(node.inputs[0]);
  const Shape& b = to.shape(node.inputs[1]);
  auto instruction = std::make_unique<BinaryInstruction>();
  instruction->op = op;
  instruction->a = to.operand(node.inputs[0]);
  instruction->b = to.operand(node.inputs[1]);
  instruction->y = to.operand(node.outputs[0]);
  instruction->repeat_b = !(a == b);
  if (instruction->repeat_b) {  // b is as the last dims of a
    instruction->rows = to.size(a, 0, a.rank() - b.rank());
    instruction->cols = to.elements(node.inputs[1]);
  } else {
    instruction->rows = to.rows(node.inputs[0]);
    instruction->cols = to.cols(node.inputs[0]);
  }
  to.emit(std::move(instruction));
  return {};
}

class UnaryInstruction : public Instruction {
 public:
  std::string title;
  UnaryOp op = UnaryOp::kCopy;
  float scale = 1.0f;
  bool square = false;  // of the result: relu2
  Operand x, y;
  Size rows, cols;

  Status run(const Run& run) const override {
    const std::int64_t n_cols = run.at(cols);
    run.parallel(run.at(rows), row_grain(n_cols), [&](std::int64_t first, std::int64_t last) {
      float* out = run.out(y);
      run.kernels.unary({op, scale, run.floats(x), n_cols, out, n_cols, n_cols, first, last});
      if (square) {
        run.kernels.binary({BinaryOp::kMul, out, n_cols, out, n_cols, out, n_cols, n_cols, first, last});
      }
    });
    return {};
  }

  std::string to_string() const override {
    return fmt::format("{}  rows {}  cols {}", title, rows.to_string(), cols.to_string());
  }
};

std::unique_ptr<UnaryInstruction> make_unary(Lowering& to, const Node& node, std::string title) {
  auto instruction = std::make_unique<UnaryInstruction>();
  instruction->title = std::move(title);
  instruction->x = to.operand(node.inputs[0]);
  instruction->y = to.operand(node.outputs[0]);
  instruction->rows = to.rows(node.outputs[0]);
  instruction->cols = to.cols(node.outputs[0]);
  return instruction;
}

class GatedInstruction : public Instruction {
 public:
  std::string title;
  UnaryOp op = UnaryOp::kSilu;
  Operand gate, up, y;
  Size rows, cols;

  Status run(const Run& run) const override {
    const std::int64_t n_cols = run.at(cols);
    run.parallel(run.at(rows), row_grain(n_cols), [&](std::int64_t first, std::int64_t last) {
      GatedArgs args{};
      args.op = op;
      args.gate = run.floats(gate);
      args.up = run.floats(up);
      args.y = run.out(y);
      args.gate_stride = args.up_stride = args.y_stride = args.cols = n_cols;
      args.first_row = first;
      args.last_row = last;
      run.kernels.gated(args);
    });
    return {};
  }

  std::string to_string() const override {
    return fmt::format("gated {}  rows {}  cols {}", title, rows.to_string(), cols.to_string());
  }
};

}  // namespace

bool has_kernel(ops::UnaryKind kind) { return kind != ops::UnaryKind::kRelu2; }

UnaryOp unary_op(ops::UnaryKind kind) {
  switch (kind) {
    case ops::UnaryKind::kSilu: return UnaryOp::kSilu;
    case ops::UnaryKind::kGelu: return UnaryOp::kGelu;
    case ops::UnaryKind::kGeluTanh: return UnaryOp::kGeluTanh;
    case ops::UnaryKind::kQuickGelu: return UnaryOp::kQuickGelu;
    case ops::UnaryKind::kRelu:
    case ops::UnaryKind::kRelu2: return UnaryOp::kRelu;
    case ops::UnaryKind::kSigmoid: return UnaryOp::kSigmoid;
    case ops::UnaryKind::kTanh: return UnaryOp::kTanh;
  }
  return UnaryOp::kCopy;
}

Status lower(Lowering& to, const Node& node, const ops::Add&) { return lower_binary(to, node, BinaryOp::kAdd); }
Status lower(Lowering& to, const Node& node, const ops::Mul&) { return lower_binary(to, node, BinaryOp::kMul); }

Status lower(Lowering& to, const Node& node, const ops::Scale& op) {
  auto instruction = make_unary(to, node, fmt::format("scale by {}", op.factor));
  instruction->scale = op.factor;
  to.emit(std::move(instruction));
  return {};
}

Status lower(Lowering& to, const Node& node, const ops::Unary& op) {
  auto instruction = make_unary(to, node, std::string(ops::to_string(op.kind)));
  instruction->op = unary_op(op.kind);
  instruction->square = op.kind == ops::UnaryKind::kRelu2;
  to.emit(std::move(instruction));
  return {};
}

Status lower(Lowering& to, const GatedActMatch& gated) {
  auto instruction = std::make_unique<GatedInstruction>();
  instruction->title = std::string(ops::to_string(gated.act));
  instruction->op = unary_op(gated.act);
  instruction->gate = to.operand(gated.gate);
  instruction->up = to.operand(gated.up);
  instruction->y = to.operand(gated.y);
  instruction->rows = to.rows(gated.y);
  instruction->cols = to.cols(gated.y);
  to.emit(std::move(instruction));
  return {};
}

}  // namespace galago::cpu
