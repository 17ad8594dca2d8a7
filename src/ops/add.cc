#include "ops/add.h"

#include "galago/ops.h"
#include "ops/broadcast.h"
#include "ops/executor.h"

namespace galago::ops {

void Add::fields(FieldVisitor&) const {}

Result<TensorTypes> Add::infer(std::span<const TensorType> inputs) const { return infer_broadcast(kName, inputs); }

Status Add::reference(const ReferenceCall& call) const {
  broadcast(call, [](float a, float b) { return a + b; });
  return {};
}

}  // namespace galago::ops

galago::Tensor galago::add(const Tensor& a, const Tensor& b) { return ops::apply_one(ops::Add{}, {a, b}); }
