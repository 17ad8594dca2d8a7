#include "ops/reshape.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/error.h"
#include "base/try.h"
#include "galago/ops.h"
#include "ops/executor.h"

namespace galago::ops {
namespace {

using Names = std::vector<std::string>;

void add_names(const Shape& shape, Names* names) {
  for (const Dim& dim : shape.dims()) {
    if (!dim.is_constant() && std::find(names->begin(), names->end(), dim.name()) == names->end()) {
      names->push_back(dim.name());
    }
  }
}

// The number of elements modulo 2^64 where symbol i has the value of probe `probe`.
std::uint64_t elements_at(const Shape& shape, const Names& names, int probe) {
  std::uint64_t product = 1;
  for (const Dim& dim : shape.dims()) {
    const auto symbol = std::find(names.begin(), names.end(), dim.name()) - names.begin();
    product *= static_cast<std::uint64_t>(dim.at(1 + probe * (2 * symbol + 1)));
  }
  return product;
}

// Whether both shapes have the same number of elements whatever the symbols are. The products are polynomials of low
// degree, with divisions: equal at 64 points, on a different line for each symbol, is equal.
bool same_elements(const Shape& a, const Shape& b) {
  if (a.max_elements() != b.max_elements() || !a.max_elements()) return false;
  Names names;
  add_names(a, &names);
  add_names(b, &names);
  constexpr int kProbes = 64;
  for (int probe = 0; probe < (names.empty() ? 1 : kProbes); ++probe) {
    if (elements_at(a, names, probe) != elements_at(b, names, probe)) return false;
  }
  return true;
}

}  // namespace

void Reshape::fields(FieldVisitor& visit) const { visit("shape", shape.to_string()); }

Result<TensorTypes> Reshape::infer(std::span<const TensorType> inputs) const {
  const InputTypes in(kName, inputs, {"x"});
  GALAGO_CHECK(in.count(1, 1));
  if (shape.rank() > kMaxRank) {
    return error(ErrorCode::kInvalidArgument, "{}: shape has {} dims; expected at most {}", kName, shape.rank(),
                 kMaxRank);
  }
  if (!same_elements(inputs[0].shape, shape)) {
    return in.mismatch(0, fmt::format("as many elements as {}", shape.to_string()));
  }
  const DType dtype = inputs[0].dtype;
  if (is_block_format(dtype)) {  // the bytes stay as they are only where both have rows of whole blocks
    const auto row = shape.rank() == 0 ? 1 : shape.dim(-1).bound();
    if (!row_bytes(dtype, static_cast<std::uint64_t>(row))) {
      return in.mismatch(0, fmt::format("blocks that divide the rows of {}", shape.to_string()));
    }
  }
  return TensorTypes{{dtype, shape}};
}

Status Reshape::reference(const ReferenceCall& call) const {
  const TensorView& x = call.inputs[0];
  const std::uint64_t row = row_bytes(x.dtype, static_cast<std::uint64_t>(x.columns())).value_or(0);
  const std::uint64_t bytes = row * static_cast<std::uint64_t>(x.rows());
  if (bytes > 0) std::memcpy(call.outputs[0].data, x.data, bytes);
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::reshape(const Tensor& x, Shape shape) {
  return ops::apply_one(ops::Reshape{std::move(shape)}, {x});
}
