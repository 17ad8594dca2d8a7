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
  std::string device() const override { return options_.kernels->isa; }
  std::uint64_t packed_bytes() const override { return weights_->packed_bytes(); }
  std::optional<std::string> refuses(const graph::Node& node, const graph::Graph& graph) const override;
  std::span<const graph::Pattern* const> patterns() const override;
  std::string layout(const graph::Value& weight) const override;
  std::int64_t scratch_bytes(const graph::Node& node, const graph::Graph& graph) const override;
  Status pack(std::span<const graph::Graph* const> graphs) override;
  // May be called from several threads.
  Result<std::unique_ptr<graph::Program>> compile(graph::Graph graph) override;

  bool shares_host_memory() const override { return true; }
  // Copies are done at once.
  Result<std::shared_ptr<Buffer>> allocate(std::uint64_t bytes, graph::BufferUse use) override;
  Result<graph::Fence> upload(std::span<const std::byte> from, const BufferView& to) override;
  Result<graph::Fence> download(const BufferView& from, std::span<std::byte> to) override;
  Result<graph::Fence> copy(const BufferView& from, const BufferView& to) override;
  Result<graph::Fence> clear(const BufferView& to) override;

 private:
  explicit CpuBackend(CpuOptions options);
  Arithmetic arithmetic(const graph::Graph& graph) const;
  CpuOptions options_;
  std::shared_ptr<WeightStore> weights_;
};

}  // namespace galago::cpu
