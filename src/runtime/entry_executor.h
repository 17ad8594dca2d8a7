// Runs a model's entries, compiled or eagerly, behind one face.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "models/model.h"
#include "runtime/entry_run.h"
#include "runtime/program_set.h"

namespace galago::runtime {

// Outputs stay where the last run of any entry left them.
class EntryExecutor {
 public:
  virtual ~EntryExecutor() = default;
  // The number of an entry, or -1.
  virtual int find(std::string_view entry) const = 0;
  virtual const std::vector<graph::TraceInput>& inputs(int entry) const = 0;
  virtual const std::vector<graph::SymbolBound>& symbols(int entry) const = 0;
  virtual const std::vector<std::string>& output_names(int entry) const = 0;
  // `symbols` and `inputs` in the order of the two above; inputs are contiguous.
  virtual Status run(int entry, std::span<const std::int64_t> symbols, std::span<const std::byte* const> inputs,
                     const ops::StepView* step) = 0;
  virtual std::span<const float> output(int entry, int index) const = 0;
  // The sizes of an output of the last run.
  virtual Result<std::vector<std::int64_t>> output_shape(int entry, int index) const = 0;
};

// Runs a ProgramSet with memory of its own.
class CompiledExecutor : public EntryExecutor {
 public:
  static Result<std::unique_ptr<CompiledExecutor>> create(std::shared_ptr<const ProgramSet> programs, int n_threads);
  int find(std::string_view entry) const override;
  const std::vector<graph::TraceInput>& inputs(int entry) const override { return item(entry).inputs; }
  const std::vector<graph::SymbolBound>& symbols(int entry) const override { return item(entry).symbols; }
  const std::vector<std::string>& output_names(int entry) const override { return item(entry).output_names; }
  Status run(int entry, std::span<const std::int64_t> symbols, std::span<const std::byte* const> inputs,
             const ops::StepView* step) override;
  // The same where nobody may wait: inputs, step and executor are left alone until the fence is done.
  Result<graph::Fence> submit(int entry, std::span<const std::int64_t> symbols,
                              std::span<const std::byte* const> inputs, const ops::StepView* step);
  std::span<const float> output(int entry, int index) const override;
  Result<std::vector<std::int64_t>> output_shape(int entry, int index) const override;

 private:
  CompiledExecutor(std::shared_ptr<const ProgramSet> programs, std::shared_ptr<EntryRun> run, int n_threads)
      : programs_(std::move(programs)), run_(std::move(run)), n_threads_(n_threads) {}
  const ProgramSet::Item& item(int entry) const { return programs_->items()[static_cast<std::size_t>(entry)]; }

  std::shared_ptr<const ProgramSet> programs_;
  std::shared_ptr<EntryRun> run_;
  int n_threads_;
};

// Calls forward() of the entries op by op, for debugging models and to prove that tracing changes nothing.
class EagerExecutor : public EntryExecutor {
 public:
  EagerExecutor(const models::Model& model, const models::EntryLimits& limits, bool taps);
  int find(std::string_view entry) const override;
  const std::vector<graph::TraceInput>& inputs(int entry) const override;
  const std::vector<graph::SymbolBound>& symbols(int entry) const override;
  const std::vector<std::string>& output_names(int entry) const override;
  Status run(int entry, std::span<const std::int64_t> symbols, std::span<const std::byte* const> inputs,
             const ops::StepView* step) override;
  std::span<const float> output(int entry, int index) const override;
  Result<std::vector<std::int64_t>> output_shape(int entry, int index) const override;

 private:
  struct Item {
    models::Entry entry;
    std::vector<graph::SymbolBound> symbols;
    std::vector<std::string> output_names;  // known after the first run
    std::vector<Tensor> outputs;
  };
  bool taps_;
  std::vector<Item> items_;
};

}  // namespace galago::runtime
