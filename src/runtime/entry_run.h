// Runs of a ProgramSet's entries in memory of their own, one at a time, without ever waiting unless asked to.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/arena.h"
#include "runtime/program_set.h"

namespace galago::runtime {

// What a run of an entry gets. Inputs and the step stay valid until it is over.
struct EntryCall {
  int entry = 0;
  std::span<const std::int64_t> symbols;     // of the entry, in its order
  std::span<const std::byte* const> inputs;  // contiguous
  const ops::StepView* step = nullptr;
  int n_threads = 1;
};

class EntryRun : public graph::Fence::Work {
 public:
  static Result<std::shared_ptr<EntryRun>> create(std::shared_ptr<const ProgramSet> programs);

  // Begins and goes on as far as nothing has to be waited for; poll() goes on from there. False: it is over already.
  // Allocates nothing. Fails while another run is not over.
  Result<bool> begin(const EntryCall& call);
  bool poll() override;
  Status wait() override;

  // Of the last run.
  std::span<const std::byte> output(int index) const;
  std::span<const std::int64_t> symbols() const { return symbols_; }

 private:
  // The memory of a backend.
  struct Device {
    std::shared_ptr<Buffer> arena, transfers;
  };

  explicit EntryRun(std::shared_ptr<const ProgramSet> programs);
  const ProgramSet::Item& item() const { return programs_->items()[static_cast<std::size_t>(entry_)]; }
  graph::Backend& backend(int device) const { return *programs_->backends()[static_cast<std::size_t>(device)]; }
  graph::RunArguments arguments(int part) const;
  BufferView transfer(int device, std::int64_t offset, std::uint64_t bytes) const;
  // Where a value lies before it is moved.
  BufferView source(const graph::ValueSource& from) const;
  void bind_inputs(std::span<const std::byte* const> inputs);
  void bind_parts();
  Result<graph::Fence> start(const EntryAction& action);
  Result<graph::Fence> move(const EntryAction& action);

  std::shared_ptr<const ProgramSet> programs_;
  std::vector<Device> devices_;
  Arena outputs_, staging_;
  // Of the last run. An output may be an input as it is.
  int entry_ = 0;
  const ops::StepView* step_ = nullptr;
  int n_threads_ = 1;
  std::vector<std::int64_t> symbols_;
  std::vector<BufferView> inputs_;
  // Of each part, one after the other's.
  std::vector<std::int64_t> part_symbols_;
  std::vector<BufferView> part_inputs_;
  struct Bound {
    std::size_t first_symbol, n_symbols, first_input, n_inputs;
  };
  std::vector<Bound> bound_;
  std::size_t next_ = 0;  // action
  graph::Fence pending_;
  bool active_ = false;
  Status status_;
};

}  // namespace galago::runtime
