#include "ops/conv2d.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/try.h"
#include "galago/ops.h"
#include "ops/executor.h"

namespace galago::ops {
namespace {

// The largest sizes at which no sum of sizes and paddings overflows.
constexpr std::int64_t kMaxSide = std::int64_t{1} << 31;

struct Conv {
  const TensorView& x;
  const TensorView& weight;
  int stride, padding;
};

// One output: the sum over the group's channels and the kernel's window. `kernel`: (channels / groups, kh, kw)
double window_sum(const Conv& conv, const float* kernel, std::int64_t first_channel, std::int64_t row,
                  std::int64_t column) {
  const std::int64_t height = conv.x.sizes[1], width = conv.x.sizes[2];
  const std::int64_t kh = conv.weight.sizes[2], kw = conv.weight.sizes[3];
  double sum = 0.0;
  for (std::int64_t c = 0; c < conv.weight.sizes[1]; ++c) {
    const float* channel = conv.x.floats() + (first_channel + c) * height * width;
    for (std::int64_t i = 0; i < kh; ++i) {
      const std::int64_t y = row * conv.stride + i - conv.padding;
      if (y < 0 || y >= height) continue;
      for (std::int64_t j = 0; j < kw; ++j) {
        const std::int64_t x = column * conv.stride + j - conv.padding;
        if (x >= 0 && x < width) sum += double{channel[y * width + x]} * double{kernel[(c * kh + i) * kw + j]};
      }
    }
  }
  return sum;
}

}  // namespace

void Conv2d::fields(FieldVisitor& visit) const {
  visit("stride", stride);
  visit("padding", padding);
  visit("groups", groups);
}

Result<TensorTypes> Conv2d::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x", "weight", "bias"});
  GALAGO_CHECK(in.count(2, 3));
  GALAGO_CHECK(in.is(0, DType::kF32, 3));
  GALAGO_CHECK(in.rank(1, 4));
  for (std::size_t i = 0; i < 2; ++i) {
    if (!inputs[i].shape.is_constant() || !inputs[i].shape.max_elements()) return in.mismatch(i, "constant sizes");
    for (const Dim& dim : inputs[i].shape.dims()) {
      if (dim.bound() < 1 || dim.bound() > kMaxSide) return in.mismatch(i, fmt::format("sizes of 1 to {}", kMaxSide));
    }
  }
  const std::int64_t channels = inputs[0].shape.dim(0).bound(), out = inputs[1].shape.dim(0).bound();
  if (stride < 1 || padding < 0 || groups < 1 || channels % groups != 0 || out % groups != 0) {
    return error(
        ErrorCode::kInvalidArgument,
        "{}: stride={}, padding={}, groups={}; expected a stride of at least 1, no negative padding, and groups "
        "that divide {} and {} channels",
        kName, stride, padding, groups, channels, out);
  }
  GALAGO_CHECK(in.dim(1, 1, channels / groups));
  if (inputs.size() > 2) {
    GALAGO_CHECK(in.is(2, DType::kF32, 1));
    GALAGO_CHECK(in.dim(2, 0, out));
  }
  Shape y = {out, 0, 0};
  for (int d = 1; d < 3; ++d) {
    const std::int64_t room = inputs[0].shape.dim(d).bound() + 2 * std::int64_t{padding};
    const std::int64_t kernel = inputs[1].shape.dim(d + 1).bound();
    if (kernel > room) return in.mismatch(1, fmt::format("a kernel of at most {} in dim {}", room, d + 1));
    y.dim(d) = (room - kernel) / stride + 1;
  }
  return TensorTypes{{DType::kF32, y}};
}

Status Conv2d::reference(const ReferenceCall& call) const {
  const Conv conv{call.inputs[0], call.inputs[1], stride, padding};
  const TensorView& y = call.outputs[0];
  const std::int64_t kw = conv.weight.columns();
  const std::int64_t kernel_rows = conv.weight.sizes[1] * conv.weight.sizes[2];
  std::vector<float> kernel(static_cast<std::size_t>(kernel_rows * kw));
  float* to = call.outputs[0].floats();
  for (std::int64_t out = 0; out < y.sizes[0]; ++out) {
    for (std::int64_t i = 0; i < kernel_rows; ++i)
      conv.weight.decode_row(out * kernel_rows + i, kernel.data() + i * kw);
    const double bias = call.inputs.size() > 2 ? call.inputs[2].floats()[out] : 0.0f;
    const std::int64_t first_channel = out / (y.sizes[0] / groups) * conv.weight.sizes[1];
    for (std::int64_t row = 0; row < y.sizes[1]; ++row) {
      for (std::int64_t column = 0; column < y.sizes[2]; ++column) {
        *to++ = static_cast<float>(window_sum(conv, kernel.data(), first_channel, row, column) + bias);
      }
    }
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, int stride, int padding,
                              int groups) {
  const ops::Conv2d op{stride, padding, groups};
  return bias.identity() == nullptr ? ops::apply_one(op, {x, weight}) : ops::apply_one(op, {x, weight, bias});
}
