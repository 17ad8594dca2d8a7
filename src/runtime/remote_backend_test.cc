#include "runtime/remote_backend_test.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "base/try.h"
#include "ops/executor.h"

namespace galago::runtime {
namespace {

using graph::Graph;
using graph::Node;
using graph::ValueId;

// Its bytes are for the backend alone.
class RemoteBuffer : public Buffer {
 public:
  RemoteBuffer(std::uint64_t bytes, graph::BufferUse use)
      : bytes_(std::max<std::size_t>(1, static_cast<std::size_t>(bytes))) {
    if (use != graph::BufferUse::kState) std::ranges::fill(bytes_, std::byte{0xff});  // what was not written shows
  }
  std::uint64_t size() const override { return bytes_.size(); }
  std::byte* at(std::uint64_t offset) const { return bytes_.data() + offset; }

 private:
  mutable std::vector<std::byte> bytes_;
};

// Where the device has the bytes; nullptr for memory that is not its.
std::byte* address(const BufferView& view) {
  const auto* buffer = dynamic_cast<const RemoteBuffer*>(view.buffer);
  if (buffer == nullptr || view.offset + view.size > buffer->size()) return nullptr;
  return buffer->at(view.offset);
}

Error not_here(std::string_view what, const BufferView& view) {
  return error(ErrorCode::kInternal, "remote: {} of {} bytes at {} is not in its memory", what, view.size, view.offset);
}

// Runs the nodes of a graph on its references, its values being somewhere.
class References {
 public:
  References(const Graph& graph, const SymbolValues& symbols, const ops::StepView* step)
      : graph_(graph), symbols_(symbols), step_(step), views_(graph.values.size()) {}

  Status bind(ValueId id, std::byte* data) {
    const graph::Value& value = graph_.value(id);
    ops::TensorView& view = views_[static_cast<std::size_t>(id)];
    view.dtype = value.type.dtype;
    GALAGO_TRY(view.sizes, value.type.shape.resolve(symbols_));
    view.data = data;
    return {};
  }
  void bind(ValueId id, const ops::TensorView& view) { views_[static_cast<std::size_t>(id)] = view; }
  const ops::TensorView& view(ValueId id) const { return views_[static_cast<std::size_t>(id)]; }

  Status run(int* fused_runs) {
    for (const Node& node : graph_.nodes) {
      if (const graph::Fused* fused = node.fused()) {
        ++*fused_runs;
        GALAGO_CHECK(run_body(node, *fused->body));
        continue;
      }
      const bool same = node.as<ops::Reshape>() != nullptr && view(node.inputs[0]).data == view(node.outputs[0]).data;
      if (same) continue;
      std::vector<ops::TensorView> in, out;
      for (const ValueId id : node.inputs) in.push_back(view(id));
      for (const ValueId id : node.outputs) out.push_back(view(id));
      GALAGO_CHECK(ops::run_reference(std::get<ops::AnyOp>(node.op), {in, out, step_}));
    }
    return {};
  }

 private:
  Status run_body(const Node& node, const Graph& body) {
    References inner(body, symbols_, step_);
    for (std::size_t i = 0; i < body.inputs.size(); ++i) inner.bind(body.inputs[i], view(node.inputs[i]));
    for (std::size_t i = 0; i < body.outputs.size(); ++i) inner.bind(body.outputs[i], view(node.outputs[i]));
    std::vector<std::vector<std::byte>> within;
    for (const Node& part : body.nodes) {
      for (const ValueId id : part.outputs) {
        if (inner.view(id).data != nullptr) continue;
        within.emplace_back(static_cast<std::size_t>(graph::bytes_at_bounds(body.value(id).type).value_or(0)));
        GALAGO_CHECK(inner.bind(id, within.back().data()));
      }
    }
    int unused = 0;
    return inner.run(&unused);
  }

  const Graph& graph_;
  const SymbolValues& symbols_;
  const ops::StepView* step_;
  std::vector<ops::TensorView> views_;
};

class RemoteProgram : public graph::Program {
 public:
  RemoteProgram(Graph graph, graph::MemoryPlan plan, std::shared_ptr<RemoteQueue> queue, std::shared_ptr<int> runs,
                std::shared_ptr<int> fused_runs)
      : graph_(std::move(graph)),
        plan_(std::move(plan)),
        symbols_(graph::symbols(graph_)),
        queue_(std::move(queue)),
        runs_(std::move(runs)),
        fused_runs_(std::move(fused_runs)) {
    for (const graph::Value& value : graph_.values) {
      constants_.push_back(value.is_constant() ? ops::as_array(value.constant) : Tensor());
    }
  }

