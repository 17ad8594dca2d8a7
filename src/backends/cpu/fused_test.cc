// Each fused pattern, and a whole decoder layer, against the scalar references of what it was fused from; and that no
// row's bits depend on threads, chunks or neighbours.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "backends/cpu/program_fixture_test.h"
#include "backends/cpu/testable_kernels_test.h"
#include "galago/ops.h"
#include "ops/conformance_cases.h"
#include "ops/kv_append.h"
#include "ops/kv_codec.h"
#include "ops/paged_attention.h"
#include "ops/rope.h"

namespace galago::cpu {
namespace {

constexpr double kExactBound = 1e-9, kFastBound = 5e-4;

Dim rows(std::int64_t bound = 96) { return Dim::symbol("rows", bound); }

Tensor weight(DType dtype, std::int64_t out, std::int64_t in, std::uint64_t seed) {
  return ops::random_weight(dtype, {out, in}, seed);
}

// Compiles in both classes, for every instruction set, and compares with the references on 1, 5 and 96 rows. `widths`
// are those of the inputs; `pattern` must stand in the compiled graph `times`.
void check(const graph::TracedFunction& function, const std::vector<std::int64_t>& widths, std::string_view pattern,
           int times = 1, double fast_bound = kFastBound) {
  Source source{.function = function};
  for (std::size_t i = 0; i < widths.size(); ++i) {
    source.inputs.push_back({fmt::format("x{}", i), {DType::kF32, {rows(), widths[i]}}});
  }
  for (const KernelTable* kernels : testable_kernels()) {
    for (const auto precision : {graph::Precision::kExact, graph::Precision::kFast}) {
      const bool fast = precision == graph::Precision::kFast;
      const Compiled compiled = compile(source, {.precision = precision, .kernels = kernels});
      EXPECT_EQ(count_nodes(compiled.graph, pattern), times) << compiled.program->to_string();
      for (const std::int64_t n : {1, 5, 96}) {
        SCOPED_TRACE(fmt::format("{} {} rows {}", kernels->isa, fast ? "fast" : "exact", n));
        std::vector<Tensor> inputs;
        for (std::size_t i = 0; i < widths.size(); ++i) inputs.push_back(Tensor::random({n, widths[i]}, 7 + i));
        const auto expected = run_reference(source, inputs);
        const auto one = compiled.run(inputs, {n}, nullptr, 1, 0xff);
        const auto two = compiled.run(inputs, {n}, nullptr, 2, 0x41);
        ASSERT_TRUE(one.ok()) << one.error().message;
        for (std::size_t i = 0; i < expected.size(); ++i) {
          EXPECT_LE(nmse((*one)[i], expected[i]), fast ? fast_bound : kExactBound) << "output " << i;
          EXPECT_EQ((*one)[i], (*two)[i]) << "one and two threads differ in output " << i;
        }
      }
    }
  }
}

const Tensor kGain = Tensor::random({64}, 90), kShift = Tensor::random({64}, 91);

TEST(Fused, LinearsOfOneInputAreGroupedWithTheirNorm) {
  const Tensor q = weight(DType::kQ4_1, 64, 64, 1), k = weight(DType::kQ8_0, 33, 64, 2),
               v = weight(DType::kF16, 7, 64, 3);
  const Tensor bias = Tensor::random({33}, 4);
  check(
      [&](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
        const Tensor h = rms_norm(in["x0"], kGain, 1e-5f);
        return {{"q", linear(h, q)}, {"k", linear(h, k, bias)}, {"v", linear(h, v)}};
      },
      {64}, "linears");
}

TEST(Fused, LayerNormAndLinearAndResidual) {
  const Tensor w = weight(DType::kQ5_1, 96, 64, 1), bias = Tensor::random({96}, 2);
  check(
      [&](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
        return {{"y", in["x1"] + linear(layer_norm(in["x0"], kGain, kShift), w, bias)}};
      },
      {64, 96}, "linears");
}

TEST(Fused, NormPlusOneAndRowsLeftInTheFile) {
  const Tensor w = weight(DType::kIQ4_NL, 40, 64, 1);
  check(
      [&](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
        return {{"y", linear(rms_norm(in["x0"], kGain, 1e-6f, true), w)}};
      },
      {64}, "linears");
}

// The down of a gated network, of each form: int8, bf16 where there are tiles for it, and floats.
TEST(Fused, GatedNetworkWithNormAndResidual) {
  for (const DType down : {DType::kQ4_0, DType::kF16}) {
    const Tensor gate = weight(DType::kQ4_1, 96, 64, 1), up = weight(DType::kQ8_0, 96, 64, 2),
                 w = weight(down, 64, 96, 3);
    check(
        [&](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
          const Tensor h = rms_norm(in["x0"], kGain, 1e-5f);
          return {{"y", linear(silu(linear(h, gate)) * linear(h, up), w) + in["x0"]}};
        },
        {64}, "gated_linears", 1, 4 * kFastBound);
  }
}

// Up is traced first; widths are no whole blocks, nor whole tiles; every linear has a bias.
TEST(Fused, GatedNetworkOfOddWidthWithBiases) {
  const Tensor gate = weight(DType::kF16, 75, 64, 1), up = weight(DType::kF32, 75, 64, 2),
               down = weight(DType::kF32, 33, 75, 3);
  const Tensor gate_bias = Tensor::random({75}, 4), up_bias = Tensor::random({75}, 5),
               down_bias = Tensor::random({33}, 6);
  check(
      [&](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
        const Tensor u = linear(in["x0"], up, up_bias);
        return {{"y", linear(u * gelu_tanh(linear(in["x0"], gate, gate_bias)), down, down_bias)}};
      },
      {64}, "gated_linears");
}

TEST(Fused, GatedProductThatIsReadTwice) {
  const Tensor gate = weight(DType::kQ4_0, 64, 64, 1), up = weight(DType::kF16, 64, 64, 2),
               down = weight(DType::kQ8_0, 40, 64, 3);
  check(
      [&](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
        const Tensor h = layer_norm(in["x0"], kGain, kShift);
        const Tensor product = silu(linear(h, gate)) * linear(h, up);
        return {{"product", product}, {"y", linear(product, down)}};
      },
      {64}, "gated_linears", 1, 4 * kFastBound);
}

// Where somebody else reads gate or up they are linears as any.
TEST(Fused, GateThatIsReadTwiceIsNotInside) {
  const Tensor gate = weight(DType::kQ4_0, 64, 64, 1), up = weight(DType::kQ4_0, 64, 64, 2);
  check(
      [&](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
        const Tensor g = linear(in["x0"], gate);
        return {{"gate", g}, {"y", silu(g) * linear(in["x0"], up)}};
      },
      {64}, "gated_linears", 0);
}

TEST(Fused, GatedActivationOfWhatComesFromOutside) {
  const Tensor w = weight(DType::kQ4_0, 64, 96, 1);
  check(
      [&](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
        return {{"y", linear(silu(in["x0"]) * in["x1"], w) + in["x2"]}};
      },
      {96, 96, 64}, "linears");
}

TEST(Fused, GatedActivationAlone) {
  check(
      [](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
        return {{"y", in["x1"] * gelu_tanh(in["x0"])}};
      },
      {37, 37}, "gated_act");
}

// relu2 has no gated kernel: the backend refuses the fused node before it comes to be.
TEST(Fused, GatedReluSquaredStaysApart) {
  const Tensor w = weight(DType::kQ8_0, 40, 64, 1);
  check(
      [&](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
        return {{"y", linear(relu2(in["x0"]) * in["x1"], w)}};
      },
      {64, 64}, "gated_act", 0);
}

TEST(Fused, AddAndNormWhenTheSumIsReadToo) {
  check(
      [](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
        const Tensor sum = in["x0"] + in["x1"];
        return {{"y", rms_norm(sum, kGain)}, {"sum", sum}};
      },
      {64, 64}, "add_norm");
  check(
      [](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
        const Tensor sum = in["x0"] + in["x1"];
        return {{"sum", sum}, {"y", layer_norm(sum, kGain, kShift)}};
      },
      {64, 64}, "add_norm");
}

TEST(Fused, OfTwoResidualsOneIsInside) {
  const Tensor w = weight(DType::kF32, 64, 64, 1);
  check(
      [&](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
        return {{"y", linear(in["x0"], w) + in["x1"] + in["x2"]}};
      },
      {64, 64, 64}, "linears");
}

// A decoder layer as the models have it: normed q, k, v with biases, rope, paged state, gated MLP, tied output.
struct Decoder {
  static constexpr int kHidden = 64, kHeads = 4, kKvHeads = 2, kHeadDim = 16, kInner = 96, kVocab = 50;
  // Weights of unit size give queries and keys of size 8: scores of unit size, as trained models have them.
  static constexpr float kScale = 1.0f / 256;
  DType dtype = DType::kF32;
  Tensor table = weight(dtype, kVocab, kHidden, 1);
  Tensor q = weight(dtype, kHeads* kHeadDim, kHidden, 2), k = weight(dtype, kKvHeads* kHeadDim, kHidden, 3);
  Tensor v = weight(DType::kQ8_0, kKvHeads* kHeadDim, kHidden, 4), o = weight(dtype, kHidden, kHidden, 5);
  Tensor gate = weight(dtype, kInner, kHidden, 6), up = weight(dtype, kInner, kHidden, 7);
  Tensor down = weight(dtype, kHidden, kInner, 8);
  Tensor inv_freq = Tensor::from(std::vector<float>{1.0f, 0.3f, 0.1f, 0.03f, 0.01f, 3e-3f, 1e-3f, 3e-4f}, {8});
  ops::Paged spec{kKvHeads, kHeadDim, kHeadDim};

