// A model over two backends: layers here and there, values copied between, each layer's state where it runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "backends/cpu/cpu_backend.h"
#include "base/try.h"
#include "formats/checkpoint.h"
#include "graph/pipeline.h"
#include "graph/printer.h"
#include "models/registry.h"
#include "ops/executor.h"
#include "runtime/remote_backend_test.h"
#include "runtime/stepper.h"

namespace galago::runtime {
namespace {

using ::testing::HasSubstr;

const std::string kData = GALAGO_SOURCE_DIR "/tests/data/goldens/";
constexpr int kChunk = 24, kContext = 192;
constexpr double kBound = 1e-9;  // of exact kernels against references

double nmse(std::span<const float> found, std::span<const float> expected) {
  EXPECT_EQ(found.size(), expected.size());
  double error = 0, power = 0;
  for (std::size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
    error += std::pow(double{found[i]} - expected[i], 2);
    power += std::pow(double{expected[i]}, 2);
  }
  return std::isfinite(error) && power > 0 ? error / power : INFINITY;
}

std::shared_ptr<graph::Backend> exact_cpu() {
  return cpu::CpuBackend::create({.precision = Precision::kExact}).value();
}

std::vector<std::int32_t> prompt(int n) {
  std::vector<std::int32_t> ids;
  for (int i = 0; i < n; ++i) ids.push_back((i * 37 + i * i) % 300);
  return ids;
}

// All nodes of some layers.
RemoteBackend::Takes layers(std::function<bool(int)> which) {
  return [which = std::move(which)](int layer, const graph::Node&) { return which(layer); };
}

// Runs what another compiled, once its fence has been asked for some times.
class LateProgram : public graph::Program {
 public:
  LateProgram(std::unique_ptr<graph::Program> program, std::shared_ptr<RemoteQueue> queue)
      : program_(std::move(program)), queue_(std::move(queue)) {}
  const std::vector<graph::SymbolBound>& symbols() const override { return program_->symbols(); }
  const graph::MemoryPlan& plan() const override { return program_->plan(); }
  std::size_t n_outputs() const override { return program_->n_outputs(); }
  Result<graph::Fence> submit(const graph::RunArguments& arguments) const override {
    return queue_->submit([this, arguments]() -> Status {
      GALAGO_TRY(const graph::Fence fence, program_->submit(arguments));
      return fence.wait();
    });
  }
  BufferView output(std::size_t index, const graph::RunArguments& arguments) const override {
    return program_->output(index, arguments);
  }
  std::string to_string() const override { return program_->to_string(); }

 private:
  std::unique_ptr<graph::Program> program_;
  std::shared_ptr<RemoteQueue> queue_;
};

// A device that shares the host's memory and is late all the same, as integrated GPUs are.
class LateBackend : public graph::Backend {
 public:
  explicit LateBackend(std::shared_ptr<graph::Backend> inner) : inner_(std::move(inner)) {}
  std::string_view name() const override { return inner_->name(); }
  std::string device() const override { return inner_->device(); }
  std::uint64_t packed_bytes() const override { return inner_->packed_bytes(); }
  std::optional<std::string> refuses(const graph::Node& node, const graph::Graph& graph) const override {
    return inner_->refuses(node, graph);
  }
  std::span<const graph::Pattern* const> patterns() const override { return inner_->patterns(); }
  std::string layout(const graph::Value& weight) const override { return inner_->layout(weight); }
  std::int64_t scratch_bytes(const graph::Node& node, const graph::Graph& graph) const override {
    return inner_->scratch_bytes(node, graph);
  }
  Status pack(std::span<const graph::Graph* const> graphs) override { return inner_->pack(graphs); }
  Result<std::unique_ptr<graph::Program>> compile(graph::Graph graph) override {
    GALAGO_TRY(auto program, inner_->compile(std::move(graph)));
    return std::unique_ptr<graph::Program>(std::make_unique<LateProgram>(std::move(program), queue_));
  }
  bool shares_host_memory() const override { return inner_->shares_host_memory(); }
  std::int64_t alignment() const override { return inner_->alignment(); }
  Result<std::shared_ptr<Buffer>> allocate(std::uint64_t bytes, graph::BufferUse use) override {
    return inner_->allocate(bytes, use);
  }
  Result<graph::Fence> upload(std::span<const std::byte> from, const BufferView& to) override {
    return inner_->upload(from, to);
  }
  Result<graph::Fence> download(const BufferView& from, std::span<std::byte> to) override {
    return inner_->download(from, to);
  }
  Result<graph::Fence> copy(const BufferView& from, const BufferView& to) override { return inner_->copy(from, to); }
  Result<graph::Fence> clear(const BufferView& to) override { return inner_->clear(to); }

  int early_polls() const { return queue_->early_polls(); }

