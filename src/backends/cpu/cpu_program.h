// A compiled graph on the CPU: a flat list of instructions over one arena.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/cpu/instruction.h"
#include "backends/cpu/weight_store.h"
#include "graph/backend.h"

namespace galago::cpu {

class CpuProgram : public graph::Program {
 public:
  // What compile() puts together.
  struct Parts {
    graph::Graph graph;  // keeps the constants alive
    graph::MemoryPlan plan;
    std::vector<graph::SymbolBound> symbols;
    std::vector<InstructionPtr> instructions;
    std::vector<Tensor> constants;
    std::vector<Size> input_elements;
    std::vector<Operand> outputs;
    std::vector<Size> output_bytes;
    std::vector<Size> sizes;  // each symbolic dim once: none may leave its bounds
    bool has_state = false;
    const KernelTable* kernels = nullptr;
    std::shared_ptr<const WeightStore> weights;
  };
  explicit CpuProgram(Parts parts) : parts_(std::move(parts)) {}
  ~CpuProgram() override;

  const std::vector<graph::SymbolBound>& symbols() const override { return parts_.symbols; }
  const graph::MemoryPlan& plan() const override { return parts_.plan; }
  std::size_t n_outputs() const override { return parts_.outputs.size(); }
  Result<graph::Fence> submit(const graph::RunArguments& arguments) const override;
  BufferView output(std::size_t index, const graph::RunArguments& arguments) const override;
  std::string to_string() const override;

 private:
  Status check(const graph::RunArguments& arguments) const;
  Run make_run(const graph::RunArguments& arguments) const;
  void run_in_team(const Run& run, TeamMember& member, RunFailure& failure) const;

  Parts parts_;
};

}  // namespace galago::cpu
