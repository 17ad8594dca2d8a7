#include "backends/cpu/gated_results.h"

namespace galago::cpu {

void activate(const KernelTable& kernels, UnaryOp op, const GateAndUp& x, const ResultPlace& to, std::int64_t first_row,
              std::int64_t first_unit) {
  GatedArgs args{};
  args.op = op;
  args.gate = x.gate;
  args.up = x.up;
  args.gate_stride = args.up_stride = x.stride;
  args.cols = x.cols;
  args.last_row = x.rows;
  std::byte* place = to.at(first_row, first_unit);
  switch (to.form) {
    case RowForm::kFloat:
      args.y = reinterpret_cast<float*>(place);
      args.y_stride = to.stride;
      return kernels.gated(args);
    case RowForm::kInt8:
      args.quantized = reinterpret_cast<QuantBlock*>(place);
      args.quantized_stride = to.stride;
      return kernels.gated(args);
    case RowForm::kBf16: break;
  }
  args.y = x.gate;
  args.y_stride = x.stride;
  kernels.gated(args);
  kernels.narrow_rows({x.gate, x.stride, reinterpret_cast<std::uint16_t*>(place), to.stride, x.cols, 0, x.rows});
}

}  // namespace galago::cpu