 private:
  std::shared_ptr<graph::Backend> inner_;
  std::shared_ptr<RemoteQueue> queue_ = std::make_shared<RemoteQueue>(/*polls=*/3);
};

// A model, compiled for some backends, with one sequence.
class Split {
 public:
  Split(const std::string& checkpoint, Backends backends)
      : model_(models::build_model(formats::Checkpoint::open(kData + checkpoint).value()).value()),
        programs_(ProgramSet::compile(*model_, backends, limits_, false).value()),
        store_(StateStore::create(model_->states(), KvType::kF32, kContext / ops::kPageTokens, 1,
                                  programs_->state_backends())
                   .value()) {
    auto executor = CompiledExecutor::create(programs_, 2).value();
    executor_ = executor.get();
    stepper_.emplace(Stepper::create(*model_, std::move(executor), store_, limits_, 1).value());
    sequence_.emplace(store_);
  }

  const ProgramSet& programs() const { return *programs_; }
  const StateStore& store() const { return store_; }
  CompiledExecutor& executor() { return *executor_; }
  const models::Model& model() const { return *model_; }

  // Hidden states of the prompt, read in chunks, then the logits of a few more tokens.
  std::vector<float> run(const std::vector<std::int32_t>& ids, std::span<const std::int32_t> splice = {},
                         std::span<const float> media = {}) {
    std::vector<float> all;
    for (std::size_t at = 0; at < ids.size(); at += kChunk) {
      const std::size_t n = std::min<std::size_t>(kChunk, ids.size() - at);
      StepPart part{.sequence = &*sequence_, .ids = std::span(ids).subspan(at, n), .wants_all = true};
      if (!splice.empty()) part.splice = splice.subspan(at, n);
      part.media = media;
      append(stepper_->prefill(std::span(&part, 1)), all);
    }
    for (const std::int32_t token : {7, 11, 2, 90, 41}) {
      const StepPart part{.sequence = &*sequence_, .ids = std::span(&token, 1)};
      append(stepper_->decode(std::span(&part, 1)), all);
    }
    return all;
  }

  std::vector<float> encode(const Tensor& pixels) {
    const int entry = executor_->find("encode_image");
    const std::byte* const inputs[] = {pixels.bytes().data()};
    const std::vector<std::int64_t> none;
    const Status status = executor_->run(entry, none, inputs, nullptr);
    EXPECT_TRUE(status.ok()) << status.error().message;
    const auto rows = executor_->output(entry, 0);
    return {rows.begin(), rows.end()};
  }

 private:
  static void append(const Result<std::span<const float>>& rows, std::vector<float>& all) {
    ASSERT_TRUE(rows.ok()) << rows.error().message;
    all.insert(all.end(), rows->begin(), rows->end());
  }