  const std::vector<graph::SymbolBound>& symbols() const override { return symbols_; }
  const graph::MemoryPlan& plan() const override { return plan_; }
  std::size_t n_outputs() const override { return graph_.outputs.size(); }
  // The arguments are read when the device gets to it.
  Result<graph::Fence> submit(const graph::RunArguments& arguments) const override {
    return queue_->submit([this, arguments] { return run(arguments); });
  }
  BufferView output(std::size_t index, const graph::RunArguments& arguments) const override {
    const ValueId id = graph_.outputs[index];
    SymbolValues symbols;
    for (std::size_t i = 0; i < symbols_.size(); ++i) {
      EXPECT_TRUE(symbols.bind(symbols_[i].name, arguments.symbols[i]).ok());
    }
    std::uint64_t bytes = 4;
    const std::vector<std::int64_t> sizes = graph_.value(id).type.shape.resolve(symbols).value();
    for (const std::int64_t size : sizes) {
      bytes *= static_cast<std::uint64_t>(size);
    }
    return place(id, arguments).part(0, bytes);
  }
  std::string to_string() const override { return "program " + graph_.name + " of references\n"; }

 private:
  // Where a value is: what a reshape reads is where it came from.
  BufferView place(ValueId id, const graph::RunArguments& arguments) const {
    id = plan_.storage[static_cast<std::size_t>(id)];
    const auto input = std::ranges::find(graph_.inputs, id);
    if (input != graph_.inputs.end()) return arguments.inputs[static_cast<std::size_t>(input - graph_.inputs.begin())];
    const auto bytes = static_cast<std::uint64_t>(plan_.sizes[static_cast<std::size_t>(id)]);
    return arguments.arena.part(static_cast<std::uint64_t>(plan_.offsets[static_cast<std::size_t>(id)]), bytes);
  }

  Status run(const graph::RunArguments& arguments) const {
    ++*runs_;
    SymbolValues symbols;
    for (std::size_t i = 0; i < symbols_.size(); ++i) {
      GALAGO_CHECK(symbols.bind(symbols_[i].name, arguments.symbols[i]));
    }
    ops::StepView step;
    std::vector<ops::StateView> states;
    if (arguments.step != nullptr) {
      step = *arguments.step;
      for (ops::StateView state : step.states) {
        const BufferView view = state.buffer == nullptr ? BufferView() : BufferView(*state.buffer);
        state.data = address(view) == nullptr ? nullptr : address(view) + state.offset;
        states.push_back(state);
      }
      step.states = states;
    }
    References references(graph_, symbols, arguments.step == nullptr ? nullptr : &step);
    for (ValueId id = 0; id < static_cast<ValueId>(graph_.values.size()); ++id) {
      if (graph_.value(id).is_constant()) {
        references.bind(id, ops::view_of(constants_[static_cast<std::size_t>(id)]));
        continue;
      }
      const ValueId home = plan_.storage[static_cast<std::size_t>(id)];
      if (plan_.offsets[static_cast<std::size_t>(home)] < 0 && std::ranges::count(graph_.inputs, home) == 0) continue;
      const BufferView at = place(id, arguments);
      if (at.size > 0 && address(at) == nullptr) return not_here(graph_.value(id).name, at);
      EXPECT_EQ(at.offset % RemoteBackend::kAlignment, 0u) << graph_.name << " %" << id;
      GALAGO_CHECK(references.bind(id, address(at)));
    }
    return references.run(fused_runs_.get());
  }

  Graph graph_;
  graph::MemoryPlan plan_;
  std::vector<graph::SymbolBound> symbols_;
  std::vector<Tensor> constants_;
  std::shared_ptr<RemoteQueue> queue_;
  std::shared_ptr<int> runs_, fused_runs_;
};

}  // namespace

class RemoteQueue::Job : public graph::Fence::Work {
 public:
  Job(std::shared_ptr<RemoteQueue> queue, std::function<Status()> work, int polls)
      : queue_(std::move(queue)), work_(std::move(work)), polls_(polls) {}

  bool poll() override {
    if (done_) return true;
    if (polls_-- > 0) {
      ++queue_->early_polls_;
      return false;
    }
    queue_->run_until(*this);
    return done_;
  }
  Status wait() override {
    while (!poll()) {
    }
    return status_;
  }
  void run() {
    status_ = work_();
    done_ = true;
  }