  // Eager runs bring their step; a trace needs none.
  std::vector<graph::NamedTensor> forward(const Tensor& ids, const Tensor& positions, const ops::StepView* step) const {
    const Dim n = ids.shape().dim(0);
    Tensor x = embedding(ids, table);
    Status appended;
    for (int layer = 0; layer < 2; ++layer) {
      const Tensor h = rms_norm(x, kGain, 1e-5f);
      const auto heads = [&](const Tensor& w, int count) { return reshape(linear(h, w), {n, count, kHeadDim}); };
      const Tensor qs = ops::rope(heads(q, kHeads), positions, inv_freq, {});
      const Tensor ks = ops::rope(heads(k, kKvHeads), positions, inv_freq, {});
      appended = ops::kv_append(ks, heads(v, kKvHeads), layer, step);
      if (!appended.ok()) return {{"error", Tensor::failed(appended.error())}};
      const Tensor seen = ops::paged_attention(qs, {layer, kKvHeads, kHeadDim, kScale, 0, 0.0f}, step);
      x = x + linear(reshape(seen, {n, kHeads * kHeadDim}), o);
      const Tensor m = rms_norm(x, kGain, 1e-5f);
      x = x + linear(silu(linear(m, gate)) * linear(m, up), down);
    }
    return {{"logits", linear(rms_norm(x, kGain, 1e-5f), table)}};
  }

