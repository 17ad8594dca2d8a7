// A toy model with state of every kind, compiled, over a StateStore: whatever a sequence went through, each of its rows
// has the same bits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "backends/cpu/cpu_backend.h"
#include "base/arena.h"
#include "base/try.h"
#include "graph/pipeline.h"
#include "graph/trace.h"
#include "nn/cross_attention.h"
#include "nn/short_convolution.h"
#include "runtime/sequence.h"
#include "runtime/step_tables.h"

namespace galago::runtime {
namespace {

using Floats = std::vector<float>;

constexpr std::int64_t kWidth = 32, kMostRows = 256;
constexpr int kHeads = 2, kHeadDim = 16, kWindow = 70;

// Gives every parameter values of its own.
void fill(const nn::detail::ModuleNode& node, std::uint64_t& seed) {
  for (const nn::detail::NamedParameter& own : node.parameters) {
    const Shape& shape = own.slot->shape;
    const float columns = static_cast<float>(shape.dim(-1).bound());
    own.slot->tensor = scale(Tensor::random(shape, ++seed), shape.rank() > 1 ? 1.0f / std::sqrt(columns) : 1.0f);
  }
  for (const nn::detail::Child& child : node.children) fill(*child.node, seed);
}

// Which states the toy has.
struct Parts {
  bool convolution = true;
  bool cross = true;
};

// q_proj, k_proj, v_proj over a paged state.
class ToyAttention : public nn::Module {
 public:
  explicit ToyAttention(int window)
      : window_(window),
        q_proj_(add("q_proj", nn::Linear(kWidth, kWidth))),
        k_proj_(add("k_proj", nn::Linear(kWidth, kWidth))),
        v_proj_(add("v_proj", nn::Linear(kWidth, kWidth))),
        state_(ops::Paged{kHeads, kHeadDim, kHeadDim, window}) {
    node()->states.push_back(state_.slot());
  }
  Tensor operator()(const Tensor& x) const {
    const Shape heads = {x.shape().dim(0), kHeads, kHeadDim};
    const Status appended =
        ops::kv_append(reshape(k_proj_(x), heads), reshape(v_proj_(x), heads), state_.number(), nullptr);
    if (!appended.ok()) return Tensor::failed(appended.error());
    const ops::PagedAttention op{state_.number(), kHeads, kHeadDim, 0.25f, window_};
    return reshape(ops::paged_attention(reshape(q_proj_(x), heads), op, nullptr), {x.shape().dim(0), kWidth});
  }

 private:
  int window_;
  nn::Linear q_proj_, k_proj_, v_proj_;
  nn::State state_;
};

nn::CrossAttentionConfig cross_config() {
  return {.hidden_size = kWidth,
          .encoder_size = 8,
          .n_heads = kHeads,
          .n_kv_heads = 1,
          .head_dim = kHeadDim,
          .key_bias = false,
          .max_tokens = 200};
}

class Toy : public nn::Module {
 public:
  explicit Toy(Parts parts) : all_(add("all", ToyAttention(0))), near_(add("near", ToyAttention(kWindow))) {
    if (parts.convolution) conv_ = add("conv", nn::ShortConvolution({.hidden_size = kWidth, .kernel = 4}));
    if (parts.cross) cross_ = add("cross", nn::CrossAttention(cross_config()));
    std::uint64_t seed = 0;
    fill(*node(), seed);
  }
  Tensor operator()(Tensor x) const {
    if (conv_) x = x + (*conv_)(x);
    x = x + all_(x);
    if (cross_) x = x + (*cross_)(x);
    return x + near_(x);
  }
  Status append(const Tensor& rows) const { return cross_->append(rows); }

 private:
  ToyAttention all_, near_;
  std::optional<nn::ShortConvolution> conv_;
  std::optional<nn::CrossAttention> cross_;
};

// A compiled entry with one input x (tokens, width).
struct Entry {
  std::unique_ptr<graph::Program> program;
  Arena arena;

