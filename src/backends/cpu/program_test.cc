// What a program checks, shares, prints and leaves alone.
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "backends/cpu/program_fixture_test.h"
#include "backends/cpu/testable_kernels_test.h"
#include "base/allocation_counter_test.h"
#include "galago/ops.h"
#include "ops/conformance_cases.h"
#include "ops/kv_append.h"
#include "ops/moe.h"
#include "ops/paged_attention.h"
#include "ops/rope.h"

namespace galago::cpu {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kBound = 64;

// ids → a layer with state → the logits of chosen rows, spliced with rows from outside.
struct Model {
  Tensor table = ops::random_weight(DType::kQ4_1, {48, 64}, 1);
  Tensor qkv = ops::random_weight(DType::kQ4_1, {64, 64}, 2), mlp = ops::random_weight(DType::kQ8_0, {96, 64}, 3);
  Tensor down = ops::random_weight(DType::kQ4_0, {64, 96}, 4);
  Tensor gain = Tensor::random({64}, 5);
  Tensor inv_freq = Tensor::from(std::vector<float>{1.0f, 0.1f}, {2});
  ops::Paged spec{4, 16, 16};

  Source source() const {
    const Dim n = Dim::symbol("tokens", kBound), m = Dim::symbol("wanted", kBound), p = Dim::symbol("patches", 8);
    return {.inputs = {{"ids", {DType::kI32, {n}}},
                       {"positions", {DType::kI32, {1, n}}},
                       {"pictures", {DType::kF32, {p, 64}}},
                       {"places", {DType::kI32, {n}}},
                       {"rows", {DType::kI32, {m}}}},
            .function = [this, n](const graph::TracedInputs& in) { return forward(in, n); },
            .states = {spec}};
  }

  std::vector<graph::NamedTensor> forward(const graph::TracedInputs& in, const Dim& n) const {
    Tensor x = splice(embedding(in["ids"], table), in["pictures"], in["places"]);
    const Tensor h = rms_norm(x, gain);
    const auto heads = [&] { return reshape(linear(h, qkv), {n, 4, 16}); };
    const Tensor k = ops::rope(heads(), in["positions"], inv_freq, {});
    if (const Status appended = ops::kv_append(k, heads(), 0, nullptr); !appended.ok()) {
      return {{"error", Tensor::failed(appended.error())}};
    }
    const Tensor q = ops::rope(heads(), in["positions"], inv_freq, {});
    x = x + reshape(ops::paged_attention(q, {0, 4, 16, 0.25f, 0, 0.0f}, nullptr), {n, 64});
    const Tensor m = rms_norm(x, gain);
    x = x + linear(silu(linear(m, mlp)) * linear(m, mlp), down);
    return {{"logits", linear(gather_rows(x, in["rows"]), table)}};
  }
};

struct Call {
  Step step{{{0, 5}}, 2};
  std::vector<std::int32_t> ids = {1, 2, 3, 4, 47}, places = {-1, -1, 0, 2, -1}, rows = {4, 0};
  std::int64_t patches = 3;

  std::vector<Tensor> inputs() const {
    return {Tensor::from(ids, {5}), step.positions(), Tensor::random({patches, 64}, 8), Tensor::from(places, {5}),
            Tensor::from(rows, {2})};
  }
  std::vector<std::int64_t> symbols() const { return {5, patches, 2}; }
};

class ProgramTest : public ::testing::Test {
 protected:
  // The error of a call, or "" when it ran.
  std::string error_of(const Call& call, const PagedStates& states) const {
    const ops::StepView view = call.step.view(states);
    const auto result = compiled.run(call.inputs(), call.symbols(), &view, 2);
    return result.ok() ? "" : result.error().message;
  }
  std::string error_of(const Call& call) const { return error_of(call, PagedStates({model.spec}, KvType::kF32, 2)); }

