// Every case of the conformance table on every instruction set: compiled in both classes over packed weights, and run
// at once by the eager executor.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "backends/cpu/cpu_executor.h"
#include "backends/cpu/kv_pages_test.h"
#include "backends/cpu/program_fixture_test.h"
#include "backends/cpu/testable_kernels_test.h"
#include "ops/conformance_cases.h"
#include "quant/codec.h"

namespace galago::cpu {
namespace {

using ops::ConformanceCase;

using Bytes = std::vector<std::byte>;

struct Outcome {
  std::vector<Tensor> outputs;
  Floats state;                        // after what writes: all of its pages, as numbers
  std::shared_ptr<const Bytes> pages;  // of the expected: the state before, as the CPU keeps it
};

// The state before a step, made once for the cases of one step, which follow each other and share its seed.
class InitialState {
 public:
  void become(const ops::ConformanceStep& step) {
    if (reference != nullptr && seed_ == step.seed) return;
    seed_ = step.seed;
    reference = std::make_shared<const Bytes>(step.initial_state());
    pages = std::make_shared<const Bytes>(cpu_pages(step, *reference));
  }
  std::shared_ptr<const Bytes> reference, pages;

 private:
  std::uint64_t seed_ = 0;
};

Outcome expected_of(const ConformanceCase& c, InitialState* initial) {
  Outcome outcome;
  if (!c.step) {
    outcome.outputs = ops::apply(c.op, c.inputs);
    return outcome;
  }
  initial->become(*c.step);
  Bytes state = *initial->reference;
  const ops::StateView view = c.step->state_view(state);
  const ops::GroupView group = c.step->group();
  const ops::StepView step = c.step->view(view, group);
  outcome.outputs = ops::apply(c.op, c.inputs, &step);
  if (ops::writes_state(c.op)) outcome.state = reference_state(*c.step, state);
  outcome.pages = initial->pages;
  return outcome;
}

Outcome found_by(ops::Executor& executor, const ConformanceCase& c, const Bytes* pages) {
  const ops::ExecutorScope scope(executor);
  Outcome outcome;
  if (!c.step) {
    outcome.outputs = ops::apply(c.op, c.inputs);
    return outcome;
  }
  Bytes state = *pages;
  const ops::StateView view = c.step->state_view(state);
  const ops::GroupView group = c.step->group();
  const ops::StepView step = c.step->view(view, group);
  outcome.outputs = ops::apply(c.op, c.inputs, &step);
  if (ops::writes_state(c.op)) {
    outcome.state = cpu_state(*c.step, state);
  } else {
    EXPECT_EQ(std::memcmp(state.data(), pages->data(), state.size()), 0) << "it only reads";
  }
  return outcome;
}

// Compiles each op as a graph of one node: activations are inputs, weights are packed.
class CompilingExecutor : public ops::Executor {
 public:
  CompilingExecutor(CpuOptions options, int n_threads) : options_(std::move(options)), n_threads_(n_threads) {}

  std::vector<Tensor> run(const ops::AnyOp& op, std::span<const Tensor> inputs, const ops::StepView* step) override {
    const auto is_weight = [&op](std::size_t i) {
      if (std::ranges::count(ops::weight_inputs(op), i) > 0) return true;
      return i == 1 && (std::holds_alternative<ops::Embedding>(op) || std::holds_alternative<ops::Conv2d>(op));
    };
    Source source;
    std::vector<Tensor> activations;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (is_weight(i)) continue;
      source.inputs.push_back({fmt::format("x{}", i), inputs[i].type()});
      activations.push_back(inputs[i]);
    }
    if (step != nullptr) source.states = {ops::Paged{}};
    if (std::holds_alternative<ops::CausalConv1d>(op)) {
      const Shape& weight = inputs[1].shape();
      source.states = {ops::Recurrent{ops::CausalConv1d::state_elements(weight.dim(0).bound(), weight.dim(1).bound())}};
    }
    source.function = [&](const graph::TracedInputs& in) {
      std::vector<Tensor> arguments;
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        arguments.push_back(is_weight(i) ? inputs[i] : in[fmt::format("x{}", i)]);
      }
      std::vector<graph::NamedTensor> named;
      // An attention alone follows no append, which the verifier would miss.
      if (std::holds_alternative<ops::PagedAttention>(op)) return named;
      for (const Tensor& output : ops::apply(op, arguments)) named.push_back({"y", output});
      return named;
    };
    if (std::holds_alternative<ops::PagedAttention>(op)) return attend(op, activations, step);
    const Compiled compiled = compile(source, options_);
    return outputs_of(compiled, activations, step, op, inputs);
  }

