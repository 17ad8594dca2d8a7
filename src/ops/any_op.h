// AnyOp: one of the ops of ops.def, with what all of them can do.
#pragma once

#include <span>
#include <string>
#include <variant>

#include "ops/adaptive_avg_pool2d.h"
#include "ops/add.h"
#include "ops/causal_conv1d.h"
#include "ops/concat.h"
#include "ops/conv2d.h"
#include "ops/dense_attention.h"
#include "ops/embedding.h"
#include "ops/gather_rows.h"
#include "ops/kv_append.h"
#include "ops/l2_normalize.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/matmul.h"
#include "ops/moe.h"
#include "ops/mul.h"
#include "ops/paged_attention.h"
#include "ops/patchify.h"
#include "ops/permute.h"
#include "ops/reshape.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/scale.h"
#include "ops/slice.h"
#include "ops/softmax.h"
#include "ops/splice.h"
#include "ops/unary.h"

namespace galago::ops {

// std::monostate stands for "no op" and never reaches an executor.
using AnyOp = std::variant<std::monostate
#define GALAGO_OP(type) , type
#include "ops/ops.def"
#undef GALAGO_OP
                           >;

std::string_view name(const AnyOp& op);
// The fields as "eps=1e-06, weight_plus_one=false"; empty when there are none.
std::string fields_to_string(const AnyOp& op);
Result<TensorTypes> infer(const AnyOp& op, std::span<const TensorType> inputs);
Status run_reference(const AnyOp& op, const ReferenceCall& call);
// The inputs that the op names as weights; none for most.
std::span<const std::size_t> weight_inputs(const AnyOp& op);
// Whether the op reads or writes state, so that it may be neither removed nor reordered.
bool has_state(const AnyOp& op);
// The number of its state; -1 for ops without.
int state_of(const AnyOp& op);

}  // namespace galago::ops
