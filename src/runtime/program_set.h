// The programs of a model's entries, each perhaps split over the backends that run it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/model.h"
#include "runtime/entry_plan.h"

namespace galago::runtime {

using Backends = std::vector<std::shared_ptr<graph::Backend>>;

// One of the programs that run one after the other.
struct EntryPart {
  int device = 0;  // the number of its backend
  std::unique_ptr<graph::Program> program;
  std::vector<int> symbols;  // which of the entry's each of the program's is
};

// An input as a run brings it: its bytes follow from the entry's symbols.
struct InputSize {
  std::int64_t constant = 1;
  struct Factor {
    Dim dim;
    int symbol;
  };
  std::vector<Factor> factors;

  std::uint64_t at(std::span<const std::int64_t> symbols) const;
};

// Compiled once and shared by all sessions.
class ProgramSet {
 public:
  struct Item {
    std::string name;
    std::vector<graph::TraceInput> inputs;
    std::vector<graph::SymbolBound> symbols;  // of all inputs
    std::vector<std::string> output_names;
    std::vector<Shape> output_shapes;
    std::vector<EntryPart> parts;
    std::vector<graph::ValueSource> outputs;
    std::vector<InputSize> input_sizes;
    EntryPlan plan;
    // One program that reads inputs and leaves outputs where the host has them: nothing is copied.
    bool in_place = false;
  };

  // Traces every entry, runs the passes, and compiles for `backends`, the preferred first. With `taps`, intermediate
  // stages become outputs.
  static Result<std::shared_ptr<const ProgramSet>> compile(const models::Model& model, const Backends& backends,
                                                           const models::EntryLimits& limits, bool taps);
  // The same of graphs after their passes. Fails where two would keep a layer's state on different backends.
  static Result<std::shared_ptr<const ProgramSet>> compile(std::vector<graph::Graph> graphs, const Backends& backends);
  const std::vector<Item>& items() const { return items_; }
  const Backends& backends() const { return backends_; }
  // The backend that keeps each of the model's states: that of the ops that read and write it.
  Backends state_backends() const;
  // What serves all of them, of each backend: arena and transfer memory.
  std::int64_t arena_bytes(int device) const;
  std::int64_t transfer_bytes(int device) const;
  // Of the host: outputs that are fetched, and what is staged.
  std::int64_t output_bytes() const;
  std::int64_t staging_bytes() const;

 private:
  struct Split;
  Status take_states(const graph::Graph& graph);
  Result<Split> split(graph::Graph graph) const;
  Result<Item> compile_parts(Split split) const;

  Backends backends_;
  std::vector<int> state_devices_;  // -1: of a state that nothing reads
  std::vector<Item> items_;
};

// As the passes ask them.
std::vector<const graph::Backend*> asked(const Backends& backends);

}  // namespace galago::runtime