  models::EntryLimits limits_{.prefill_tokens = kChunk};
  std::unique_ptr<models::Model> model_;
  std::shared_ptr<const ProgramSet> programs_;
  StateStore store_;
  CompiledExecutor* executor_ = nullptr;
  std::optional<Stepper> stepper_;
  std::optional<Sequence> sequence_;
};

struct Case {
  const char* name;
  const char* checkpoint;
  bool (*takes)(int layer);
};

void PrintTo(const Case& value, std::ostream* out) { *out << value.name; }

class SplitModels : public testing::TestWithParam<Case> {};

const ProgramSet::Item& item(const ProgramSet& programs, std::string_view name) {
  return *std::ranges::find(programs.items(), name, &ProgramSet::Item::name);
}

TEST_P(SplitModels, GivesWhatOneBackendGives) {
  const std::vector<std::int32_t> ids = prompt(70);  // more than a page of state
  const auto remote = std::make_shared<RemoteBackend>(layers(GetParam().takes));
  Split split(GetParam().checkpoint, {remote, exact_cpu()}), whole(GetParam().checkpoint, {exact_cpu()});
  EXPECT_TRUE(item(whole.programs(), "decode").in_place);
  EXPECT_GT(item(split.programs(), "decode").parts.size(), 1u);
  EXPECT_LE(nmse(split.run(ids), whole.run(ids)), kBound);
  EXPECT_GT(remote->runs(), 0);
  EXPECT_GT(remote->early_polls(), 0) << "somebody must have waited";
}

TEST_P(SplitModels, KeepsEachStateWhereItsLayerRuns) {
  const auto remote = std::make_shared<RemoteBackend>(layers(GetParam().takes));
  Split split(GetParam().checkpoint, {remote, exact_cpu()});
  (void)split.run(prompt(5));
  int there = 0, here = 0;
  for (std::size_t layer = 0; layer < split.store().views().size(); ++layer) {
    const ops::StateView& view = split.store().views()[layer];
    ASSERT_NE(view.buffer, nullptr);
    const BufferView pages(*view.buffer, view.offset, view.page_bytes * static_cast<std::uint64_t>(view.n_pages));
    if (GetParam().takes(static_cast<int>(layer))) {
      EXPECT_EQ(view.data, nullptr) << layer;
      EXPECT_TRUE(RemoteBackend::was_written(pages)) << layer;
      ++there;
    } else {
      ASSERT_NE(view.data, nullptr) << layer;
      EXPECT_TRUE(std::ranges::any_of(pages.bytes(), [](std::byte b) { return b != std::byte{0}; })) << layer;
      ++here;
    }
  }
  EXPECT_GT(there, 0);
  EXPECT_GT(here, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Models, SplitModels,
    testing::Values(Case{"smollm2_first", "text/smollm2", [](int layer) { return layer < 2; }},
                    Case{"smollm2_later", "text/smollm2", [](int layer) { return layer >= 2; }},
                    Case{"smollm2_alternating", "text/smollm2", [](int layer) { return layer % 2 == 0; }},
                    Case{"qwen3_first", "text/qwen3", [](int layer) { return layer < 1; }},
                    Case{"qwen3_alternating", "text/qwen3", [](int layer) { return layer % 2 == 1; }},
                    Case{"mobilevlm_first", "multimodal/mobilevlm_v2", [](int layer) { return layer == 0; }},
                    Case{"mobilevlm_later", "multimodal/mobilevlm_v2", [](int layer) { return layer == 1; }}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(SplitMedia, PicturesRunOverBoth) {
  const auto remote = std::make_shared<RemoteBackend>(layers([](int layer) { return layer % 2 == 0; }));
  Split split("multimodal/mobilevlm_v2", {remote, exact_cpu()}), whole("multimodal/mobilevlm_v2", {exact_cpu()});
  const graph::TraceInput& pixels = item(whole.programs(), "encode_image").inputs[0];
  const Tensor picture = Tensor::random(pixels.type.shape, 3);
  const std::vector<float> rows = split.encode(picture), expected = whole.encode(picture);
  EXPECT_LE(nmse(rows, expected), kBound);
  EXPECT_GT(remote->runs(), 0);
  const auto n_rows =
      static_cast<std::int32_t>(static_cast<std::int64_t>(rows.size()) / whole.model().info().hidden_size);
  const std::vector<std::int32_t> ids = prompt(n_rows + 9);
  std::vector<std::int32_t> splice(ids.size(), -1);
  for (std::int32_t row = 0; row < n_rows; ++row) splice[static_cast<std::size_t>(row) + 4] = row;
  EXPECT_LE(nmse(split.run(ids, splice, rows), whole.run(ids, splice, expected)), kBound);
}

// What one part computes and a later part of the same backend reads, with another's between: the residual.
TEST(SplitRuns, KeepWhatIsReadAfterAnothersPart) {
  const auto remote =
      std::make_shared<RemoteBackend>([](int, const graph::Node& node) { return node.as<ops::Linear>() != nullptr; });
  const auto others =
      std::make_shared<RemoteBackend>([](int, const graph::Node& node) { return node.as<ops::Linear>() == nullptr; });
  Split whole("text/smollm2", {exact_cpu()});
  const std::vector<std::int32_t> ids = prompt(30);
  const std::vector<float> expected = whole.run(ids);
  for (const auto& backend : {remote, others}) {
    Split split("text/smollm2", {backend, exact_cpu()});
    EXPECT_GT(item(split.programs(), "decode").parts.size(), 12u);
    EXPECT_LE(nmse(split.run(ids), expected), kBound);
  }
}

// Neither's memory is the host's: values are staged there.
TEST(SplitRuns, BetweenTwoThatTheHostCannotAddress) {
  const auto even = std::make_shared<RemoteBackend>(layers([](int layer) { return layer % 2 == 0; }));
  const auto odd = std::make_shared<RemoteBackend>(layers([](int layer) { return layer % 2 == 1; }), 1, "far");
  Split split("text/smollm2", {even, odd, exact_cpu()}), whole("text/smollm2", {exact_cpu()});
  EXPECT_GT(split.programs().staging_bytes(), 0);
  const std::vector<std::int32_t> ids = prompt(30);
  EXPECT_LE(nmse(split.run(ids), whole.run(ids)), kBound);
  EXPECT_GT(even->runs(), 0);
  EXPECT_GT(odd->runs(), 0);
}

// What a browser does: submit, come back, ask.
TEST(SplitRuns, GoOnWhenTheyAreAsked) {
  const auto remote = std::make_shared<RemoteBackend>(layers([](int layer) { return layer == 1; }), /*polls=*/5);
  Split split("text/smollm2", {remote, exact_cpu()}), whole("text/smollm2", {exact_cpu()});
  const std::vector<std::int32_t> ids = {4, 8, 15, 16}, positions = {0, 1, 2, 3}, wanted = {3};
  const auto inputs_of = [&](const ProgramSet& programs) {
    std::vector<const std::byte*> inputs;
    for (const graph::TraceInput& input : item(programs, "prefill").inputs) {
      const auto& values = input.name == "token_ids" ? ids : input.name == "positions" ? positions : wanted;
      inputs.push_back(reinterpret_cast<const std::byte*>(values.data()));
    }
    return inputs;
  };
  const auto symbols_of = [&](const ProgramSet& programs) {
    std::vector<std::int64_t> symbols;
    for (const auto& symbol : item(programs, "prefill").symbols) symbols.push_back(symbol.name == "rows" ? 1 : 4);
    return symbols;
  };
  const std::vector<std::int32_t> sequence(4, 0), pages = {0, 1, 2};
  const auto submit = [&](Split& model, const std::vector<std::int64_t>& symbols,
                          const std::vector<const std::byte*>& inputs, const ops::StepView& step) {
    return model.executor().submit(model.executor().find("prefill"), symbols, inputs, &step);
  };
  const ops::GroupView group{.pages = pages.data(), .max_pages = 3, .position = positions.data()};
  const auto step_of = [&](const Split& model) {
    return ops::StepView{.n_rows = 4,
                         .n_sequences = 1,
                         .sequence = sequence.data(),
                         .position = positions.data(),
                         .groups = {&group, 1},
                         .states = model.store().views()};
  };
  const auto symbols = symbols_of(split.programs());
  const auto inputs = inputs_of(split.programs());
  const ops::StepView late = step_of(split), early = step_of(whole);
  auto fence = submit(split, symbols, inputs, late);
  ASSERT_TRUE(fence.ok()) << fence.error().message;
  EXPECT_FALSE(submit(split, symbols, inputs, late).ok()) << "the run before is not over";
  int asked = 0;
  while (!fence->done()) ++asked;
  EXPECT_GE(asked, 10) << "uploads, a run and a download, each late";
  EXPECT_TRUE(fence->wait().ok());
  const auto at_once = submit(whole, symbols_of(whole.programs()), inputs_of(whole.programs()), early);
  ASSERT_TRUE(at_once.ok()) << at_once.error().message;
  EXPECT_TRUE(at_once->done());
  const int entry = whole.executor().find("prefill");
  EXPECT_LE(nmse(split.executor().output(split.executor().find("prefill"), 0), whole.executor().output(entry, 0)),
            kBound);
}

// A whole model in the host's memory runs without a plan of moves; it is waited for as well.
TEST(SplitRuns, WaitForABackendThatSharesMemoryAndIsLate) {
  const auto late = std::make_shared<LateBackend>(exact_cpu());
  Split waited("text/smollm2", {late}), whole("text/smollm2", {exact_cpu()});
  EXPECT_TRUE(item(waited.programs(), "prefill").in_place);
  EXPECT_TRUE(item(waited.programs(), "decode").in_place);
  const std::vector<std::int32_t> ids = prompt(30);
  EXPECT_TRUE(waited.run(ids) == whole.run(ids));
  EXPECT_GT(late->early_polls(), 0);
}

TEST(SplitPasses, ShowWhatIsCopiedAndFuseOnlyWhatIsTaken) {
  const auto checkpoint = formats::Checkpoint::open(kData + "text/smollm2").value();
  const auto model = models::build_model(checkpoint).value();
  const RemoteBackend remote(layers([](int layer) { return layer == 1 || layer == 2; }));
  const auto cpu = exact_cpu();
  const std::vector<const graph::Backend*> backends = {&remote, cpu.get()};
  for (const models::Entry& entry : model->entries({})) {
    if (entry.name != "decode") continue;
    const auto after = [&](std::string_view pass) {
      return graph::run_passes(models::trace_entry(*model, entry).value(), backends, pass).value();
    };
    EXPECT_THAT(graph::to_text(after("copies")), HasSubstr("{from=cpu} on remote"));
    EXPECT_THAT(graph::to_text(after("copies")), HasSubstr("{from=remote} on cpu"));
    int appends = 0, ropes = 0;
    for (const graph::Node& node : after("pack").nodes) {
      if (node.backend != "remote") continue;
      appends += graph::name(node) == "rope_append" ? 1 : 0;
      ropes += node.as<ops::KvAppend>() != nullptr ? 1 : 0;
      EXPECT_NE(graph::name(node), "linears") << "it does not take them";
    }
    EXPECT_EQ(appends, 1) << "of state 2";
    EXPECT_EQ(ropes, 1) << "of state 1, which it refuses when fused";
  }
}

}  // namespace
}  // namespace galago::runtime
