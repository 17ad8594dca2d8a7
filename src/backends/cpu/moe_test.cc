// Mixtures of experts: that a row's bits depend on nothing but the row, that results are those of an expert at a time,
// and how the work is divided.
#include "ops/moe.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <array>

#include "backends/cpu/expert_groups.h"
#include "backends/cpu/program_fixture_test.h"
#include "backends/cpu/testable_kernels_test.h"
#include "galago/ops.h"
#include "ops/conformance_cases.h"

namespace galago::cpu {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kExperts = 12, kHidden = 96, kIntermediate = 160, kTokens = 150;

struct Mixture {
  DType dtype = DType::kQ4_0;
  ops::Moe op{.routing = {.experts_per_token = 3, .normalize = true}};
  Tensor router = ops::random_weight(DType::kF32, {kExperts, kHidden}, 1);
  Tensor gate = ops::random_weight(dtype, {kExperts, kIntermediate, kHidden}, 2);
  Tensor up = ops::random_weight(dtype, {kExperts, kIntermediate, kHidden}, 3);
  Tensor down = ops::random_weight(dtype, {kExperts, kHidden, kIntermediate}, 4);
  Tensor x = Tensor::random({kTokens, kHidden}, 5);
  std::vector<Tensor> more;

  explicit Mixture(DType type) : dtype(type) {}
  // As gpt-oss has it.
  Mixture& with_biases() {
    op.routing.score = ops::ExpertScore::kSoftmaxOfChosen;
    op.limit = 1.0f;
    op.up_offset = 1.0f;
    op.has_biases = true;
    more = {Tensor::random({kExperts, kIntermediate}, 6), Tensor::random({kExperts, kIntermediate}, 7),
            Tensor::random({kExperts, kHidden}, 8)};
    return *this;
  }

  Source source(std::int64_t bound = kTokens) const {
    return {.inputs = {{"x", {DType::kF32, {Dim::symbol("tokens", bound), kHidden}}}},
            .function = [this](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
              const Tensor rows = in["x"];
              return {{"y", ops::moe(rows, linear(rows, router), gate, up, down, op, more)}};
            }};
  }