 private:
  std::vector<Tensor> outputs_of(const Compiled& compiled, const std::vector<Tensor>& activations,
                                 const ops::StepView* step, const ops::AnyOp& op, std::span<const Tensor> inputs) {
    auto values = compiled.run(activations, {}, step, n_threads_);
    if (!values.ok()) return {Tensor::failed(values.error())};
    ops::TensorTypes types;
    for (const Tensor& input : inputs) types.push_back(input.type());
    std::vector<Tensor> outputs;
    const ops::TensorTypes results = ops::infer(op, types).value();
    for (std::size_t i = 0; i < results.size(); ++i) {
      outputs.push_back(Tensor::zeros(results[i].shape, results[i].dtype));
      const auto out = outputs.back().mutable_bytes();
      EXPECT_EQ(out.size(), (*values)[i].size() * sizeof(float));
      if (!out.empty()) std::memcpy(out.data(), (*values)[i].data(), out.size());
    }
    return outputs;
  }

  std::vector<Tensor> attend(const ops::AnyOp& op, const std::vector<Tensor>& activations, const ops::StepView* step) {
    Compiled compiled;
    compiled.backend = CpuBackend::create(options_).value();
    graph::Graph graph;
    graph.name = "attend";
    std::vector<TensorType> types;
    for (const Tensor& input : activations) {
      types.push_back(input.type());
      graph.inputs.push_back(graph.add_value({.type = input.type(), .name = fmt::format("x{}", graph.inputs.size())}));
    }
    const TensorType y = ops::infer(op, types).value()[0];
    graph.outputs = {graph.add_value({.type = y})};
    graph.output_names = {"y"};
    graph.nodes.push_back({.op = op, .inputs = graph.inputs, .outputs = graph.outputs});
    compiled.program = compiled.backend->compile(graph).value();
    return outputs_of(compiled, activations, step, op, activations);
  }

  CpuOptions options_;
  int n_threads_;
};

Floats floats_of(DType dtype, std::span<const std::byte> bytes) {
  if (dtype == DType::kI32) {
    const auto* ints = reinterpret_cast<const std::int32_t*>(bytes.data());
    return {ints, ints + bytes.size() / sizeof(std::int32_t)};
  }
  Floats values(bytes.size() / static_cast<std::size_t>(info(dtype).block_bytes));
  if (!values.empty()) {
    quant::codec(dtype).decode_row(bytes.data(), values.data(), static_cast<std::int64_t>(values.size()));
  }
  return values;
}

void expect_close(const Floats& found, const Floats& expected, ops::Tolerance tolerance, ops::Narrowed narrowed) {
  if (tolerance == ops::Tolerance::kExact) {
    EXPECT_EQ(found, expected);
  } else {
    EXPECT_LE(nmse(found, expected), ops::nmse_bound(tolerance, narrowed));
  }
}

void check_all(ops::Executor& executor, ops::Narrowed narrowed, const std::vector<ConformanceCase>& cases,
               const std::vector<Outcome>& expected) {
  for (std::size_t n = 0; n < cases.size(); ++n) {
    const ConformanceCase& c = cases[n];
    SCOPED_TRACE(c.name);
    const Outcome found = found_by(executor, c, expected[n].pages.get());
    ASSERT_EQ(found.outputs.size(), expected[n].outputs.size());
    for (std::size_t i = 0; i < found.outputs.size(); ++i) {
      ASSERT_TRUE(found.outputs[i].ok()) << found.outputs[i].error().message;
      const DType dtype = found.outputs[i].dtype();
      expect_close(floats_of(dtype, found.outputs[i].bytes()), floats_of(dtype, expected[n].outputs[i].bytes()),
                   c.tolerance, narrowed);
    }
    if (c.step) {
      expect_close(found.state, expected[n].state, c.tolerance, narrowed);
    }
    if (::testing::Test::HasFailure()) return;
  }
}

// In fast precision.
ops::Narrowed narrowed_by(const KernelTable& kernels) {
  using Rounding = ops::Narrowed::Attention;
  if (kernels.attention_paged_tiles == nullptr) return {.activations = true, .attention = Rounding::kNot};
  const bool bf16 = kernels.bf16_tiles == Bf16Tiles::kAllWeights;
  return {.activations = true, .attention = bf16 ? Rounding::kBf16 : Rounding::kInt12};
}

TEST(Conformance, EveryOpOnEveryInstructionSet) {
  const std::vector<ConformanceCase> cases = ops::conformance_cases();
  std::vector<Outcome> expected;
  InitialState initial;
  for (const ConformanceCase& c : cases) expected.push_back(expected_of(c, &initial));
  for (const KernelTable* kernels : testable_kernels()) {
    SCOPED_TRACE(kernels->isa);
    for (const auto precision : {graph::Precision::kExact, graph::Precision::kFast}) {
      const bool fast = precision == graph::Precision::kFast;
      SCOPED_TRACE(fast ? "fast" : "exact");
      // Two threads split keys and redo chunks, which one does not; once is enough, for threads change no bit.
      CompilingExecutor compiling({.precision = precision, .kernels = kernels}, fast ? 2 : 1);
      check_all(compiling, fast ? narrowed_by(*kernels) : ops::Narrowed{}, cases, expected);
    }
    SCOPED_TRACE("eager");
    check_all(*CpuExecutor::create(1, kernels).value(), {}, cases, expected);
  }
}

}  // namespace
}  // namespace galago::cpu
