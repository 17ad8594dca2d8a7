// What a backend offers: which nodes it runs and which of them as one, how it stores weights, memory of its device, and
// programs compiled from graphs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "galago/precision.h"
#include "graph/fence.h"
#include "graph/graph.h"
#include "graph/memory_plan.h"
#include "graph/patterns.h"

namespace galago::graph {

using galago::Precision;

// One run of a program. Everything is the caller's and stays valid until the run's fence is done.
struct RunArguments {
  std::span<const std::int64_t> symbols;  // the value of each of Program::symbols()
  std::span<const BufferView> inputs;     // one for each input of the graph, contiguous, where the backend can read it
  const ops::StepView* step = nullptr;    // for programs with state; its arrays lie in the host's memory
  BufferView arena;                       // of the backend: at least plan().peak_bytes, aligned as it asks
  int n_threads = 1;                      // of the host, where the backend uses them
};

// A flat list of kernel calls over one arena. Immutable: any number of threads may run it, each with its own arena.
class Program {
 public:
  virtual ~Program() = default;
  virtual const std::vector<SymbolBound>& symbols() const = 0;
  virtual const MemoryPlan& plan() const = 0;
  virtual std::size_t n_outputs() const = 0;
  // Checks the arguments and begins a run, which the fence tells the end of. Where the device is the host, the run is
  // done on return, and nothing was allocated.
  virtual Result<Fence> submit(const RunArguments& arguments) const = 0;
  // Where a run of these arguments leaves an output.
  virtual BufferView output(std::size_t index, const RunArguments& arguments) const = 0;
  // The kernel calls, one a line.
  virtual std::string to_string() const = 0;
};

// What a buffer is for: a backend may choose its pages, or its kind of memory, by it.
enum class BufferUse : std::uint8_t {
  kArena,     // of programs
  kState,     // of layers: may be far larger than what is ever written, and gets memory as it is written
  kTransfer,  // values on their way between backends
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  // What programs run on, for people: the instruction set, or the device.
  virtual std::string device() const = 0;
  // Of all weights packed so far.
  virtual std::uint64_t packed_bytes() const = 0;

  // Nothing when the backend can run the node; otherwise the reason why not. Asked about each node of a trace, and
  // about each fused one before it comes to be.
  virtual std::optional<std::string> refuses(const Node& node, const Graph& graph) const = 0;
  // Which nodes it may run as one, in the order in which they are tried.
  virtual std::span<const Pattern* const> patterns() const = 0;
  // How the backend stores a weight that an op multiplies by ("q4_1 tile16"); empty: as it is.
  virtual std::string layout(const Value& weight) const = 0;
  // Bytes of scratch that a node needs while it runs.
  virtual std::int64_t scratch_bytes(const Node& node, const Graph& graph) const = 0;
  // Packs at once what the graphs that will be compiled ask for, so that a cache sees all of it together.
  virtual Status pack(std::span<const Graph* const> graphs) = 0;
  // Packs what the graph's `layout`s ask for (once per weight and backend) and compiles. Programs keep what they read;
  // they may outlive the backend.
  virtual Result<std::unique_ptr<Program>> compile(Graph graph) = 0;

  // Whether its buffers have host(), and its programs take inputs wherever the host has them.
  virtual bool shares_host_memory() const = 0;
  // What the offsets of values in its buffers are multiples of.
  virtual std::int64_t alignment() const { return kArenaAlignment; }
  // Memory of the device, zero until it is written, aligned to that.
  virtual Result<std::shared_ptr<Buffer>> allocate(std::uint64_t bytes, BufferUse use) = 0;
  // Copies of equally many bytes: from the host, to the host, and within the device. What the host gives or takes stays
  // valid until the fence is done. A copy runs after all that was submitted before it.
  virtual Result<Fence> upload(std::span<const std::byte> from, const BufferView& to) = 0;
  virtual Result<Fence> download(const BufferView& from, std::span<std::byte> to) = 0;
  virtual Result<Fence> copy(const BufferView& from, const BufferView& to) = 0;
  virtual Result<Fence> clear(const BufferView& to) = 0;  // to zero
};

// The backend that a node was given to; nullptr when it is none of these.
const Backend* backend_of(const Node& node, std::span<const Backend* const> backends);

}  // namespace galago::graph
