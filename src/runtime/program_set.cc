#include "runtime/program_set.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "graph/pipeline.h"

namespace galago::runtime {
namespace {

int device_of(const Backends& backends, std::string_view name) {
  const auto found = std::ranges::find_if(backends, [name](const auto& backend) { return backend->name() == name; });
  return static_cast<int>(found - backends.begin());
}

int number_of(const std::vector<graph::SymbolBound>& symbols, const std::string& name) {
  const auto found = std::ranges::find(symbols, name, &graph::SymbolBound::name);
  return found == symbols.end() ? -1 : static_cast<int>(found - symbols.begin());
}

InputSize size_of(const TensorType& type, const std::vector<graph::SymbolBound>& symbols) {
  InputSize size{.constant = info(type.dtype).block_bytes};
  for (const Dim& dim : type.shape.dims()) {
    if (dim.is_constant()) {
      size.constant *= dim.bound();
    } else {
      size.factors.push_back({dim, number_of(symbols, dim.name())});
    }
  }
  return size;
}

template <class Bytes>
std::int64_t most(const std::vector<ProgramSet::Item>& items, Bytes bytes) {
  std::int64_t found = 0;
  for (const ProgramSet::Item& item : items) found = std::max(found, bytes(item));
  return found;
}

}  // namespace

std::uint64_t InputSize::at(std::span<const std::int64_t> symbols) const {
  auto size = static_cast<std::uint64_t>(constant);
  for (const Factor& factor : factors) {
    size *= static_cast<std::uint64_t>(factor.dim.at(symbols[static_cast<std::size_t>(factor.symbol)]));
  }
  return size;
}

// An entry before its parts are compiled.
struct ProgramSet::Split {
  Item item;
  graph::Partition partition;
};

std::vector<const graph::Backend*> asked(const Backends& backends) {
  std::vector<const graph::Backend*> list;
  for (const auto& backend : backends) list.push_back(backend.get());
  return list;
}

Result<std::shared_ptr<const ProgramSet>> ProgramSet::compile(const models::Model& model, const Backends& backends,
                                                              const models::EntryLimits& limits, bool taps) {
  std::vector<graph::Graph> graphs;
  for (const models::Entry& entry : model.entries(limits)) {
    GALAGO_TRY(graph::Graph graph, models::trace_entry(model, entry, taps));
    GALAGO_TRY(graph, graph::run_passes(std::move(graph), asked(backends)));
    graphs.push_back(std::move(graph));
  }
  return compile(std::move(graphs), backends);
}

Result<std::shared_ptr<const ProgramSet>> ProgramSet::compile(std::vector<graph::Graph> graphs,
                                                              const Backends& backends) {
  auto set = std::make_shared<ProgramSet>();
  set->backends_ = backends;
  std::vector<Split> splits;
  for (graph::Graph& graph : graphs) {
    GALAGO_CHECK(set->take_states(graph));
    GALAGO_TRY(Split split, set->split(std::move(graph)));
    splits.push_back(std::move(split));
  }
  // All entries' weights together: a cache keeps them in one file.
  for (const auto& backend : backends) {
    std::vector<const graph::Graph*> own;
    for (const Split& split : splits) {
      for (const graph::Part& part : split.partition.parts) {
        if (part.backend == backend->name()) own.push_back(&part.graph);
      }
    }
    GALAGO_CHECK(backend->pack(own));
  }
  for (Split& split : splits) {
    GALAGO_TRY(Item item, set->compile_parts(std::move(split)));
    set->items_.push_back(std::move(item));
  }
  return std::shared_ptr<const ProgramSet>(std::move(set));
}

// A layer's state stays where it is, whichever entry runs.
Status ProgramSet::take_states(const graph::Graph& graph) {
  Status status;
  state_devices_.resize(std::max(state_devices_.size(), graph.states.size()), -1);
  for (const graph::Node& node : graph.nodes) {
    graph::for_each_state(node, [&](int state) {
      int& device = state_devices_[static_cast<std::size_t>(state)];
      const int wanted = device_of(backends_, node.backend);
      if (device < 0) device = wanted;
      if (device == wanted || !status.ok()) return;
      status = error(ErrorCode::kUnsupported, "{}: {} of state {} runs on {}; another entry keeps the state on {}",
                     graph.name, name(node), state, node.backend, backends_[static_cast<std::size_t>(device)]->name());
    });
  }
  return status;
}

Result<ProgramSet::Split> ProgramSet::split(graph::Graph graph) const {
  Split split;
  Item& item = split.item;
  item.name = graph.name;
  item.output_names = graph.output_names;
  item.symbols = graph::symbols(graph);
  for (const graph::ValueId id : graph.outputs) item.output_shapes.push_back(graph.value(id).type.shape);
  std::vector<TensorType> types;
  for (const graph::ValueId id : graph.inputs) {
    types.push_back(graph.value(id).type);
    item.inputs.push_back({graph.value(id).name, types.back()});
    item.input_sizes.push_back(size_of(types.back(), item.symbols));
  }
  split.partition = graph::partition(std::move(graph), backends_.front()->name());
  item.outputs = split.partition.outputs;
  std::vector<int> devices;
  for (const graph::Part& part : split.partition.parts) devices.push_back(device_of(backends_, part.backend));
  for (const int device : devices) item.parts.push_back({.device = device, .program = nullptr, .symbols = {}});
  item.in_place = devices.size() == 1 && backends_[static_cast<std::size_t>(devices[0])]->shares_host_memory();
  GALAGO_TRY(item.plan, plan_entry(split.partition, devices, backends_, types));
  return split;
}

Result<ProgramSet::Item> ProgramSet::compile_parts(Split split) const {
  for (std::size_t p = 0; p < split.item.parts.size(); ++p) {
    EntryPart& part = split.item.parts[p];
    graph::Backend& backend = *backends_[static_cast<std::size_t>(part.device)];
    GALAGO_TRY(part.program, backend.compile(std::move(split.partition.parts[p].graph)));
    for (const graph::SymbolBound& symbol : part.program->symbols()) {
      part.symbols.push_back(number_of(split.item.symbols, symbol.name));
    }
  }
  return std::move(split.item);
}

Backends ProgramSet::state_backends() const {
  Backends found;
  for (const int device : state_devices_) found.push_back(backends_[static_cast<std::size_t>(std::max(0, device))]);
  return found;
}

std::int64_t ProgramSet::arena_bytes(int device) const {
  return most(items_, [device](const Item& item) {
    std::int64_t bytes = 0;
    for (const EntryPart& part : item.parts) {
      if (part.device == device) bytes = std::max(bytes, part.program->plan().peak_bytes);
    }
    return bytes;
  });
}

// Entries in place are run without their plan.
std::int64_t ProgramSet::transfer_bytes(int device) const {
  return most(items_, [device](const Item& item) {
    return item.in_place ? 0 : item.plan.transfer_bytes[static_cast<std::size_t>(device)];
  });
}

std::int64_t ProgramSet::output_bytes() const {
  return most(items_, [](const Item& item) { return item.in_place ? 0 : item.plan.output_bytes; });
}

std::int64_t ProgramSet::staging_bytes() const {
  return most(items_, [](const Item& item) { return item.plan.staging_bytes; });
}

}  // namespace galago::runtime
