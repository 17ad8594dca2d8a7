#include "ops/adaptive_avg_pool2d.h"

#include "base/error.h"
#include "base/try.h"
#include "galago/ops.h"
#include "ops/executor.h"

namespace galago::ops {
namespace {

struct Bin {
  std::int64_t begin, end;
};

// Bin `index` of `n_bins` over `size`: floor(index * size / n_bins) to ceil((index + 1) * size / n_bins).
Bin bin(std::int64_t index, std::int64_t n_bins, std::int64_t size) {
  return {index * size / n_bins, ((index + 1) * size + n_bins - 1) / n_bins};
}

double mean(const float* channel, std::int64_t width, const Bin& rows, const Bin& columns) {
  double sum = 0.0;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    for (std::int64_t column = columns.begin; column < columns.end; ++column) sum += channel[row * width + column];
  }
  return sum / static_cast<double>((rows.end - rows.begin) * (columns.end - columns.begin));
}

}  // namespace

void AdaptiveAvgPool2d::fields(FieldVisitor& visit) const {
  visit("height", height);
  visit("width", width);
}

Result<TensorTypes> AdaptiveAvgPool2d::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x"});
  GALAGO_CHECK(in.count(1, 1));
  GALAGO_CHECK(in.is(0, DType::kF32, 3));
  constexpr std::int64_t kMaxSide = std::int64_t{1} << 31;  // times a bin's number: no overflow
  for (int d = 1; d < 3; ++d) {
    const Dim& size = inputs[0].shape.dim(d);
    if (!size.is_constant() || size.bound() < 1 || size.bound() > kMaxSide) {
      return in.mismatch(0, fmt::format("a constant size of 1 to {} in dim {}", kMaxSide, d));
    }
  }
  if (height < 1 || width < 1) {
    return error(ErrorCode::kInvalidArgument, "{}: output of {} x {}; expected at least 1 x 1", kName, height, width);
  }
  return TensorTypes{{DType::kF32, {inputs[0].shape.dim(0), height, width}}};
}

Status AdaptiveAvgPool2d::reference(const ReferenceCall& call) const {
  const TensorView& x = call.inputs[0];
  const std::int64_t x_height = x.sizes[1], x_width = x.sizes[2];
  float* to = call.outputs[0].floats();
  for (std::int64_t channel = 0; channel < x.sizes[0]; ++channel) {
    const float* from = x.floats() + channel * x_height * x_width;
    for (std::int64_t row = 0; row < height; ++row) {
      for (std::int64_t column = 0; column < width; ++column) {
        *to++ = static_cast<float>(mean(from, x_width, bin(row, height, x_height), bin(column, width, x_width)));
      }
    }
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::adaptive_avg_pool2d(const Tensor& x, int height, int width) {
  return ops::apply_one(ops::AdaptiveAvgPool2d{height, width}, {x});
}