  Floats rows(const Compiled& compiled, std::int64_t first, std::int64_t last, int n_threads) const {
    const auto part = x.floats().subspan(static_cast<std::size_t>(first * kHidden),
                                         static_cast<std::size_t>((last - first) * kHidden));
    const auto found = compiled.run({Tensor::from(part, {last - first, kHidden})}, {last - first}, nullptr, n_threads);
    EXPECT_TRUE(found.ok()) << found.error().message;
    return found.ok() ? (*found)[0] : Floats();
  }
};

// In whichever company and chunks, planned for however many rows, on any number of threads.
TEST(MoeProgram, ARowsBitsDependOnTheRowAlone) {
  for (const Mixture& mixture : {Mixture(DType::kQ4_0), Mixture(DType::kBF16), Mixture(DType::kQ8_0).with_biases()}) {
    for (const KernelTable* kernels : testable_kernels()) {
      for (const auto precision : {graph::Precision::kExact, graph::Precision::kFast}) {
        SCOPED_TRACE(fmt::format("{} {} {}", kernels->isa, name(mixture.dtype),
                                 precision == graph::Precision::kFast ? "fast" : "exact"));
        const CpuOptions options{.precision = precision, .kernels = kernels};
        const Compiled compiled = compile(mixture.source(), options);
        const Floats all = mixture.rows(compiled, 0, kTokens, 1);
        ASSERT_EQ(all.size(), static_cast<std::size_t>(kTokens * kHidden));
        const auto expect_same = [&](const Floats& part, std::int64_t first) {
          EXPECT_TRUE(std::equal(part.begin(), part.end(), all.begin() + first * kHidden)) << "rows from " << first;
        };
        for (const int n_threads : {2, 3, 7}) expect_same(mixture.rows(compiled, 0, kTokens, n_threads), 0);
        for (std::int64_t first = 0; first < kTokens;) {
          const std::int64_t last = std::min(kTokens, first + 1 + first % 41);
          expect_same(mixture.rows(compiled, first, last, 2), first);
          first = last;
        }
        const Compiled single = compile(mixture.source(1), options);
        for (const std::int64_t row : {std::int64_t{0}, std::int64_t{17}, kTokens - 1}) {
          expect_same(mixture.rows(compiled, row, row + 1, 1), row);
          expect_same(mixture.rows(single, row, row + 1, 2), row);
        }
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
}

// One expert with weight 1 is a gated network: the same kernels give the same bits.
TEST(MoeProgram, OneExpertIsADenseNetwork) {
  Mixture mixture(DType::kQ4_1);
  mixture.op.routing = {.experts_per_token = 1, .normalize = true};
  const auto expert = [](const Tensor& stack) {
    const auto bytes = stack.bytes().first(stack.bytes().size() / kExperts);
    return Tensor::view(stack.dtype(), {stack.shape().dim(1), stack.shape().dim(2)}, bytes, nullptr);
  };
  const Tensor gate = expert(mixture.gate), up = expert(mixture.up), down = expert(mixture.down);
  const Tensor logits = Tensor::zeros({7, kExperts});
  const Source source{.inputs = {{"x", {DType::kF32, {7, kHidden}}}},
                      .function = [&](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
                        const Tensor rows = in["x"];
                        return {{"dense", linear(silu(linear(rows, gate)) * linear(rows, up), down)},
                                {"moe", ops::moe(rows, logits, mixture.gate, mixture.up, mixture.down, mixture.op)}};
                      }};
  for (const KernelTable* kernels : testable_kernels()) {
    for (const auto precision : {graph::Precision::kExact, graph::Precision::kFast}) {
      const Compiled compiled = compile(source, {.precision = precision, .kernels = kernels});
      const auto found = compiled.run({Tensor::random({7, kHidden}, 9)}, {}, nullptr, 2).value();
      EXPECT_EQ(found[0], found[1]) << kernels->isa;
    }
  }
}

// Experts that are tensors of their own, and a table in two pieces.
TEST(MoeProgram, ReadsExpertsAndTablesWhereTheyLie) {
  const Mixture whole(DType::kQ4_0);
  Mixture apart = whole;
  for (Tensor* stack : {&apart.gate, &apart.up, &apart.down}) {
    std::vector<Tensor> experts;
    for (std::int64_t i = 0; i < kExperts; ++i) {
      experts.push_back(stack->slice(i, 1).with_shape({stack->size(1), stack->size(2)}));
    }
    *stack = Tensor::stacked(std::move(experts));
  }
  const Tensor table = ops::random_weight(DType::kQ8_0, {9, kHidden}, 6);
  const Tensor pieces = Tensor::concatenated({table.slice(0, 4), table.slice(4, 5)});
  const std::int32_t ids[] = {8, 0, 3, 4, 8};
  const auto run = [&](const Mixture& mixture, const Tensor& rows, graph::Precision precision) {
    const Source source{
        .inputs = {{"ids", {DType::kI32, {5}}}},
        .function = [&](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
          const Tensor x = embedding(in["ids"], rows);
          return {{"y", ops::moe(x, linear(x, mixture.router), mixture.gate, mixture.up, mixture.down, mixture.op)}};
        }};
    const Compiled compiled = compile(source, {.precision = precision});
    return compiled.run({Tensor::from(ids, {5})}, {}, nullptr, 2).value()[0];
  };
  for (const auto precision : {graph::Precision::kExact, graph::Precision::kFast}) {
    EXPECT_EQ(run(apart, pieces, precision), run(whole, table, precision));
  }
}

TEST(MoeProgram, DoesNotDependOnWhatTheArenaHeld) {
  const Mixture mixture(DType::kQ4_0);
  const Compiled compiled = compile(mixture.source(), {.precision = graph::Precision::kFast});
  const auto zeros = compiled.run({mixture.x}, {kTokens}, nullptr, 2, 0x00).value();
  EXPECT_EQ(zeros, compiled.run({mixture.x}, {kTokens}, nullptr, 2, 0xff).value());
  EXPECT_EQ(zeros, compiled.run({mixture.x}, {kTokens}, nullptr, 2, 0x7f).value());
}

TEST(MoeProgram, PrintsItsInstructions) {
  const Mixture mixture(DType::kQ4_0);
  const Compiled compiled =
      compile(mixture.source(), {.precision = graph::Precision::kFast, .kernels = available_kernels()[0]});
  const std::string text = compiled.program->to_string();
  EXPECT_THAT(text, HasSubstr("moe route 3 of 12 + quantize  rows tokens"));
  EXPECT_THAT(text, HasSubstr("moe gate int8 q4_0 * up int8 q4_0 96 -> 160  x 12 experts"));
  EXPECT_THAT(text, HasSubstr("moe down int8 q4_0 160 -> 96  x 12 experts + weighted sum"));
}

// Stacks whose matrices end within a tile take a tile more each, and are packed once.
TEST(MoeProgram, PacksEveryMatrixFromATileOn) {
  const Tensor stack = ops::random_weight(DType::kQ8_0, {3, 33, 32}, 1);
  std::uint64_t released = 0;
  WeightStore store(1, {}, [&](std::span<const std::byte> bytes) { released += bytes.size(); }, nullptr);
  ASSERT_TRUE(store.pack(std::array{PackGroup{stack, stack}}).ok());
  EXPECT_EQ(store.packed_bytes(), 3 * packed_bytes(DType::kQ8_0, 33, 32));
  EXPECT_EQ(released, stack.bytes().size());
  std::vector<std::byte> one(packed_bytes(DType::kQ8_0, 33, 32));
  for (std::int64_t expert = 0; expert < 3; ++expert) {
    const auto row = [&](std::int64_t i) { return stack.row(expert * 33 + i); };
    ASSERT_TRUE(pack_tile_range(row, DType::kQ8_0, 33, 32, 0, 3, one.data()).ok());
    const WeightView view = store.view(stack, expert).value();
    EXPECT_EQ(view.rows, 33);
    EXPECT_TRUE(std::equal(one.begin(), one.end(), view.data)) << expert;
  }
}

TEST(ExpertGroups, AreInOrderOfExpertAndRow) {
  std::vector<std::int32_t> experts = {3, 0, 1, 3, 0, 3}, starts(5), choices(6);
  std::vector<float> weights = {0.5f, 1, 2, 3, 4, 5};
  const ExpertGroups groups{4, 2, experts.data(), weights.data(), starts.data(), choices.data()};
  group_by_expert(groups, 3);
  EXPECT_EQ(starts, (std::vector<std::int32_t>{0, 2, 3, 3, 6}));
  EXPECT_EQ(choices, (std::vector<std::int32_t>{1, 4, 2, 0, 3, 5}));
  EXPECT_EQ(groups.slots(2), 0);
  EXPECT_EQ(groups.row(1), 2);
  EXPECT_EQ(groups.weight(1), 4.0f);
}

// Every unit of every expert with rows belongs to exactly one chunk, and no chunk gets much more than its share.
TEST(ExpertGroups, AreSharedOutEvenly) {
  std::vector<std::int32_t> starts = {0, 1, 1, 60, 61, 90, 90};
  const ExpertGroups groups{6, 1, nullptr, nullptr, starts.data(), nullptr};
  for (const std::int64_t units : {1, 3, 22}) {
    for (const std::int64_t n_chunks : {1, 2, 7, 24, 200}) {
      std::vector<std::vector<int>> done(6, std::vector<int>(static_cast<std::size_t>(units)));
      for (std::int64_t chunk = 0; chunk < n_chunks; ++chunk) {
        std::int64_t cost = 0;
        for_expert_units(groups, units, 4, chunk, n_chunks,
                         [&](std::int64_t expert, std::int64_t first, std::int64_t last) {
                           ASSERT_LT(first, last);
                           cost += (last - first) * std::max<std::int64_t>(4, groups.slots(expert));
                           for (std::int64_t u = first; u < last; ++u)
                             ++done[static_cast<std::size_t>(expert)][static_cast<std::size_t>(u)];
                         });
        EXPECT_LE(cost, (4 + 59 + 4 + 29) * units / n_chunks + 60);  // its share, and a unit of the largest expert
      }
      for (std::int64_t expert = 0; expert < 6; ++expert) {
        const std::vector<int> expected(static_cast<std::size_t>(units), groups.slots(expert) > 0 ? 1 : 0);
        EXPECT_EQ(done[static_cast<std::size_t>(expert)], expected) << units << " units in " << n_chunks;
      }
    }
  }
}

}  // namespace
}  // namespace galago::cpu
