#include "ops/mul.h"

#include "galago/ops.h"
#include "ops/broadcast.h"
#include "ops/executor.h"

namespace galago::ops {

void Mul::fields(FieldVisitor&) const {}

Result<TensorTypes> Mul::infer(std::span<const TensorType> inputs) const { return infer_broadcast(kName, inputs); }

Status Mul::reference(const ReferenceCall& call) const {
  broadcast(call, [](float a, float b) { return a * b; });
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::mul(const Tensor& a, const Tensor& b) { return ops::apply_one(ops::Mul{}, {a, b}); }
