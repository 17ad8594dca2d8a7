// How an op runs: at once through the scalar references or a backend's kernels, or recorded by a tracer.
#pragma once

#include <span>
#include <vector>

#include "galago/tensor.h"
#include "ops/any_op.h"
#include "ops/step.h"

namespace galago::ops {

class Executor {
 public:
  virtual ~Executor() = default;
  // The op's outputs. `step` is nullptr unless the op has state. A failure is returned as one failed tensor, by ops
  // without outputs too.
  virtual std::vector<Tensor> run(const AnyOp& op, std::span<const Tensor> inputs, const StepView* step) = 0;
};

// Runs scalar references at once. Traced tensors are refused: their numbers do not exist yet.
Executor& reference_executor();

// The executor of this thread: the reference unless another is installed.
Executor& current_executor();

// Installs an executor on this thread for its lifetime; they nest.
class ExecutorScope {
 public:
  explicit ExecutorScope(Executor& executor);
  ~ExecutorScope();
  ExecutorScope(const ExecutorScope&) = delete;
  ExecutorScope& operator=(const ExecutorScope&) = delete;

 private:
  Executor* previous_;
};

// Runs `op` through the current executor. When an input has failed, the only output is a tensor failed with its error.
std::vector<Tensor> apply(const AnyOp& op, std::span<const Tensor> inputs, const StepView* step = nullptr);
// The same for ops with one output.
Tensor apply_one(const AnyOp& op, std::initializer_list<Tensor> inputs, const StepView* step = nullptr);
Tensor apply_one(const AnyOp& op, std::span<const Tensor> inputs, const StepView* step = nullptr);

// The inputs of a call as views; views of a Tensor live as long as it does.
TensorView view_of(const Tensor& tensor);

// The tensor with its rows in order and its data aligned: itself, or a copy of what a mapped file holds otherwise.
Tensor as_array(const Tensor& tensor);

}  // namespace galago::ops
