#include "backends/cpu/row_forms.h"

#include "backends/cpu/packing.h"

namespace galago::cpu {

std::string_view to_string(RowForm form) {
  switch (form) {
    case RowForm::kFloat: return "f32";
    case RowForm::kInt8: return "int8";
    case RowForm::kBf16: return "bf16";
  }
  return "unknown";
}

std::int64_t form_bytes(RowForm form, std::int64_t cols) {
  switch (form) {
    case RowForm::kFloat: return cols * static_cast<std::int64_t>(sizeof(float));
    case RowForm::kInt8: return quant_blocks(cols) * static_cast<std::int64_t>(sizeof(QuantBlock));
    case RowForm::kBf16: return cols * static_cast<std::int64_t>(sizeof(std::uint16_t));
  }
  return 0;
}

std::int64_t row_pitch(RowForm form, std::int64_t cols) {
  if (form == RowForm::kInt8) return quant_blocks(cols);
  const std::int64_t in_line = form == RowForm::kFloat ? 16 : 32;
  return ((cols + in_line - 1) / in_line | 1) * in_line;
}

std::int64_t pitched_bytes(RowForm form, std::int64_t rows, std::int64_t cols) {
  if (form == RowForm::kInt8) return rows * form_bytes(form, cols);
  return rows * form_bytes(form, row_pitch(form, cols));
}

RowPointers pointers(const Run& run, const FormedRows<Operand>& rows) {
  RowPointers made;
  for (const RowForm form : kRowForms) {
    made.in(form) = const_cast<std::byte*>(run.read(rows.in(form)));  // only what lies in scratch is written
  }
  return made;
}

void multiply(const KernelTable& kernels, RowForm form, const LinearArgs& args) {
  switch (form) {
    case RowForm::kFloat: return kernels.linear_f32(args);
    case RowForm::kInt8: return kernels.linear_int8(args);
    case RowForm::kBf16: return kernels.linear_bf16(args);
  }
}

void multiply_to(const KernelTable& kernels, RowForm form, LinearArgs args, float* y, std::int64_t stride) {
  // The kernel counts rows and columns from the first. As a number, since no pointer may point there.
  const std::int64_t before = args.first_row * stride + args.first_tile * kTileRows;
  args.y = reinterpret_cast<float*>(reinterpret_cast<std::uintptr_t>(y) -
                                    static_cast<std::uintptr_t>(before) * sizeof(float));
  args.y_stride = stride;
  multiply(kernels, form, args);
}

}  // namespace galago::cpu
