// Ops on pictures (channels, height, width).
#include <fmt/format.h>

#include <algorithm>

#include "backends/cpu/lower_ops.h"
#include "base/error.h"
#include "base/try.h"
#include "ops/executor.h"

namespace galago::cpu {
namespace {

struct Picture {
  std::int64_t channels = 0, height = 0, width = 0;
  std::int64_t pixels() const { return height * width; }
};

// One output channel after the other; each adds its taps in order, a row of pixels at a time.
class Conv2dInstruction : public Instruction {
 public:
  Picture in, out;
  std::int64_t kernel_channels = 0, kernel_height = 0, kernel_width = 0;
  std::int64_t stride = 1, padding = 0, groups = 1;
  Operand x, weight, bias, y;

  Status run(const Run& run) const override {
    const std::int64_t taps = kernel_channels * kernel_height * kernel_width;
    run.parallel(out.channels, row_grain(out.pixels() * taps / 4), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t channel = first; channel < last; ++channel) {
        convolve(run.floats(x), run.floats(weight) + channel * taps, channel, run.out(y) + channel * out.pixels(),
                 bias ? run.floats(bias)[channel] : 0.0f);
      }
    });
    return {};
  }

  std::string to_string() const override {
    return fmt::format("conv2d {} x {}  stride {}  padding {}  groups {}  ({}, {}, {}) -> ({}, {}, {})", kernel_height,
                       kernel_width, stride, padding, groups, in.channels, in.height, in.width, out.channels,
                       out.height, out.width);
  }

 private:
  void convolve(const float* picture, const float* taps, std::int64_t channel, float* to, float start) const {
    std::fill_n(to, out.pixels(), start);
    const std::int64_t first_channel = channel / (out.channels / groups) * kernel_channels;
    for (std::int64_t c = 0; c < kernel_channels; ++c) {
      const float* plane = picture + (first_channel + c) * in.pixels();
      for (std::int64_t i = 0; i < kernel_height; ++i) {
        for (std::int64_t j = 0; j < kernel_width; ++j) {
          add_tap(plane, *taps++, i - padding, j - padding, to);
        }
      }
    }
  }

  // to[row, column] += tap * plane[row * stride + down, column * stride + right], where that is inside.
  void add_tap(const float* plane, float tap, std::int64_t down, std::int64_t right, float* to) const {
    const std::int64_t first = right >= 0 ? 0 : (-right + stride - 1) / stride;
    const std::int64_t room = in.width - 1 - right;  // the largest column * stride
    const std::int64_t last = room < 0 ? 0 : std::min(out.width, room / stride + 1);
    for (std::int64_t row = 0; row < out.height; ++row) {
      const std::int64_t from_row = row * stride + down;
      if (from_row < 0 || from_row >= in.height) continue;
      const float* from = plane + from_row * in.width + right;
      float* sums = to + row * out.width;
      if (stride == 1) {
        for (std::int64_t column = first; column < last; ++column) sums[column] += tap * from[column];
      } else {
        for (std::int64_t column = first; column < last; ++column) sums[column] += tap * from[column * stride];
      }
    }
  }
};

class PoolInstruction : public Instruction {
 public:
  Size channels;
  Picture in, out;
  Operand x, y;

  Status run(const Run& run) const override {
    run.parallel(run.at(channels), row_grain(in.pixels()), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t channel = first; channel < last; ++channel) {
        pool(run.floats(x) + channel * in.pixels(), run.out(y) + channel * out.pixels());
      }
    });
    return {};
  }

  std::string to_string() const override {
    return fmt::format("adaptive_avg_pool2d  channels {}  {} x {} -> {} x {}", channels.to_string(), in.height,
                       in.width, out.height, out.width);
  }

 private:
  struct Bin {
    std::int64_t begin, end;
  };
  static Bin bin(std::int64_t index, std::int64_t bins, std::int64_t size) {
    return {index * size / bins, ((index + 1) * size + bins - 1) / bins};
  }

  void pool(const float* plane, float* to) const {
    for (std::int64_t row = 0; row < out.height; ++row) {
      const Bin rows = bin(row, out.height, in.height);
      for (std::int64_t column = 0; column < out.width; ++column) {
        const Bin columns = bin(column, out.width, in.width);
        double sum = 0.0;
        for (std::int64_t i = rows.begin; i < rows.end; ++i) {
          for (std::int64_t j = columns.begin; j < columns.end; ++j) sum += plane[i * in.width + j];
        }
        const auto n = static_cast<double>((rows.end - rows.begin) * (columns.end - columns.begin));
        *to++ = static_cast<float>(sum / n);
      }
    }
  }
};

Picture picture_of(const Shape& shape) { return {shape.dim(0).bound(), shape.dim(1).bound(), shape.dim(2).bound()}; }

// A constant of any element type as f32, in order.
Tensor as_floats(const Tensor& tensor) {
  Tensor out = Tensor::zeros(tensor.shape());
  const std::int64_t cols = tensor.size(-1), rows = tensor.shape().max_rows().value_or(0);
  auto* to = reinterpret_cast<float*>(out.mutable_bytes().data());
  const ops::TensorView view = ops::view_of(tensor);
  for (std::int64_t row = 0; out.ok() && row < rows; ++row) view.decode_row(row, to + row * cols);
  return out;
}

}  // namespace

Status lower(Lowering& to, const Node& node, const ops::Conv2d& op) {
  const graph::Value& weight = to.graph().value(node.inputs[1]);
  // A kernel that only a run brings is rare; the reference decodes it.
  if (!weight.is_constant() && weight.type.dtype != DType::kF32) return lower_reference(to, node);
  auto instruction = std::make_unique<Conv2dInstruction>();
  instruction->in = picture_of(to.shape(node.inputs[0]));
  instruction->out = picture_of(to.shape(node.outputs[0]));
  instruction->kernel_channels = weight.type.shape.dim(1).bound();
  instruction->kernel_height = weight.type.shape.dim(2).bound();
  instruction->kernel_width = weight.type.shape.dim(3).bound();
  instruction->stride = op.stride;
  instruction->padding = op.padding;
  instruction->groups = op.groups;
  instruction->x = to.operand(node.inputs[0]);
  instruction->y = to.operand(node.outputs[0]);
  instruction->weight = weight.is_constant() && weight.type.dtype != DType::kF32
                            ? to.constant(as_floats(weight.constant))
                            : to.operand(node.inputs[1]);
  instruction->bias = node.inputs.size() > 2 ? to.operand(node.inputs[2]) : Operand{};
  to.emit(std::move(instruction));
  return {};
}

Status lower(Lowering& to, const Node& node, const ops::AdaptiveAvgPool2d&) {
  auto instruction = std::make_unique<PoolInstruction>();
  const Shape& x = to.shape(node.inputs[0]);
  const Shape& y = to.shape(node.outputs[0]);
  instruction->channels = to.size(x, 0, 1);
  instruction->in = {0, x.dim(1).bound(), x.dim(2).bound()};
  instruction->out = {0, y.dim(1).bound(), y.dim(2).bound()};
  instruction->x = to.operand(node.inputs[0]);
  instruction->y = to.operand(node.outputs[0]);
  to.emit(std::move(instruction));
  return {};
}

}  // namespace galago::cpu
