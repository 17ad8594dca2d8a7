// The one place that knows which backends there are: everything else asks graph::Backend.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "backends/cpu/pack_storage.h"
#include "formats/stored_tensor.h"
#include "galago/precision.h"
#include "ops/executor.h"
#include "runtime/program_set.h"

namespace galago::runtime {

struct BackendOptions {
  Precision precision = Precision::kFast;
  int n_threads = 1;  // for packing
  // Bytes packed so far and in all.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
  // Told which source bytes are packed and will not be read again soon.
  std::function<void(std::span<const std::byte>)> release_source;
  // Where packed weights are kept, for the instruction set that was chosen; null: in memory.
  std::function<Result<std::shared_ptr<cpu::PackStorage>>(const std::string& isa)> make_storage;
  int prefill_chunk = 0;                           // as asked for; 0: what suits the machine
  std::span<const formats::StoredTensor> weights;  // of the model, which that depends on
};

struct ChosenBackends {
  Backends list;          // the preferred first
  int prefill_chunk = 0;  // tokens of a prompt to read at once
};

// Fails when $GALAGO_ISA names kernels that are not there.
Result<ChosenBackends> choose_backends(const BackendOptions& options);

// Runs single ops at once through the host's kernels.
Result<std::unique_ptr<ops::Executor>> make_eager_executor(int n_threads);

}  // namespace galago::runtime