  Source source() const {
    const Dim n = rows(160);
    return {.inputs = {{"ids", {DType::kI32, {n}}}, {"positions", {DType::kI32, {1, n}}}},
            .function = [this](const graph::TracedInputs& in) { return forward(in["ids"], in["positions"], nullptr); },
            .states = {spec, spec}};
  }

  static Tensor ids_of(const Step& step) {
    std::vector<std::int32_t> ids;
    for (std::size_t i = 0; i < step.position.size(); ++i) {
      ids.push_back((step.position[i] * 7 + step.sequence[i] * 3) % kVocab);
    }
    const auto n = static_cast<std::int64_t>(ids.size());
    return Tensor::from(ids, {n});
  }
};

Result<std::vector<Floats>> run_step(const Compiled& compiled, const PagedStates& states, const Step& step,
                                     int n_threads = 1) {
  const ops::StepView view = step.view(states);
  return compiled.run({Decoder::ids_of(step), step.positions()}, {static_cast<std::int64_t>(step.position.size())},
                      &view, n_threads);
}

TEST(Decoder, EqualsItsReferences) {
  for (const DType dtype : {DType::kQ4_1, DType::kF16, DType::kQ4_0}) {
    const Decoder decoder{dtype};
    const Step step({{0, 70}, {0, 9}}, 2);
    const PagedStates reference_states({decoder.spec, decoder.spec}, KvType::kF32, 4);
    const ops::StepView view = step.view(reference_states);
    const auto eager = decoder.forward(Decoder::ids_of(step), step.positions(), &view);
    ASSERT_TRUE(eager[0].tensor.ok()) << eager[0].tensor.error().message;
    for (const KernelTable* kernels : testable_kernels()) {
      for (const auto precision : {graph::Precision::kExact, graph::Precision::kFast}) {
        SCOPED_TRACE(fmt::format("{} {}", kernels->isa, name(dtype)));
        const Compiled compiled = compile(decoder.source(), {.precision = precision, .kernels = kernels});
        EXPECT_EQ(count_nodes(compiled.graph, "rope_append"), 2);
        EXPECT_EQ(count_nodes(compiled.graph, "linears"), 5) << graph::name(compiled.graph.nodes[0]);
        EXPECT_EQ(count_nodes(compiled.graph, "gated_linears"), 2);
        const PagedStates states({decoder.spec, decoder.spec}, KvType::kF32, 4);
        const auto found = run_step(compiled, states, step);
        ASSERT_TRUE(found.ok()) << found.error().message;
        const bool fast = precision == graph::Precision::kFast;
        EXPECT_LE(nmse((*found)[0], eager[0].tensor.floats()), fast ? 4 * kFastBound : kExactBound);
      }
    }
  }
}

Floats logits_of(const Floats& logits, int row) {
  const auto begin = logits.begin() + static_cast<std::ptrdiff_t>(row) * Decoder::kVocab;
  return Floats(begin, begin + Decoder::kVocab);
}

// One sequence in chunks, beside another, on some threads: the same bits as alone and whole.
void expect_same_in_chunks(const Compiled& compiled, KvType type, int chunk, int n_threads, const Floats& whole) {
  const ops::Paged spec = Decoder{}.spec;
  const PagedStates chunked({spec, spec}, type, 6);
  for (int first = 0; first < 150; first += chunk) {
    const int last = std::min(150, first + chunk);
    const Step step({{first, last}, {0, std::min(10, first / 7)}}, 3);
    const Floats part = run_step(compiled, chunked, step, n_threads).value()[0];
    for (int r = first; r < last; ++r) {
      ASSERT_EQ(logits_of(part, r - first), logits_of(whole, r))
          << "row " << r << " in chunks of " << chunk << " on " << n_threads << " threads, " << ops::name(type);
    }
  }
}

TEST(Decoder, RowsDoNotDependOnChunksNeighboursOrThreads) {
  const Decoder decoder{DType::kQ4_1};
  for (const KernelTable* kernels : testable_kernels()) {
    for (const auto precision : {graph::Precision::kExact, graph::Precision::kFast}) {
      SCOPED_TRACE(kernels->isa);
      const Compiled compiled = compile(decoder.source(), {.precision = precision, .kernels = kernels});
      const auto whole_of = [&](KvType type) {
        return run_step(compiled, PagedStates({decoder.spec, decoder.spec}, type, 6), Step({{0, 150}}, 3)).value()[0];
      };
      const Floats whole = whole_of(KvType::kF16);
      for (const int chunk : {1, 7, 64, 150}) {
        for (const int n_threads : {1, 2, 3}) {
          if (chunk == 1 && n_threads != 2) continue;
          expect_same_in_chunks(compiled, KvType::kF16, chunk, n_threads, whole);
        }
      }
      for (const KvType type : {KvType::kF32, KvType::kBF16, KvType::kQ8, KvType::kQ4}) {
        expect_same_in_chunks(compiled, type, 7, 2, whole_of(type));
      }
    }
  }
}

// Steps of few rows over many keys are split over them, which no bit shows: on one thread they are not.
TEST(Decoder, SplittingTheKeysChangesNoBit) {
  const Decoder decoder{DType::kQ4_1};
  for (const KvType type : ops::kv_types()) {
    SCOPED_TRACE(ops::name(type));
    const Compiled compiled = compile(decoder.source(), {.precision = graph::Precision::kFast});
    const PagedStates states({decoder.spec, decoder.spec}, type, 42);
    constexpr int kTokens = 1250;  // in three splits
    for (int first = 0; first < kTokens; first += 150) {
      const int last = std::min(kTokens, first + 150);
      ASSERT_TRUE(run_step(compiled, states, Step({{first, last}, {0, 5}}, 21), 2).ok());
    }
    const Step step({{kTokens, kTokens + 2}, {5, 6}}, 21);
    const Floats alone = run_step(compiled, states, step, 1).value()[0];
    EXPECT_EQ(run_step(compiled, states, step, 2).value()[0], alone);
    EXPECT_EQ(run_step(compiled, states, step, 5).value()[0], alone);
  }
}

TEST(DenseAttention, SegmentsRunInTheKernelAndStrangeOnesInTheReference) {
  const Dim n = rows(40);
  const Source source{.inputs = {{"q", {DType::kF32, {n, 4, 16}}},
                                 {"k", {DType::kF32, {n, 2, 16}}},
                                 {"v", {DType::kF32, {n, 2, 16}}},
                                 {"qs", {DType::kI32, {n}}},
                                 {"ks", {DType::kI32, {n}}}},
                      .function = [](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
                        return {{"y", dense_attention(in["q"], in["k"], in["v"], 0.25f, false, in["qs"], in["ks"])}};
                      }};
  const Compiled compiled = compile(source);
  using Segments = std::vector<std::int32_t>;
  const auto run = [&](const Segments& queries, const Segments& keys) {
    const auto size = static_cast<std::int64_t>(queries.size());
    const std::vector<Tensor> inputs = {Tensor::random({size, 4, 16}, 1), Tensor::random({size, 2, 16}, 2),
                                        Tensor::random({size, 2, 16}, 3), Tensor::from(queries, {size}),
                                        Tensor::from(keys, {size})};
    const auto found = compiled.run(inputs, {size}, nullptr, 2);
    ASSERT_TRUE(found.ok()) << found.error().message;
    EXPECT_LE(nmse((*found)[0], run_reference(source, inputs)[0]), 1e-7);
  };
  run({0, 0, 0, 1, 1, 2}, {0, 0, 0, 1, 1, 2});       // runs
  run({5, 5, 3, 3, -1, -1}, {5, -1, 3, 3, -1, -1});  // a hidden key, and padding
  run({0, 0, 1, 1, 0, 0}, {0, 0, 1, 1, 0, 0});       // a segment in two parts
  run({0, 0, 1, 1}, {1, 1, 0, 0});                   // queries and keys differ
  run({-1, 0, -1, 0}, {-1, 0, -1, 0});               // padding between
}

}  // namespace
}  // namespace galago::cpu