 private:
  std::shared_ptr<RemoteQueue> queue_;
  std::function<Status()> work_;
  int polls_;
  bool done_ = false;
  Status status_;
};

graph::Fence RemoteQueue::submit(std::function<Status()> work) {
  jobs_.push_back(std::make_shared<Job>(shared_from_this(), std::move(work), polls_));
  return graph::Fence(jobs_.back());
}

void RemoteQueue::run_until(const Job& last) {
  while (!jobs_.empty()) {
    const std::shared_ptr<Job> job = jobs_.front();
    jobs_.pop_front();
    job->run();
    if (job.get() == &last) return;
  }
}

RemoteBackend::RemoteBackend(Takes takes, int polls, std::string name)
    : takes_(std::move(takes)), name_(std::move(name)), queue_(std::make_shared<RemoteQueue>(polls)) {}

int layer_of(const graph::Node& node, const graph::Graph& graph) {
  const std::ptrdiff_t number = &node - graph.nodes.data();
  if (number < 0 || number >= static_cast<std::ptrdiff_t>(graph.nodes.size())) return -1;
  for (std::ptrdiff_t n = number; n >= 0; --n) {
    for (const ValueId id : graph.nodes[static_cast<std::size_t>(n)].inputs) {
      const graph::Value& value = graph.value(id);
      if (!value.is_constant()) continue;
      const std::size_t at = value.name.find("layers.");
      if (at != std::string::npos) return std::atoi(value.name.c_str() + at + std::strlen("layers."));
      if (value.name.ends_with("weight")) return -1;
    }
  }
  return -1;
}

std::optional<std::string> RemoteBackend::refuses(const Node& node, const Graph& graph) const {
  if (const auto* append = node.match<graph::RopeAppendMatch>()) {
    if (append->append.state % 2 == 1) return "appends to even states alone";
    return std::nullopt;
  }
  if (node.fused() != nullptr) return std::nullopt;
  const int layer = layer_of(node, graph);
  if (layer < 0 || !takes_(layer, node)) return "it is of another's layer";
  return std::nullopt;
}

std::span<const graph::Pattern* const> RemoteBackend::patterns() const {
  static constexpr std::array kPatterns = {&graph::patterns::kRopeAppend, &graph::patterns::kAddNorm};
  return kPatterns;
}

Result<std::unique_ptr<graph::Program>> RemoteBackend::compile(Graph graph) {
  GALAGO_TRY(graph::MemoryPlan plan, graph::plan_memory(graph, [](const Node&) { return 0; }, kAlignment));
  return std::unique_ptr<graph::Program>(
      std::make_unique<RemoteProgram>(std::move(graph), std::move(plan), queue_, runs_, fused_runs_));
}

Result<std::shared_ptr<Buffer>> RemoteBackend::allocate(std::uint64_t bytes, graph::BufferUse use) {
  return std::shared_ptr<Buffer>(std::make_shared<RemoteBuffer>(bytes, use));
}

Result<graph::Fence> RemoteBackend::upload(std::span<const std::byte> from, const BufferView& to) {
  if (address(to) == nullptr || from.size() != to.size) return not_here("the place of an upload", to);
  return queue_->submit([from, to]() -> Status {
    if (!from.empty()) std::memcpy(address(to), from.data(), from.size());
    return {};
  });
}

Result<graph::Fence> RemoteBackend::download(const BufferView& from, std::span<std::byte> to) {
  if (address(from) == nullptr || from.size != to.size()) return not_here("what is downloaded", from);
  return queue_->submit([from, to]() -> Status {
    if (!to.empty()) std::memcpy(to.data(), address(from), to.size());
    return {};
  });
}

Result<graph::Fence> RemoteBackend::copy(const BufferView& from, const BufferView& to) {
  if (address(from) == nullptr || address(to) == nullptr || from.size != to.size) return not_here("a copy", from);
  return queue_->submit([from, to]() -> Status {
    std::memmove(address(to), address(from), static_cast<std::size_t>(from.size));
    return {};
  });
}

Result<graph::Fence> RemoteBackend::clear(const BufferView& to) {
  if (address(to) == nullptr) return not_here("what is cleared", to);
  return queue_->submit([to]() -> Status {
    std::memset(address(to), 0, static_cast<std::size_t>(to.size));
    return {};
  });
}

bool RemoteBackend::was_written(const BufferView& view) {
  const std::byte* bytes = address(view);
  return std::any_of(bytes, bytes + view.size, [](std::byte b) { return b != std::byte{0}; });
}

}  // namespace galago::runtime
