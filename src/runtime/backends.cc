#include "runtime/backends.h"

#include "backends/cpu/cpu_backend.h"
#include "backends/cpu/cpu_executor.h"
#include "base/try.h"
#include "runtime/prefill_chunk.h"

namespace galago::runtime {

Result<ChosenBackends> choose_backends(const BackendOptions& options) {
  cpu::CpuOptions cpu;
  cpu.precision = options.precision;
  cpu.n_threads = options.n_threads;
  cpu.progress = options.progress;
  cpu.release_source = options.release_source;
  GALAGO_TRY(cpu.kernels, cpu::choose_kernels());
  if (options.make_storage) {
    GALAGO_TRY(cpu.storage, options.make_storage(cpu.kernels->isa));
  }
  ChosenBackends chosen;
  chosen.prefill_chunk = choose_prefill_chunk(options.prefill_chunk, *cpu.kernels, options.precision, options.weights);
  GALAGO_TRY(auto backend, cpu::CpuBackend::create(std::move(cpu)));
  chosen.list.push_back(std::move(backend));
  return chosen;
}

Result<std::unique_ptr<ops::Executor>> make_eager_executor(int n_threads) {
  GALAGO_TRY(auto executor, cpu::CpuExecutor::create(n_threads));
  return std::unique_ptr<ops::Executor>(std::move(executor));
}

}  // namespace galago::runtime
