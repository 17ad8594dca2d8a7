#include "ops/rope.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/try.h"
#include "ops/executor.h"

namespace galago::ops {
namespace {

// The axis of the positions that each pair takes.
std::vector<std::int64_t> axes_of_pairs(const std::vector<std::int64_t>& sections, std::int64_t n_pairs) {
  if (sections.empty()) return std::vector<std::int64_t>(static_cast<std::size_t>(n_pairs), 0);
  std::vector<std::int64_t> axes;
  for (std::size_t axis = 0; axis < sections.size(); ++axis) {
    axes.insert(axes.end(), static_cast<std::size_t>(sections[axis]), static_cast<std::int64_t>(axis));
  }
  return axes;
}

struct Rotation {
  float cos, sin;
};

// transformers rounds the angle to float32 before it takes cos and sin, so a pair's angle has an error that grows with
// the position; a model was trained with it.
Rotation rotation(std::int32_t position, float inv_freq, float attention_factor) {
  const float angle = static_cast<float>(position) * inv_freq;
  return {static_cast<float>(std::cos(double{angle})) * attention_factor,
          static_cast<float>(std::sin(double{angle})) * attention_factor};
}

}  // namespace

void Rope::fields(FieldVisitor& visit) const {
  visit("interleaved", interleaved);
  visit("attention_factor", attention_factor);
  visit("sections", sections);
}

Result<TensorTypes> Rope::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x", "positions", "inv_freq"});
  GALAGO_CHECK(in.count(3, 3));
  GALAGO_CHECK(in.is(0, DType::kF32, 3));
  GALAGO_CHECK(in.is(1, DType::kI32, 2));
  GALAGO_CHECK(in.dim(1, 0, sections.empty() ? 1 : static_cast<std::int64_t>(sections.size())));
  GALAGO_CHECK(in.dim(1, 1, inputs[0].shape.dim(0)));
  GALAGO_CHECK(in.is(2, DType::kF32, 1));
  const Dim& head_dim = inputs[0].shape.dim(2);
  const Dim& n_pairs = inputs[2].shape.dim(0);
  if (!head_dim.is_constant()) return in.mismatch(0, "a constant size in dim 2");
  if (!n_pairs.is_constant() || n_pairs.bound() > head_dim.bound() / 2) {
    return in.mismatch(2, fmt::format("at most {} pairs for heads of {}", head_dim.bound() / 2, head_dim.bound()));
  }
  std::int64_t pairs = 0;
  for (const std::int64_t section : sections) {
    if (section < 0 || section > n_pairs.bound() - pairs) {
      pairs = -1;
      break;
    }
    pairs += section;
  }
  if (!sections.empty() && pairs != n_pairs.bound()) {
    return error(ErrorCode::kInvalidArgument, "{}: sections [{}]; expected a sum of {}, the pairs of inv_freq", kName,
                 fmt::join(sections, ", "), n_pairs.bound());
  }
  return TensorTypes{inputs[0]};
}

Status Rope::reference(const ReferenceCall& call) const {
  const TensorView& x = call.inputs[0];
  const std::int64_t tokens = x.sizes[0], heads = x.sizes[1], dim = x.sizes[2];
  const std::int64_t n_pairs = call.inputs[2].elements();
  const std::vector<std::int64_t> axes = axes_of_pairs(sections, n_pairs);
  float* y = call.outputs[0].floats();
  std::copy_n(x.floats(), x.elements(), y);
  for (std::int64_t t = 0; t < tokens; ++t) {
    for (std::int64_t pair = 0; pair < n_pairs; ++pair) {
      const std::int64_t axis = axes[static_cast<std::size_t>(pair)];
      const Rotation turn =
          rotation(call.inputs[1].ints()[axis * tokens + t], call.inputs[2].floats()[pair], attention_factor);
      const std::int64_t first = interleaved ? 2 * pair : pair;
      const std::int64_t second = interleaved ? 2 * pair + 1 : pair + n_pairs;
      for (std::int64_t head = 0; head < heads; ++head) {
        const float* from = x.floats() + (t * heads + head) * dim;
        float* to = y + (t * heads + head) * dim;
        to[first] = from[first] * turn.cos - from[second] * turn.sin;
        to[second] = from[second] * turn.cos + from[first] * turn.sin;
      }
    }
  }
  return {};
}

Tensor rope(const Tensor& x, const Tensor& positions, const Tensor& inv_freq, const Rope& op) {
  return apply_one(op, {x, positions, inv_freq});
}

}  // namespace galago::ops