  Result<Floats> run(std::span<const float> x, std::int64_t rows, const ops::StepView& step, int n_threads) const {
    const std::array symbols = {rows};
    const std::array inputs = {BufferView(std::as_bytes(x))};
    const graph::RunArguments arguments{symbols, inputs, &step, BufferView(arena.bytes()), n_threads};
    GALAGO_TRY(const graph::Fence fence, program->submit(arguments));
    GALAGO_CHECK(fence.wait());
    if (program->n_outputs() == 0) return Floats();
    const BufferView bytes = program->output(0, arguments);
    Floats values(bytes.size / sizeof(float));
    std::memcpy(values.data(), bytes.host, bytes.size);
    return values;
  }
};

using Forward = std::function<std::vector<graph::NamedTensor>(const Tensor& x)>;

Entry compile(graph::Backend& backend, std::int64_t width, const std::vector<ops::StateSpec>& states,
              const Forward& forward) {
  const std::vector<graph::TraceInput> inputs = {{"x", {DType::kF32, {Dim::symbol("tokens", kMostRows), width}}}};
  auto traced = graph::trace("toy", inputs, states, [&](const graph::TracedInputs& in) { return forward(in["x"]); });
  const std::array<const graph::Backend*, 1> backends = {&backend};
  auto program = backend.compile(graph::run_passes(std::move(traced).value(), backends).value()).value();
  Arena arena = Arena::create(static_cast<std::uint64_t>(program->plan().peak_bytes)).value();
  return {std::move(program), std::move(arena)};
}

// `n` rows of sequence `seed`, from row `first` on.
Floats rows_of(int seed, std::int64_t first, std::int64_t n, std::int64_t width = kWidth) {
  Floats rows;
  for (std::int64_t row = first; row < first + n; ++row) {
    std::mt19937 bits(static_cast<std::uint32_t>(seed * 10007 + row));
    for (std::int64_t i = 0; i < width; ++i) rows.push_back(static_cast<float>(bits() % 2001) / 1000.0f - 1.0f);
  }
  return rows;
}

class StatePrograms : public ::testing::TestWithParam<Precision> {
 protected:
  // A model's entries and a store. `frees`: whether windows free their pages.
  struct Machine {
    Machine(Precision precision, Parts parts, int sequences = 4, bool frees = true)
        : backend(cpu::CpuBackend::create({.precision = precision}).value()),
          toy(parts),
          states(nn::number_states(toy)),
          step(compile(*backend, kWidth, states,
                       [&](const Tensor& x) -> std::vector<graph::NamedTensor> { return {{"y", toy(x)}}; })),
          store(make_store(frees, sequences)),
          tables(store, static_cast<int>(kMostRows), sequences) {
      if (!parts.cross) return;
      cross_kv = compile(*backend, 8, states, [&](const Tensor& x) -> std::vector<graph::NamedTensor> {
        if (const Status appended = toy.append(x); !appended.ok()) return {{"error", Tensor::failed(appended.error())}};
        return {};
      });
    }

    StateStore make_store(bool frees, int sequences) const {
      std::vector<ops::StateSpec> kept = states;
      for (ops::StateSpec& spec : kept) {
        if (auto* paged = std::get_if<ops::Paged>(&spec); paged != nullptr && !frees) paged->window = 0;
      }
      return StateStore::create(kept, KvType::kF16, 64, sequences).value();
    }

    // Appends rows `[length, length + n)` of `seed` to the sequence; what came out of them.
    Floats append(Sequence& sequence, int seed, std::int64_t n) {
      const Floats x = rows_of(seed, sequence.length(), n);
      EXPECT_TRUE(sequence.reserve(n).ok());
      tables.clear();
      tables.add(sequence, n);
      auto y = step.run(x, n, tables.view(), n_threads);
      EXPECT_TRUE(y.ok()) << y.error().message;
      sequence.advance(n);
      return y.ok() ? *y : Floats();
    }
    Floats append_in_chunks(Sequence& sequence, int seed, std::int64_t n, std::int64_t chunk) {
      Floats all;
      while (n > 0) {
        const std::int64_t rows = sequence.step_rows(n, chunk);
        const Floats y = append(sequence, seed, rows);
        all.insert(all.end(), y.begin(), y.end());
        n -= rows;
      }
      return all;
    }
    void encode(Sequence& sequence, int seed, std::int64_t n) {
      const Floats rows = rows_of(seed, sequence.static_length(), n, 8);
      ASSERT_TRUE(sequence.reserve_static(n).ok());
      tables.clear();
      tables.add_static(sequence, n);
      const auto run = cross_kv->run(rows, n, tables.view(), n_threads);
      ASSERT_TRUE(run.ok()) << run.error().message;
      sequence.advance_static(n);
    }

