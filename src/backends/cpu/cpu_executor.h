// Runs single ops at once through the CPU's kernels: what makes eager execution fast enough to debug a model with.
#pragma once

#include <memory>

#include "backends/cpu/cpu_backend.h"
#include "ops/executor.h"

namespace galago::cpu {

// Every op is compiled and run where it stands, in the exact class and over weights as the file has them: nothing is
// packed, so nothing outlives the call. Paged state has the layout of the CPU's programs, not that of the scalar
// references: a state is used with one executor.
class CpuExecutor : public ops::Executor {
 public:
  // `kernels`: nullptr for choose_kernels().
  static Result<std::unique_ptr<CpuExecutor>> create(int n_threads, const KernelTable* kernels = nullptr);

  std::vector<Tensor> run(const ops::AnyOp& op, std::span<const Tensor> inputs, const ops::StepView* step) override;

 private:
  CpuExecutor(std::unique_ptr<CpuBackend> backend, int n_threads)
      : backend_(std::move(backend)), n_threads_(n_threads) {}
  Result<std::vector<Tensor>> compute(const ops::AnyOp& op, std::span<const Tensor> inputs, const ops::StepView* step);

  std::unique_ptr<CpuBackend> backend_;
  int n_threads_;
};

}  // namespace galago::cpu
