// Measures a mixture of experts with its rows grouped by expert against the same rows one by one, in one process and in
// turn; and prints what the weights that a row reads give in GB/s.
//
//   moe_bench [rows [threads [isa]]]    OLMoE's sizes: 8 of 64 experts, 2048 -> 1024 -> 2048, Q4_0
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "backends/cpu/cpu_backend.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/median.h"
#include "graph/pipeline.h"
#include "graph/trace.h"
#include "ops/conformance_cases.h"
#include "ops/moe.h"

namespace galago::cpu {
namespace {

constexpr std::int64_t kExperts = 64, kPerToken = 8, kHidden = 2048, kIntermediate = 1024;
constexpr int kRounds = 9;

// A stack of experts that are all alike; their contents do not matter to speed.
Tensor stack_of_experts(std::int64_t out, std::int64_t in, std::uint64_t seed) {
  const Tensor one = ops::random_weight(DType::kQ4_0, {out, in}, seed);
  Tensor stack = Tensor::zeros({kExperts, out, in}, DType::kQ4_0);
  std::span<std::byte> to = stack.mutable_bytes();
  for (; !to.empty(); to = to.subspan(one.bytes().size())) {
    std::memcpy(to.data(), one.bytes().data(), one.bytes().size());
  }
  return stack;
}

struct Mixture {
  std::unique_ptr<CpuBackend> backend;
  std::unique_ptr<graph::Program> program;
  Arena arena;

  Mixture(const KernelTable* kernels, std::int64_t bound) {
    backend = CpuBackend::create({.kernels = kernels}).value();
    const Tensor gate = stack_of_experts(kIntermediate, kHidden, 1), up = stack_of_experts(kIntermediate, kHidden, 2);
    const Tensor down = stack_of_experts(kHidden, kIntermediate, 3);
    const Dim n = Dim::symbol("tokens", bound);
    const std::vector<graph::TraceInput> inputs = {{"x", {DType::kF32, {n, kHidden}}},
                                                   {"logits", {DType::kF32, {n, kExperts}}}};
    auto traced = graph::trace("moe", inputs, {}, [&](const graph::TracedInputs& in) {
      const ops::Moe op{.routing = {.experts_per_token = kPerToken}};
      return std::vector<graph::NamedTensor>{{"y", ops::moe(in["x"], in["logits"], gate, up, down, op)}};
    });
    const std::array<const graph::Backend*, 1> backends = {backend.get()};
    program = backend->compile(graph::run_passes(std::move(traced).value(), backends).value()).value();
    arena = Arena::create(static_cast<std::uint64_t>(program->plan().peak_bytes)).value();
  }

  void run(const Tensor& x, const Tensor& logits, std::int64_t first, std::int64_t count, int n_threads) {
    const std::vector<BufferView> inputs = {BufferView({x.row(first), x.bytes().size()}),
                                            BufferView({logits.row(first), logits.bytes().size()})};
    const std::vector<std::int64_t> symbols = {count};
    if (!program->submit({symbols, inputs, nullptr, BufferView(arena.bytes()), n_threads}).ok()) std::abort();
  }
};

template <class Work>
double seconds(const Work& work) {
  const auto begin = Clock::now();
  work();
  return seconds_since(begin);
}

int bench(std::int64_t n_rows, int n_threads, const std::string& isa) {
  const auto tables = available_kernels();
  const KernelTable* kernels = tables.back();
  for (const KernelTable* table : tables) kernels = isa == table->isa ? table : kernels;
  Mixture mixture(kernels, n_rows);
  const Tensor x = Tensor::random({n_rows, kHidden}, 4), logits = Tensor::random({n_rows, kExperts}, 5);
  std::vector<double> grouped, single, ratio;
  for (int round = -1; round < kRounds; ++round) {
    const double together = seconds([&] { mixture.run(x, logits, 0, n_rows, n_threads); });
    const double apart = seconds([&] {
      for (std::int64_t row = 0; row < n_rows; ++row) mixture.run(x, logits, row, 1, n_threads);
    });
    if (round < 0) continue;
    grouped.push_back(together * 1e3);
    single.push_back(apart * 1e3);
    ratio.push_back(apart / together);
  }
  const auto rows = static_cast<double>(n_rows);
  const double products = rows * kPerToken * 3 * kHidden * kIntermediate, row_bytes = products / rows * 18 / 32;
  std::printf(
      "%s, %d threads, %d rows: grouped %.2f ms (%.1f G multiply-adds/s), row by row %.2f ms (%.2f GB/s); %.2fx\n",
      kernels->isa, n_threads, static_cast<int>(n_rows), median(grouped), products / median(grouped) * 1e-6,
      median(single), row_bytes * rows / median(single) * 1e-6, median(ratio));
  return 0;
}

}  // namespace
}  // namespace galago::cpu

int main(int argc, char** argv) {
  const std::int64_t rows = argc > 1 ? std::max(1L, std::atol(argv[1])) : 64;
  return galago::cpu::bench(rows, argc > 2 ? std::max(1, std::atoi(argv[2])) : 2, argc > 3 ? argv[3] : "");
}
