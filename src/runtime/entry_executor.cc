#include "runtime/entry_executor.h"

#include <algorithm>
#include <new>

#include "base/error.h"
#include "base/try.h"
#include "graph/pipeline.h"
#include "nn/tap.h"
#include "ops/executor.h"

namespace galago::runtime {
namespace {

// Gives every stateful op the step that it belongs to.
class StepExecutor : public ops::Executor {
 public:
  StepExecutor(ops::Executor& inner, const ops::StepView* step) : inner_(inner), step_(step) {}
  std::vector<Tensor> run(const ops::AnyOp& op, std::span<const Tensor> inputs, const ops::StepView* step) override {
    return inner_.run(op, inputs, step != nullptr ? step : step_);
  }

 private:
  ops::Executor& inner_;
  const ops::StepView* step_;
};

// An input in memory as a Tensor of its own.
Result<Tensor> input_tensor(const graph::TraceInput& input, const SymbolValues& symbols, const std::byte* data) {
  GALAGO_TRY(const std::vector<std::int64_t> sizes, input.type.shape.resolve(symbols));
  auto bytes = static_cast<std::size_t>(info(input.type.dtype).block_bytes);
  for (const std::int64_t size : sizes) bytes *= static_cast<std::size_t>(size);
  Tensor tensor = Tensor::view(input.type.dtype, Shape::of(sizes), {data, bytes}, nullptr).with_name(input.name);
  if (!tensor.ok()) return tensor.error();
  return tensor;
}

}  // namespace

Result<std::shared_ptr<const ProgramSet>> ProgramSet::compile(const models::Model& model, graph::Backend& backend,
                                                              const models::EntryLimits& limits, bool taps) {
  auto set = std::make_shared<ProgramSet>();
  const graph::Backend* const backends[] = {&backend};
  const std::vector<models::Entry> entries = model.entries(limits);
  std::vector<graph::Graph> graphs;
  for (const models::Entry& entry : entries) {
    GALAGO_TRY(graph::Graph graph, models::trace_entry(model, entry, taps));
    GALAGO_TRY(graph, graph::run_passes(std::move(graph), backends));
    graphs.push_back(std::move(graph));
  }
  GALAGO_CHECK(backend.pack(graphs));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const graph::Graph& graph = graphs[i];
    Item item{.name = entries[i].name, .inputs = entries[i].inputs, .output_names = graph.output_names};
    for (const graph::ValueId id : graph.outputs) item.output_shapes.push_back(graph.value(id).type.shape);
    GALAGO_TRY(item.program, backend.compile(std::move(graphs[i])));
    set->items_.push_back(std::move(item));
  }
  return std::shared_ptr<const ProgramSet>(std::move(set));
}

std::int64_t ProgramSet::arena_bytes() const {
  std::int64_t bytes = 0;
  for (const Item& item : items_) bytes = std::max(bytes, item.program->plan().peak_bytes);
  return bytes;
}

Result<std::unique_ptr<CompiledExecutor>> CompiledExecutor::create(std::shared_ptr<const ProgramSet> programs,
                                                                   int n_threads) {
  // Kernels write columns of many rows, each row in pages of its own.
  GALAGO_TRY(Arena arena, Arena::create(static_cast<std::uint64_t>(programs->arena_bytes()), Pages::kHuge));
  return std::unique_ptr<CompiledExecutor>(new CompiledExecutor(std::move(programs), std::move(arena), n_threads));
}

CompiledExecutor::CompiledExecutor(std::shared_ptr<const ProgramSet> programs, Arena arena, int n_threads)
    : programs_(std::move(programs)), arena_(std::move(arena)), n_threads_(n_threads) {
  std::size_t most_symbols = 0, most_inputs = 0;
  for (const ProgramSet::Item& known : programs_->items()) {
    most_symbols = std::max(most_symbols, known.program->symbols().size());
    most_inputs = std::max(most_inputs, known.inputs.size());
  }
  last_symbols_.reserve(most_symbols);
  last_inputs_.reserve(most_inputs);
}

