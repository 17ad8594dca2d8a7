#include "runtime/entry_executor.h"

#include "base/error.h"
#include "base/try.h"
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

Result<std::unique_ptr<CompiledExecutor>> CompiledExecutor::create(std::shared_ptr<const ProgramSet> programs,
                                                                   int n_threads) {
  GALAGO_TRY(std::shared_ptr<EntryRun> run, EntryRun::create(programs));
  return std::unique_ptr<CompiledExecutor>(new CompiledExecutor(std::move(programs), std::move(run), n_threads));
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
  GALAGO_TRY(const graph::Fence fence, submit(entry, symbols, inputs, step));
  return fence.wait();
}

Result<graph::Fence> CompiledExecutor::submit(int entry, std::span<const std::int64_t> symbols,
                                              std::span<const std::byte* const> inputs, const ops::StepView* step) {
  GALAGO_TRY(const bool pending, run_->begin({entry, symbols, inputs, step, n_threads_}));
  return pending ? graph::Fence(run_) : graph::Fence();
}

std::span<const float> CompiledExecutor::output(int, int index) const {
  const auto bytes = run_->output(index);
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

Result<std::vector<std::int64_t>> CompiledExecutor::output_shape(int entry, int index) const {
  const auto& symbols = item(entry).symbols;
  SymbolValues values;
  for (std::size_t i = 0; i < symbols.size() && i < run_->symbols().size(); ++i) {
    GALAGO_CHECK(values.bind(symbols[i].name, run_->symbols()[i]));
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