  Model model;
  // The kernels that every machine has: their names are printed.
  Compiled compiled =
      compile(model.source(), {.precision = graph::Precision::kFast, .kernels = available_kernels()[0]});
};

TEST_F(ProgramTest, RunsWhatIsInBounds) {
  EXPECT_EQ(error_of({}), "");
  Call none;
  none.patches = 0;
  none.places = {-1, -1, -1, -1, -1};
  EXPECT_EQ(error_of(none), "");
}

TEST_F(ProgramTest, NamesTheIdIndexOrPageThatIsOutside) {
  Call call;
  call.ids[3] = 48;
  EXPECT_EQ(error_of(call), "embedding: token 3 is the id 48; the table has 48 rows");
  call.ids[3] = -1;
  EXPECT_THAT(error_of(call), HasSubstr("token 3 is the id -1"));
  call = {};
  call.places[2] = 3;
  EXPECT_EQ(error_of(call), "splice: index 2 is 3; there are 3 rows to take");
  call = {};
  call.rows[1] = 5;
  EXPECT_EQ(error_of(call), "gather_rows: index 1 is 5; there are 5 rows to take");
  call.rows[1] = -1;
  EXPECT_THAT(error_of(call), HasSubstr("gather_rows: index 1 is -1"));
  call = {};
  call.step.page_table[0] = 2;
  EXPECT_THAT(error_of(call), HasSubstr("kv_append: tokens from 0 of sequence 0 lie in page 2; the state has 2 pages"));
  call = {};
  call.step.page_table[0] = -1;
  EXPECT_THAT(error_of(call), HasSubstr("lie in page -1"));
  call = {};
  call.step.position[4] = 128;
  EXPECT_THAT(error_of(call), HasSubstr("row 4 has position 128; its page table holds 128 tokens"));
  call = {};
  call.step.sequence[1] = 1;
  EXPECT_THAT(error_of(call), HasSubstr("row 1 belongs to sequence 1; the step has 1"));
}

// The pages before a window are free: attention must not ask for them, but for all within.
TEST(PagedAttention, ReadsOnlyThePagesOfItsWindow) {
  const auto compile_with = [](int window) {
    const Dim n = Dim::symbol("tokens", 4);
    return compile({.inputs = {{"k", {DType::kF32, {n, 1, 8}}}, {"q", {DType::kF32, {n, 1, 8}}}},
                    .function = [window](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
                      if (!ops::kv_append(in["k"], in["k"], 0, nullptr).ok()) return {};
                      return {{"y", ops::paged_attention(in["q"], {0, 1, 8, 1.0f, window, 0.0f}, nullptr)}};
                    },
                    .states = {ops::Paged{1, 8, 8}}});
  };
  Step step({{200, 202}}, 4);
  step.page_table = {-1, -1, 0, 1};
  const PagedStates states({ops::Paged{1, 8, 8}}, KvType::kF32, 2);
  const ops::StepView view = step.view(states);
  const std::vector<Tensor> inputs = {Tensor::random({2, 1, 8}, 1), Tensor::random({2, 1, 8}, 2)};
  EXPECT_TRUE(compile_with(64).run(inputs, {2}, &view).ok());
  const auto all = compile_with(0).run(inputs, {2}, &view);
  ASSERT_FALSE(all.ok());
  EXPECT_THAT(all.error().message, HasSubstr("paged_attention: tokens from 0 of sequence 0 lie in page -1"));
  const auto wider = compile_with(100).run(inputs, {2}, &view);
  ASSERT_FALSE(wider.ok());
  EXPECT_THAT(wider.error().message, HasSubstr("tokens from 64"));
}

TEST_F(ProgramTest, ChecksItsArguments) {
  const PagedStates states({model.spec}, KvType::kF32, 2);
  const Call call;
  const ops::StepView step = call.step.view(states);
  const auto inputs = call.inputs();
  std::vector<BufferView> data;
  for (const Tensor& input : inputs) data.emplace_back(input.bytes());
  const auto symbols = call.symbols();
  const Arena arena = Arena::create(static_cast<std::uint64_t>(compiled.program->plan().peak_bytes)).value();
  const graph::RunArguments good{symbols, data, &step, BufferView(arena.bytes()), 1};
  ASSERT_TRUE(compiled.program->submit(good).ok());
  const auto message = [&](const graph::RunArguments& arguments) {
    const auto status = compiled.program->submit(arguments);
    return status.ok() ? "" : status.error().message;
  };
  auto bad = good;
  bad.symbols = std::span(symbols).first(2);
  EXPECT_THAT(message(bad), HasSubstr("2 sizes were given; expected 3"));
  const std::vector<std::int64_t> too_many = {kBound + 1, 3, 2}, negative = {5, -1, 2};
  bad.symbols = too_many;
  EXPECT_THAT(message(bad), HasSubstr("tokens is 65; it was planned for 0 to 64"));
  bad.symbols = negative;
  EXPECT_THAT(message(bad), HasSubstr("patches is -1"));
  bad = good;
  bad.inputs = std::span<const BufferView>(data).first(4);
  EXPECT_THAT(message(bad), HasSubstr("4 inputs were given; expected 5"));
  bad = good;
  data[2] = {};
  EXPECT_THAT(message(bad), HasSubstr("input 2 (pictures) is missing"));
  data[2] = BufferView(inputs[2].bytes());
  bad.arena = BufferView(arena.bytes().first(arena.size() - 1));
  EXPECT_THAT(message(bad), HasSubstr("expected " + std::to_string(arena.size())));
  bad = good;
  bad.step = nullptr;
  EXPECT_THAT(message(bad), HasSubstr("there is no step"));
  const PagedStates small({ops::Paged{1, 16, 16}}, KvType::kF32, 2);
  const ops::StepView wrong = call.step.view(small);
  bad.step = &wrong;
  EXPECT_THAT(message(bad), HasSubstr("state 0 has pages of 8192 bytes"));
}

void expect_no_allocations(const graph::Program& program, const graph::RunArguments& arguments) {
  ASSERT_TRUE(program.submit(arguments).ok());  // starts the pool's threads
  let_threads_begin();
  const std::int64_t before = allocation_count();
  bool ok = true;
  for (int i = 0; i < 20; ++i) ok = ok && program.submit(arguments).ok();
  EXPECT_EQ(allocation_count() - before, 0);
  EXPECT_TRUE(ok);
}

TEST_F(ProgramTest, AllocatesNothing) {
  const PagedStates states({model.spec}, KvType::kF32, 2);
  const Call call;
  const ops::StepView step = call.step.view(states);
  const auto inputs = call.inputs();
  std::vector<BufferView> data;
  for (const Tensor& input : inputs) data.emplace_back(input.bytes());
  const auto symbols = call.symbols();
  const Arena arena = Arena::create(static_cast<std::uint64_t>(compiled.program->plan().peak_bytes)).value();
  const graph::RunArguments arguments{symbols, data, &step, BufferView(arena.bytes()), 3};
  expect_no_allocations(*compiled.program, arguments);
}

TEST(MoeProgramTest, AllocatesNothing) {
  const Tensor gate = ops::random_weight(DType::kQ4_0, {16, 96, 64}, 1);
  const Tensor down = ops::random_weight(DType::kQ8_0, {16, 64, 96}, 2);
  const Dim n = Dim::symbol("tokens", 40);
  const Source source{.inputs = {{"x", {DType::kF32, {n, 64}}}, {"logits", {DType::kF32, {n, 16}}}},
                      .function = [&](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
                        const ops::Moe op{.routing = {.experts_per_token = 4}};
                        return {{"y", ops::moe(in["x"], in["logits"], gate, gate, down, op)}};
                      }};
  const Compiled compiled = compile(source, {.precision = graph::Precision::kFast});
  const Tensor x = Tensor::random({40, 64}, 3), logits = Tensor::random({40, 16}, 4);
  const std::vector<BufferView> data = {BufferView(x.bytes()), BufferView(logits.bytes())};
  const Arena arena = Arena::create(static_cast<std::uint64_t>(compiled.program->plan().peak_bytes)).value();
  for (const std::vector<std::int64_t>& symbols : {std::vector<std::int64_t>{1}, {40}}) {
    const graph::RunArguments arguments{symbols, data, nullptr, BufferView(arena.bytes()), 3};
    expect_no_allocations(*compiled.program, arguments);
  }
}

// At the bounds of all symbols: every byte up to the planned peak's last block is used, and none beyond.
TEST_F(ProgramTest, UsesThePlannedPeakAndNoMore) {
  const auto peak = static_cast<std::size_t>(compiled.program->plan().peak_bytes);
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t size = (peak + page - 1) / page * page;
  auto* memory =
      static_cast<std::byte*>(::mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(memory, MAP_FAILED);
  ASSERT_EQ(::mprotect(memory + size, page, PROT_NONE), 0);  // whatever touches it ends the test
  const std::span<std::byte> arena(memory + size - peak, peak);
  const Step step({{0, static_cast<int>(kBound)}}, 1);
  const PagedStates states({model.spec}, KvType::kF32, 1);
  const ops::StepView view = step.view(states);
  const std::vector<std::int32_t> ids(kBound, 3), places(kBound, -1), rows(kBound, 1);
  const std::vector<Tensor> inputs = {Tensor::from(ids, {kBound}), step.positions(), Tensor::random({8, 64}, 1),
                                      Tensor::from(places, {kBound}), Tensor::from(rows, {kBound})};
  std::vector<BufferView> data;
  for (const Tensor& input : inputs) data.emplace_back(input.bytes());
  const std::vector<std::int64_t> symbols = {kBound, 8, kBound};
  std::size_t used = 0;
  for (const int fill : {0x00, 0xff}) {  // what is written may look like one of them
    std::memset(arena.data(), fill, arena.size());
    ASSERT_TRUE(compiled.program->submit({symbols, data, &view, BufferView(arena), 2}).ok());
    for (std::size_t i = used; i < peak; ++i) {
      if (arena[i] != static_cast<std::byte>(fill)) used = i + 1;
    }
  }
  EXPECT_GT(used + graph::kArenaAlignment, peak);
  ::munmap(memory, size + page);
}

TEST_F(ProgramTest, DoesNotDependOnWhatTheArenaHeld) {
  const Call call;
  std::vector<std::vector<Floats>> results;
  for (const std::uint8_t poison : {0x00, 0x7f, 0xff}) {
    const PagedStates states({model.spec}, KvType::kF32, 2);
    const ops::StepView view = call.step.view(states);
    results.push_back(compiled.run(call.inputs(), call.symbols(), &view, 1, poison).value());
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST_F(ProgramTest, PrintsAKernelALine) {
  const std::string text = compiled.program->to_string();
  EXPECT_THAT(text, HasSubstr("embedding q4_1  tokens tokens  table 48 x 64"));
  EXPECT_THAT(text, HasSubstr("rms_norm + linear_int8 q4_1 tile16 64 -> 64"));
  EXPECT_THAT(text, HasSubstr("linear_int8 q8_0 tile16 64 -> 96 * linear_int8 q8_0 tile16 64 -> 96, gated -> int8"));
  EXPECT_THAT(text, HasSubstr("linear_int8 q4_0 tile16 96 -> 64 + residual"));
  EXPECT_THAT(text, HasSubstr("rope + kv_append  rows tokens  state 0 paged(heads=4, k_dim=16, v_dim=16)"));
  EXPECT_THAT(text, HasSubstr("attention_paged  rows tokens  heads 4 x 16  kv heads 4"));
  const graph::Graph& graph = compiled.graph;
  const auto reshapes = count_nodes(graph, "reshape");
  EXPECT_GT(reshapes, 0);
  // A title, a line for each node that is no reshape, one more for the gated network's down, and the rope table.
  EXPECT_EQ(count_nodes(graph, "gated_linears"), 1);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1 + std::ssize(graph.nodes) - reshapes + 1 + 1);
}

TEST_F(ProgramTest, RopesOfTheSamePositionsShareATable) {
  const auto& regions = compiled.program->plan().regions;
  ASSERT_EQ(regions.size(), 1u);
  EXPECT_EQ(regions[0].size, kBound * 2 * 2 * 4);
  EXPECT_EQ(regions[0].offset + regions[0].size, compiled.program->plan().peak_bytes);
}

TEST(Weights, ArePackedOnceForAllProgramsAndReleasedOnceRead) {
  const Model model;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> progress;
  std::mutex mutex;
  std::uint64_t released = 0;
  CpuOptions options{.n_threads = 2};
  options.progress = [&](std::uint64_t done, std::uint64_t total) { progress.emplace_back(done, total); };
  options.release_source = [&](std::span<const std::byte> bytes) {
    const std::scoped_lock lock(mutex);
    released += bytes.size();
  };
  const Compiled first = compile(model.source(), std::move(options));
  // The table once as tiles for the logits (48 rows: no padding), and never for the embedding.
  const std::uint64_t expected =
      model.table.bytes().size() + model.qkv.bytes().size() + model.mlp.bytes().size() + model.down.bytes().size();
  EXPECT_EQ(first.backend->packed_bytes(), expected);
  EXPECT_EQ(released, expected);
  ASSERT_EQ(progress.size(), 4u);
  EXPECT_EQ(progress.back(), std::pair(expected, expected));
  EXPECT_LT(progress.front().first, expected);
  const auto again = first.backend->compile(first.graph);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(first.backend->packed_bytes(), expected);
  EXPECT_EQ(progress.size(), 4u);
}

// Two tensors over the same bytes with different rows are different weights.
TEST(Weights, WithARowOrderAreOtherWeights) {
  const Tensor plain = ops::random_weight(DType::kQ4_0, {32, 64}, 1);
  std::vector<std::int32_t> order(32);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(31 - i);
  const Tensor reversed = plain.with_rows(std::make_shared<const std::vector<std::int32_t>>(order));
  const Source source{.inputs = {{"x", {DType::kF32, {Dim::symbol("rows", 4), 64}}}},
                      .function = [&](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
                        return {{"a", linear(in["x"], plain)}, {"b", linear(in["x"], reversed)}};
                      }};
  const Compiled compiled = compile(source);
  const auto found = compiled.run({Tensor::random({1, 64}, 2)}, {1}).value();
  EXPECT_EQ(compiled.backend->packed_bytes(), 2 * plain.bytes().size());
  EXPECT_EQ(found[0], Floats(found[1].rbegin(), found[1].rend()));
}

// Only prefill multiplies bf16, and there each kind of tiles serves the weights that gain by it.
TEST(Weights, AreMultipliedInBf16TilesWhereThatGains) {
  const Tensor bf16 = ops::random_weight(DType::kBF16, {32, 64}, 1), f16 = ops::random_weight(DType::kF16, {32, 64}, 2),
               q4 = ops::random_weight(DType::kQ4_0, {32, 64}, 3);
  const Source source{.inputs = {{"x", {DType::kF32, {Dim::symbol("rows", 4), 64}}}},
                      .function = [&](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
                        return {{"a", linear(sigmoid(in["x"]), bf16)},
                                {"b", linear(silu(in["x"]), f16)},
                                {"c", linear(relu(in["x"]), q4)}};
                      }};
  for (const KernelTable* kernels : testable_kernels()) {
    const Compiled compiled = compile(source, {.kernels = kernels});
    for (const auto numbers : {graph::NumericClass::kPrefill, graph::NumericClass::kDecode}) {
      graph::Graph graph = compiled.graph;
      graph.numeric_class = numbers;
      const std::string text = compiled.backend->compile(std::move(graph)).value()->to_string();
      const Bf16Tiles tiles = numbers == graph::NumericClass::kPrefill ? kernels->bf16_tiles : Bf16Tiles::kNone;
      const bool all = tiles == Bf16Tiles::kAllWeights;
      const std::string form = tiles == Bf16Tiles::kNone ? "linear_f32 " : "linear_bf16 ";
      EXPECT_THAT(text, testing::AllOf(HasSubstr(form + "bf16"), HasSubstr(form + "f16"))) << kernels->isa;
      EXPECT_THAT(text, HasSubstr(all ? "linear_bf16 q4_0" : "linear_int8 q4_0")) << kernels->isa;
    }
  }
}

// A program keeps what it reads.
TEST(Weights, OutliveTheBackend) {
  const Model model;
  Compiled compiled = compile(model.source());
  compiled.backend.reset();
  compiled.graph = {};
  const PagedStates states({model.spec}, KvType::kF32, 2);
  const Call call;
  const ops::StepView view = call.step.view(states);
  EXPECT_TRUE(compiled.run(call.inputs(), call.symbols(), &view).ok());
}

TEST(Backend, RefusesUnknownKernelsByName) {
  ASSERT_EQ(::setenv("GALAGO_ISA", "mmx", 1), 0);
  const auto backend = CpuBackend::create({});
  ::unsetenv("GALAGO_ISA");
  ASSERT_FALSE(backend.ok());
  EXPECT_THAT(backend.error().message, HasSubstr("mmx"));
}

TEST(Backend, RefusesASizeThatNoInputBrings) {
  graph::Graph graph;
  graph.name = "g";
  graph.inputs = {graph.add_value({.type = {DType::kF32, {4, 4}}, .name = "x"})};
  graph.outputs = {graph.add_value({.type = {DType::kF32, {Dim::symbol("lost", 8), 4}}})};
  graph.output_names = {"y"};
  graph.nodes.push_back({.op = ops::Scale{2.0f}, .inputs = {0}, .outputs = {1}});
  const auto program = CpuBackend::create({}).value()->compile(graph);
  ASSERT_FALSE(program.ok());
  EXPECT_THAT(program.error().message, HasSubstr("lost"));
}

}  // namespace
}  // namespace galago::cpu