int CompiledExecutor::find(std::string_view entry) const {
  const auto& items = programs_->items();
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].name == entry) return static_cast<int>(i);
  }
  return -1;
}

Status CompiledExecutor::run(int entry, std::span<const std::int64_t> symbols, std::span<const std::byte* const> inputs,
                             const ops::StepView* step) {
  last_symbols_.assign(symbols.begin(), symbols.end());
  last_inputs_.assign(inputs.begin(), inputs.end());
  return item(entry).program->run(
      {.symbols = last_symbols_, .inputs = inputs, .step = step, .arena = arena_.bytes(), .n_threads = n_threads_});
}

std::span<const float> CompiledExecutor::output(int entry, int index) const {
  const auto bytes = item(entry).program->output(
      static_cast<std::size_t>(index), {.symbols = last_symbols_, .inputs = last_inputs_, .arena = arena_.bytes()});
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

Result<std::vector<std::int64_t>> CompiledExecutor::output_shape(int entry, int index) const {
  const auto& symbols = item(entry).program->symbols();
  SymbolValues values;
  for (std::size_t i = 0; i < symbols.size() && i < last_symbols_.size(); ++i) {
    GALAGO_CHECK(values.bind(symbols[i].name, last_symbols_[i]));
  }
  return item(entry).output_shapes[static_cast<std::size_t>(index)].resolve(values);
}

EagerExecutor::EagerExecutor(const models::Model& model, const models::EntryLimits& limits, bool taps) : taps_(taps) {
  for (models::Entry& entry : model.entries(limits)) {
    Item item{.entry = std::move(entry)};
    std::vector<TensorType> types;
    for (const graph::TraceInput& input : item.entry.inputs) types.push_back(input.type);
    item.symbols = graph::symbols(types);
    items_.push_back(std::move(item));
  }
}

int EagerExecutor::find(std::string_view entry) const {
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (items_[i].entry.name == entry) return static_cast<int>(i);
  }
  return -1;
}

const std::vector<graph::TraceInput>& EagerExecutor::inputs(int entry) const {
  return items_[static_cast<std::size_t>(entry)].entry.inputs;
}

const std::vector<graph::SymbolBound>& EagerExecutor::symbols(int entry) const {
  return items_[static_cast<std::size_t>(entry)].symbols;
}

const std::vector<std::string>& EagerExecutor::output_names(int entry) const {
  return items_[static_cast<std::size_t>(entry)].output_names;
}

Status EagerExecutor::run(int entry, std::span<const std::int64_t> symbols, std::span<const std::byte* const> inputs,
                          const ops::StepView* step) {
  Item& item = items_[static_cast<std::size_t>(entry)];
  SymbolValues values;
  for (std::size_t i = 0; i < item.symbols.size(); ++i) GALAGO_CHECK(values.bind(item.symbols[i].name, symbols[i]));
  std::vector<Tensor> arguments;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    GALAGO_TRY(Tensor tensor, input_tensor(item.entry.inputs[i], values, inputs[i]));
    arguments.push_back(std::move(tensor));
  }
  StepExecutor executor(ops::current_executor(), step);
  const ops::ExecutorScope scope(executor);
  const nn::TapScope taps;
  std::vector<graph::NamedTensor> outputs = item.entry.forward({item.entry.inputs, arguments});
  if (taps_) {
    for (const auto& [stage, tensor] : taps.taps()) outputs.push_back({stage, tensor});
  }
  item.output_names.clear();
  item.outputs.clear();
  for (graph::NamedTensor& output : outputs) {
    if (!output.tensor.ok()) return output.tensor.error();
    item.output_names.push_back(std::move(output.name));
    item.outputs.push_back(std::move(output.tensor));
  }
  return {};
}

std::span<const float> EagerExecutor::output(int entry, int index) const {
  return items_[static_cast<std::size_t>(entry)].outputs[static_cast<std::size_t>(index)].floats();
}

Result<std::vector<std::int64_t>> EagerExecutor::output_shape(int entry, int index) const {
  return items_[static_cast<std::size_t>(entry)].outputs[static_cast<std::size_t>(index)].shape().resolve({});
}

}  // namespace galago::runtime