    std::unique_ptr<cpu::CpuBackend> backend;
    Toy toy;
    std::vector<ops::StateSpec> states;
    Entry step;
    std::optional<Entry> cross_kv;
    StateStore store;
    StepTables tables;
    int n_threads = 1;
  };
};

TEST_P(StatePrograms, ChunksChangeNoBit) {
  Machine machine(GetParam(), {});
  Floats whole;
  {
    Sequence sequence(machine.store);
    machine.encode(sequence, 9, 100);
    whole = machine.append(sequence, 1, 250);
  }
  for (const std::int64_t chunk : {1, 5, 64, 250}) {
    for (const int threads : {1, 2}) {
      machine.n_threads = threads;
      Sequence sequence(machine.store);
      machine.encode(sequence, 9, 37);
      machine.encode(sequence, 9, 63);
      EXPECT_EQ(machine.append_in_chunks(sequence, 1, 250, chunk), whole) << "chunks of " << chunk;
    }
  }
  Sequence other(machine.store);
  machine.encode(other, 8, 100);
  EXPECT_NE(machine.append(other, 1, 250), whole);
}

TEST_P(StatePrograms, FreedPagesChangeNoBit) {
  Machine freeing(GetParam(), {.convolution = false, .cross = false});
  Machine keeping(GetParam(), {.convolution = false, .cross = false}, 4, /*frees=*/false);
  ASSERT_EQ(freeing.store.groups().size(), 2u);
  ASSERT_EQ(keeping.store.groups().size(), 1u);
  Sequence a(freeing.store), b(keeping.store);
  const StateGroup& window = freeing.store.groups()[1];
  for (int i = 0; i < 40; ++i) {
    const std::int64_t n = i % 3 == 0 ? 1 : i % 3 == 1 ? 100 : 57;
    EXPECT_EQ(freeing.append(a, 2, n), keeping.append(b, 2, n)) << "step " << i;
    // 69 tokens that the next row sees and 64 to return to lie in at most 4 pages; steps of 100 rows were in others.
    EXPECT_LE(window.n_pages - window.pool.n_free(), 4) << "after " << a.length() << " tokens";
  }
  EXPECT_EQ(a.pages(0).size(), 33u);
  EXPECT_EQ(a.pages(1)[20], -1);
}

// An attention that looked past its window would find that the pages are gone.
TEST_P(StatePrograms, FreedPagesCannotBeRead) {
  Machine machine(GetParam(), {.convolution = false, .cross = false});
  Sequence sequence(machine.store);
  machine.append(sequence, 1, 250);
  machine.append(sequence, 1, 250);
  ASSERT_TRUE(sequence.reserve(1).ok());
  machine.tables.clear();
  machine.tables.add(sequence, 1);
  ops::StepView step = machine.tables.view();
  std::vector<ops::GroupView> groups(step.groups.begin(), step.groups.end());
  groups[0].pages = groups[1].pages;  // the full layer looks into the window's table
  step.groups = groups;
  const auto y = machine.step.run(rows_of(1, 500, 1), 1, step, 1);
  ASSERT_FALSE(y.ok());
  EXPECT_THAT(y.error().message, ::testing::HasSubstr("paged_attention: tokens from 0 of sequence 0 lie in page -1"));
}

TEST_P(StatePrograms, ForksGoTheirOwnWays) {
  Machine machine(GetParam(), {});
  const auto alone = [&](int seed) {
    Sequence sequence(machine.store);
    machine.encode(sequence, 9, 10);
    machine.append(sequence, 1, 100);
    return machine.append_in_chunks(sequence, seed, 90, 13);
  };
  const Floats first = alone(1), second = alone(2);
  Sequence a(machine.store);
  machine.encode(a, 9, 10);
  machine.append(a, 1, 100);
  Sequence b = a.fork().value();
  Floats of_a, of_b;
  for (int i = 0; i < 6; ++i) {
    const Floats y = machine.append(a, 1, 15), z = machine.append(b, 2, 15);
    of_a.insert(of_a.end(), y.begin(), y.end());
    of_b.insert(of_b.end(), z.begin(), z.end());
  }
  EXPECT_EQ(of_a, first);
  EXPECT_EQ(of_b, second);
  EXPECT_NE(of_a, of_b);
}

TEST_P(StatePrograms, ReturnsIntoAPage) {
  Machine machine(GetParam(), {.convolution = false, .cross = false});
  Sequence a(machine.store), b(machine.store);
  machine.append(a, 1, 150);
  machine.append(a, 2, 40);
  ASSERT_EQ(a.returnable(150), 150);
  ASSERT_TRUE(a.return_to(150).ok());
  machine.append(b, 1, 150);
  const Floats found = machine.append(a, 3, 20), expected = machine.append(b, 3, 20);
  EXPECT_EQ(found, expected);
}

TEST_P(StatePrograms, ReturnsToWhatRecurrentStateKeeps) {
  Machine machine(GetParam(), {.convolution = true, .cross = false});
  Sequence a(machine.store);
  machine.append_in_chunks(a, 1, 200, 100);  // steps end at 64, 128 and 200
  a.mark();
  machine.append(a, 2, 70);
  for (const auto& [wanted, possible] :
       {std::pair{250, 200}, std::pair{199, 128}, std::pair{127, 64}, std::pair{63, 0}}) {
    ASSERT_EQ(a.returnable(wanted), possible);
    ASSERT_TRUE(a.return_to(possible).ok());
    Sequence b(machine.store);
    if (possible > 0) machine.append(b, 1, possible);
    const Floats found = machine.append(a, 3, 33), expected = machine.append(b, 3, 33);
    EXPECT_EQ(found, expected) << "after " << possible;
  }
}

TEST_P(StatePrograms, RestoresAllKindsOfState) {
  Machine machine(GetParam(), {});
  Sequence a(machine.store);
  machine.encode(a, 9, 10);
  machine.append(a, 1, 130);
  const StateSnapshot snapshot = a.snapshot().value();
  const Floats expected = machine.append_in_chunks(a, 2, 100, 30);
  Sequence b(machine.store);
  machine.encode(b, 8, 150);
  machine.append(b, 5, 20);
  for (Sequence* sequence : {&b, &a, &b}) {
    ASSERT_TRUE(sequence->restore(snapshot).ok());
    EXPECT_EQ(machine.append_in_chunks(*sequence, 2, 100, 30), expected);
  }
}

TEST_P(StatePrograms, SequencesInOneStepDoNotMeet) {
  Machine machine(GetParam(), {});
  const std::array<std::int64_t, 3> encoded = {5, 150, 64}, before = {70, 0, 131}, rows = {3, 40, 1};
  std::vector<Floats> alone;
  Floats x;
  std::vector<Sequence> sequences;
  for (int s = 0; s < 3; ++s) {
    const auto i = static_cast<std::size_t>(s);
    Sequence sequence(machine.store);
    machine.encode(sequence, 20 + s, encoded[i]);
    if (before[i] > 0) machine.append(sequence, s, before[i]);
    sequences.push_back(sequence.fork().value());
    alone.push_back(machine.append(sequence, s, rows[i]));
    const Floats own = rows_of(s, before[i], rows[i]);
    x.insert(x.end(), own.begin(), own.end());
  }
  for (const int threads : {1, 2}) {
    machine.tables.clear();
    std::vector<Sequence> together;
    for (std::size_t i = 0; i < 3; ++i) {
      together.push_back(sequences[i].fork().value());
      ASSERT_TRUE(together[i].reserve(rows[i]).ok());
      machine.tables.add(together[i], rows[i]);
    }
    const Floats y = machine.step.run(x, 44, machine.tables.view(), threads).value();
    std::ptrdiff_t at = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const std::ptrdiff_t end = at + rows[i] * kWidth;
      EXPECT_EQ(Floats(y.begin() + at, y.begin() + end), alone[i]) << "sequence " << i << ", " << threads << " threads";
      at = end;
    }
  }
}

TEST_P(StatePrograms, AnEncoderMustHaveRun) {
  Machine machine(GetParam(), {});
  Sequence sequence(machine.store);
  ASSERT_TRUE(sequence.reserve(1).ok());
  machine.tables.clear();
  machine.tables.add(sequence, 1);
  const auto y = machine.step.run(rows_of(1, 0, 1), 1, machine.tables.view(), 1);
  ASSERT_FALSE(y.ok());
  EXPECT_THAT(y.error().message, ::testing::HasSubstr("paged_attention: row 0 has position -1"));
}

// Cross-attention alone against attention without any state.
TEST_P(StatePrograms, CrossAttentionSeesAllRowsOfTheEncoder) {
  const nn::CrossAttention cross(cross_config());
  std::uint64_t seed = 0;
  fill(*cross.node(), seed);
  const auto states = nn::number_states(cross);
  const auto backend = cpu::CpuBackend::create({.precision = GetParam()}).value();
  const Entry write = compile(*backend, 8, states, [&](const Tensor& x) -> std::vector<graph::NamedTensor> {
    if (const Status appended = cross.append(x); !appended.ok()) return {{"error", Tensor::failed(appended.error())}};
    return {};
  });
  const Entry read = compile(*backend, kWidth, states,
                             [&](const Tensor& x) -> std::vector<graph::NamedTensor> { return {{"y", cross(x)}}; });
  StateStore store = StateStore::create(states, KvType::kF32, 1, 2).value();
  StepTables tables(store, static_cast<int>(kMostRows), 2);
  const std::array<std::int64_t, 2> encoded = {130, 7}, rows = {5, 9};
  std::vector<Sequence> sequences;
  Floats x;
  for (std::size_t s = 0; s < 2; ++s) {
    Sequence& sequence = sequences.emplace_back(store);
    ASSERT_TRUE(sequence.reserve_static(encoded[s]).ok());
    tables.clear();
    tables.add_static(sequence, encoded[s]);
    ASSERT_TRUE(write.run(rows_of(static_cast<int>(s), 0, encoded[s], 8), encoded[s], tables.view(), 1).ok());
    sequence.advance_static(encoded[s]);
    const Floats own = rows_of(5 + static_cast<int>(s), 0, rows[s]);
    x.insert(x.end(), own.begin(), own.end());
  }
  tables.clear();
  for (std::size_t s = 0; s < 2; ++s) tables.add(sequences[s], rows[s]);
  const Floats found = read.run(x, 14, tables.view(), 1).value();

  Floats expected;
  const auto parameter = [&](std::string_view module, std::string_view name) -> Tensor {
    for (const auto& child : cross.node()->children) {
      if (child.name != module) continue;
      for (const auto& own : child.node->parameters) {
        if (own.name == name) return own.slot->tensor;
      }
    }
    return {};
  };
  const auto project = [&](std::string_view module, const Tensor& of) {
    return linear(of, parameter(module, "weight"), parameter(module, "bias"));
  };
  for (std::size_t s = 0; s < 2; ++s) {
    const Tensor own = Tensor::from(rows_of(5 + static_cast<int>(s), 0, rows[s]), {rows[s], kWidth});
    const Tensor encoder = Tensor::from(rows_of(static_cast<int>(s), 0, encoded[s], 8), {encoded[s], 8});
    const Tensor y = dense_attention(reshape(project("q_proj", own), {rows[s], kHeads, kHeadDim}),
                                     reshape(project("k_proj", encoder), {encoded[s], 1, kHeadDim}),
                                     reshape(project("v_proj", encoder), {encoded[s], 1, kHeadDim}), 0.25f, false);
    const Tensor out = project("out_proj", reshape(y, {rows[s], kWidth}));
    ASSERT_TRUE(out.ok()) << out.error().message;
    expected.insert(expected.end(), out.floats().begin(), out.floats().end());
  }
  ASSERT_EQ(found.size(), expected.size());
  double error = 0, power = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    error += std::pow(double{found[i]} - expected[i], 2);
    power += std::pow(double{expected[i]}, 2);
  }
  EXPECT_LE(error / power, GetParam() == Precision::kExact ? 1e-7 : 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Precisions, StatePrograms, ::testing::Values(Precision::kExact, Precision::kFast),
                         [](const auto& tested) { return tested.param == Precision::kExact ? "exact" : "fast"; });

}  // namespace
}  // namespace galago::runtime
