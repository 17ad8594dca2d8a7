// The CPU as a backend: compiles graphs to programs of kernel calls over weights packed once.
#pragma once

#include <memory>

#include "backends/cpu/kernel_table.h"
#include "backends/cpu/weight_store.h"
#include "graph/backend.h"

namespace galago::cpu {

struct CpuOptions {
  graph::Precision precision = graph::Precision::kFast;
  const KernelTable* kernels = nullptr;  // nullptr: choose_kernels()
  int n_threads = 1;                     // for packing
  PackProgress progress;
  ReleaseSource release_source;
  std::shared_ptr<PackStorage> storage;  // of packed weights; may be null
};

struct Arithmetic;

class CpuBackend : public graph::Backend {
 public:
  static constexpr std::string_view kName = "cpu";

  // Fails when $GALAGO_ISA names kernels that are not there.
  static Result<std::unique_ptr<CpuBackend>> create(CpuOptions options);

  std::string_view name() const override { return kName; }
  std::optional<std::string> refuses(const graph::Node& node, const graph::Graph& graph) const override;
  std::string layout(const graph::Value& weight) const override;
  std::int64_t scratch_bytes(const graph::Node& node, const graph::Graph& graph) const override;
  Status pack(std::span<const graph::Graph> graphs) override;
  // Programs keep the weights they read; they may outlive the backend. May be called from several threads.
  Result<std::unique_ptr<graph::Program>> compile(graph::Graph graph) override;

  // Of all weights packed so far.
  std::uint64_t packed_bytes() const { return weights_->packed_bytes(); }
  const KernelTable& kernels() const { return *options_.kernels; }
  graph::Precision precision() const { return options_.precision; }

 private:
  explicit CpuBackend(CpuOptions options);
  Arithmetic arithmetic(const graph::Graph& graph) const;
  CpuOptions options_;
  std::shared_ptr<WeightStore> weights_;
};

}  // namespace galago::cpu
