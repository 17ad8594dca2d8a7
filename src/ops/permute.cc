#include "ops/permute.h"

#include <fmt/ranges.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "base/try.h"
#include "galago/ops.h"
#include "ops/executor.h"
#include "ops/moved_elements.h"

namespace galago::ops {
namespace {

bool is_permutation_of_dims(const std::vector<std::int64_t>& axes, int rank) {
  if (axes.size() != static_cast<std::size_t>(rank)) return false;
  std::array<bool, kMaxRank> seen = {};
  for (const std::int64_t axis : axes) {
    if (axis < 0 || axis >= rank || seen[static_cast<std::size_t>(axis)]) return false;
    seen[static_cast<std::size_t>(axis)] = true;
  }
  return true;
}

}  // namespace

void Permute::fields(FieldVisitor& visit) const { visit("axes", axes); }

Result<TensorTypes> Permute::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x"});
  GALAGO_CHECK(in.count(1, 1));
  GALAGO_CHECK(expect_plain(in, inputs, 0));
  const Shape& x = inputs[0].shape;
  if (!is_permutation_of_dims(axes, x.rank())) {
    return error(ErrorCode::kInvalidArgument, "{}: axes [{}] for input 0 (x) {}; expected each of its {} dims once",
                 kName, fmt::join(axes, ", "), inputs[0].to_string(), x.rank());
  }
  std::vector<Dim> dims;
  for (const std::int64_t axis : axes) dims.push_back(x.dim(static_cast<int>(axis)));
  return TensorTypes{{inputs[0].dtype, Shape(std::move(dims))}};
}

Status Permute::reference(const ReferenceCall& call) const {
  const TensorView& x = call.inputs[0];
  const TensorView& y = call.outputs[0];
  const auto bytes = static_cast<std::size_t>(element_bytes(x.dtype));
  const std::size_t rank = axes.size();
  std::vector<std::int64_t> strides(rank);  // in x, of each dim of y
  for (std::size_t i = 0; i < rank; ++i) {
    strides[i] = elements_between(x, static_cast<std::size_t>(axes[i]) + 1, rank);
  }
  std::vector<std::int64_t> index(rank, 0);
  const std::int64_t n = y.elements();
  for (std::int64_t i = 0, from = 0; i < n; ++i) {
    std::memcpy(y.data + static_cast<std::size_t>(i) * bytes, x.data + static_cast<std::size_t>(from) * bytes, bytes);
    for (std::size_t d = rank; d-- > 0;) {
      from += strides[d];
      if (++index[d] < y.sizes[d]) break;
      from -= index[d] * strides[d];
      index[d] = 0;
    }
  }
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::permute(const Tensor& x, std::vector<std::int64_t> axes) {
  for (std::int64_t& axis : axes) axis += axis < 0 ? x.shape().rank() : 0;
  return ops::apply_one(ops::Permute{std::move(axes)}, {x});
}
