// The numbers rule: a row's result depends on its inputs, the instruction set and the numeric class alone. And the
// promises about memory: decode allocates nothing, and programs use the arena to the planned peak and not beyond.
#include "runtime/stepper.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/allocation_counter_test.h"
#include "runtime/engine.h"
#include "runtime/sampler.h"
#include "runtime/toy_decoder_test.h"

namespace galago::runtime {
namespace {

const std::string kData = GALAGO_SOURCE_DIR "/tests/data/goldens/";

struct Case {
  const char* name;
  const char* checkpoint;
  Precision precision;
};

void PrintTo(const Case& value, std::ostream* out) { *out << value.name; }

std::vector<std::int32_t> prompt(int n, int seed) {
  std::vector<std::int32_t> ids;
  for (int i = 0; i < n; ++i) ids.push_back((i * 37 + seed * 101 + i * i) % 300);
  return ids;
}

std::shared_ptr<const Engine> open(const Case& value, int n_threads, int chunk) {
  ModelOptions options;
  options.precision = value.precision;
  options.n_threads = n_threads;
  options.prefill_chunk = chunk;
  auto engine = Engine::open(kData + value.checkpoint, options);
  return std::move(engine).value();
}

// A decoder with some sequences.
class Decoder {
 public:
  Decoder(std::shared_ptr<const Engine> engine, int n_sequences, std::unique_ptr<EntryExecutor> executor = nullptr)
      : engine_(std::move(engine)), store_(engine_->make_state(192, std::nullopt, n_sequences).value()) {
    for (int i = 0; i < n_sequences; ++i) sequences_.emplace_back(store_);
    if (executor == nullptr) executor = engine_->make_executor().value();
    stepper_.emplace(
        Stepper::create(engine_->model(), std::move(executor), store_, engine_->limits(), n_sequences).value());
  }

  StepPart part(int sequence, std::span<const std::int32_t> ids) {
    return {.sequence = &sequences_[static_cast<std::size_t>(sequence)], .ids = ids, .wants_all = true};
  }
  Stepper& stepper() { return *stepper_; }

  // Logits of every row of the prompt, read in chunks of the engine's size, and of `more` tokens decoded after it.
  std::vector<float> logits(const std::vector<std::int32_t>& ids, std::span<const std::int32_t> more) {
    std::vector<float> all;
    const auto step = static_cast<std::size_t>(stepper_->max_prefill_rows());
    for (std::size_t at = 0; at < ids.size(); at += step) {
      const StepPart rows = part(0, std::span(ids).subspan(at, std::min(step, ids.size() - at)));
      append_head(stepper_->prefill(std::span(&rows, 1)).value(), all);
    }
    for (const std::int32_t& token : more) {
      const StepPart row = part(0, std::span(&token, 1));
      const auto logits = stepper_->decode(std::span(&row, 1)).value();
      all.insert(all.end(), logits.begin(), logits.end());
    }
    return all;
  }

  void append_head(std::span<const float> hidden_in_arena, std::vector<float>& all) {
    const std::vector<float> hidden(hidden_in_arena.begin(), hidden_in_arena.end());
    const auto piece = static_cast<std::size_t>(stepper_->max_decode_rows() * stepper_->hidden_size());
    for (std::size_t at = 0; at < hidden.size(); at += piece) {
      const auto logits =
          stepper_->head(std::span<const float>(hidden).subspan(at, std::min(piece, hidden.size() - at))).value();
      all.insert(all.end(), logits.begin(), logits.end());
    }
  }

 private:
  std::shared_ptr<const Engine> engine_;
  StateStore store_;
  std::vector<Sequence> sequences_;
  std::optional<Stepper> stepper_;
};

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

class Numbers : public testing::TestWithParam<Case> {};

TEST_P(Numbers, ChunksAndThreadsChangeNoBit) {
  const std::vector<std::int32_t> ids = prompt(90, 1);  // more than a page of state
  const std::vector<std::int32_t> more = prompt(6, 2);
  const std::vector<float> whole = Decoder(open(GetParam(), 1, 90), 1).logits(ids, more);
  ASSERT_EQ(whole.size(), 96u * 320u);
  for (const int threads : {1, 2}) {
    for (const int chunk : {1, 3, 7, 64, 90}) {
      const std::vector<float> logits = Decoder(open(GetParam(), threads, chunk), 1).logits(ids, more);
      EXPECT_TRUE(same_bits(whole, logits)) << threads << " threads, chunks of " << chunk;
    }
  }
}

TEST_P(Numbers, SequencesInOneStepDoNotMeet) {
  const std::vector<std::int32_t> first = prompt(70, 3), second = prompt(41, 4), more = prompt(5, 5);
  std::vector<float> alone[2] = {Decoder(open(GetParam(), 1, 128), 1).logits(first, more),
                                 Decoder(open(GetParam(), 1, 128), 1).logits(second, more)};
  Decoder both(open(GetParam(), 2, 128), 2);
  std::vector<float> together[2];
  const StepPart parts[2] = {both.part(0, first), both.part(1, second)};
  const auto hidden_in_arena = both.stepper().prefill(parts).value();
  const std::vector<float> hidden(hidden_in_arena.begin(), hidden_in_arena.end());
  const auto split = first.size() * static_cast<std::size_t>(both.stepper().hidden_size());
  both.append_head(std::span(hidden).first(split), together[0]);
  both.append_head(std::span(hidden).subspan(split), together[1]);
  for (const std::int32_t& token : more) {
    const StepPart rows[2] = {both.part(0, std::span(&token, 1)), both.part(1, std::span(&token, 1))};
    const auto logits = both.stepper().decode(rows).value();
    const auto half = logits.size() / 2;
    together[0].insert(together[0].end(), logits.begin(), logits.begin() + static_cast<std::ptrdiff_t>(half));
    together[1].insert(together[1].end(), logits.begin() + static_cast<std::ptrdiff_t>(half), logits.end());
  }
  EXPECT_TRUE(same_bits(alone[0], together[0]));
  EXPECT_TRUE(same_bits(alone[1], together[1]));
}

TEST_P(Numbers, OtherTokensGiveOtherBits) {
  const std::vector<float> a = Decoder(open(GetParam(), 1, 16), 1).logits(prompt(16, 1), {});
  const std::vector<float> b = Decoder(open(GetParam(), 1, 16), 1).logits(prompt(16, 2), {});
  EXPECT_FALSE(same_bits(a, b));
}

TEST_P(Numbers, DecodeAllocatesNothing) {
  Decoder decoder(open(GetParam(), 2, 32), 1);
  const std::vector<std::int32_t> ids = prompt(60, 6), more = prompt(80, 7);
  decoder.logits(ids, std::span(more).first(2));
  let_threads_begin();
  const std::int64_t before = allocation_count();
  bool ok = true;
  for (std::size_t i = 2; i < more.size(); ++i) {  // into the third page of state
    const StepPart row = decoder.part(0, std::span(more).subspan(i, 1));
    ok = ok && decoder.stepper().decode(std::span(&row, 1)).ok();
  }
  EXPECT_EQ(allocation_count() - before, 0);
  EXPECT_TRUE(ok);
}

// With positions on several axes and rows of further inputs, too.
TEST(Stepper, DecodingWithNamedRowsAllocatesNothing) {
  ToySteps toy;
  Stepper stepper = toy.make();
  Sequence sequence(toy.store);
  ToyPrompt prompt(30);
  ASSERT_TRUE(stepper.prefill_all(prompt.part(sequence), 32).ok());
  const std::vector<std::int32_t> id = {5}, spans = {1};
  const std::vector<float> deepstack(ToyDecoder::kHidden, 0.5f);
  const std::vector<NamedRows> rows = {{"deepstack_0", deepstack, {}}, {"spans", {}, spans}};
  const StepPart part{.sequence = &sequence, .ids = id, .rows = rows};
  ASSERT_TRUE(stepper.decode(std::span(&part, 1)).ok());
  let_threads_begin();
  const std::int64_t before = allocation_count();
  bool ok = true;
  for (int i = 0; i < 70; ++i) ok = ok && stepper.decode(std::span(&part, 1)).ok();  // into the second page of state
  EXPECT_EQ(allocation_count() - before, 0);
  EXPECT_TRUE(ok);
}

// Runs programs in memory whose every byte is known before, with a guard behind the planned peak.
class PoisonedExecutor : public EntryExecutor {
 public:
  static constexpr std::byte kPoison{0xA5};
  static constexpr std::size_t kGuard = 65536;

  PoisonedExecutor(std::shared_ptr<const ProgramSet> programs, int n_threads)
      : programs_(std::move(programs)),
        arena_(Arena::create(static_cast<std::uint64_t>(programs_->arena_bytes(0)) + kGuard).value()),
        n_threads_(n_threads) {}

  int find(std::string_view entry) const override {
    for (std::size_t i = 0; i < programs_->items().size(); ++i) {
      if (programs_->items()[i].name == entry) return static_cast<int>(i);
    }
    return -1;
  }
  const std::vector<graph::TraceInput>& inputs(int entry) const override { return item(entry).inputs; }
  const std::vector<graph::SymbolBound>& symbols(int entry) const override { return item(entry).symbols; }
  const std::vector<std::string>& output_names(int entry) const override { return item(entry).output_names; }
  Status run(int entry, std::span<const std::int64_t> symbols, std::span<const std::byte* const> inputs,
             const ops::StepView* step) override {
    std::fill(arena_.bytes().begin(), arena_.bytes().end(), kPoison);
    const auto peak = static_cast<std::size_t>(program(entry).plan().peak_bytes);
    symbols_.assign(symbols.begin(), symbols.end());
    std::vector<BufferView> views;
    for (const std::byte* input : inputs) views.emplace_back(std::span(input, 1));
    const auto submitted = program(entry).submit({.symbols = symbols_,
                                                  .inputs = views,
                                                  .step = step,
                                                  .arena = BufferView(arena_.bytes().first(peak)),
                                                  .n_threads = n_threads_});
    Status status = submitted.ok() ? submitted->wait() : submitted.error();
    used_ = arena_.size();
    while (used_ > 0 && arena_.bytes()[used_ - 1] == kPoison) --used_;
    planned_ = peak;
    return status;
  }
  std::span<const float> output(int entry, int index) const override {
    const auto bytes =
        program(entry)
            .output(static_cast<std::size_t>(index), {.symbols = symbols_, .arena = BufferView(arena_.bytes())})
            .bytes();
    return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
  }
  Result<std::vector<std::int64_t>> output_shape(int, int) const override { return std::vector<std::int64_t>(); }

  std::size_t used() const { return used_; }
  std::size_t planned() const { return planned_; }

 private:
  const ProgramSet::Item& item(int entry) const { return programs_->items()[static_cast<std::size_t>(entry)]; }
  const graph::Program& program(int entry) const { return *item(entry).parts[0].program; }
  std::shared_ptr<const ProgramSet> programs_;
  Arena arena_;
  int n_threads_;
  std::vector<std::int64_t> symbols_;
  std::size_t used_ = 0, planned_ = 0;
};

TEST_P(Numbers, TheArenaIsUsedToThePlannedPeak) {
  constexpr int kRows = 48, kSequences = 16;
  const auto engine = open(GetParam(), 2, kRows);
  auto owned = std::make_unique<PoisonedExecutor>(engine->programs(), 2);
  const PoisonedExecutor& executor = *owned;
  Decoder decoder(engine, kSequences, std::move(owned));
  // The plan is for the bounds of all symbols; blocks are rounded up to cache lines.
  const auto expect_peak = [&executor] {
    EXPECT_LE(executor.used(), executor.planned());
    EXPECT_GT(executor.used() + 2 * static_cast<std::size_t>(graph::kArenaAlignment), executor.planned());
  };
  const std::vector<std::int32_t> ids = prompt(kRows, 8);
  const StepPart whole = decoder.part(0, ids);
  ASSERT_TRUE(decoder.stepper().prefill(std::span(&whole, 1)).ok());
  expect_peak();
  ASSERT_EQ(decoder.stepper().max_decode_rows(), kSequences);
  std::vector<StepPart> rows;
  for (int s = 0; s < kSequences; ++s)
    rows.push_back(decoder.part(s, std::span(ids).subspan(static_cast<std::size_t>(s), 1)));
  ASSERT_TRUE(decoder.stepper().decode(rows).ok());
  expect_peak();
}

TEST(Stepper, RefusesTokensOutsideOfTheVocabularyAndStepsThatAreTooLong) {
  const Case value{"", "text/smollm2", Precision::kExact};
  Decoder decoder(open(value, 1, 4), 1);
  const std::vector<std::int32_t> foreign = {1, 320}, negative = {-1}, long_prompt = prompt(5, 1);
  for (const auto* ids : {&foreign, &negative, &long_prompt}) {
    const StepPart part = decoder.part(0, *ids);
    EXPECT_FALSE(decoder.stepper().prefill(std::span(&part, 1)).ok());
  }
  const StepPart good = decoder.part(0, std::span(long_prompt).first(4));
  EXPECT_TRUE(decoder.stepper().prefill(std::span(&good, 1)).ok());
}

// LFM2: convolutions beside attention.
TEST(Stepper, RecurrentStateForksRestoresAndReturns) {
  const auto engine = open({"", "text/lfm2", Precision::kFast}, 2, 64);
  StateStore store = engine->make_state(256, std::nullopt, 4).value();
  Stepper stepper =
      Stepper::create(engine->model(), engine->make_executor().value(), store, engine->limits(), 1).value();
  const std::vector<std::int32_t> ids = prompt(150, 1), more = prompt(9, 2), others = prompt(9, 3);
  const auto read = [&](Sequence& sequence, std::span<const std::int32_t> tokens) {
    const auto logits = stepper.prefill_all({.sequence = &sequence, .ids = tokens}, 64).value();
    return std::vector<float>(logits.begin(), logits.end());
  };
  const auto decoded = [&](Sequence& sequence, std::span<const std::int32_t> tokens) {
    std::vector<float> all;
    for (const std::int32_t& token : tokens) {
      const StepPart row{.sequence = &sequence, .ids = std::span(&token, 1)};
      const auto logits = stepper.decode(std::span(&row, 1)).value();
      all.insert(all.end(), logits.begin(), logits.end());
    }
    return all;
  };
  Sequence a(store);
  const std::vector<float> first = read(a, ids);
  const StateSnapshot snapshot = a.snapshot().value();
  Sequence b = a.fork().value();
  const std::vector<float> expected = decoded(a, more), other = decoded(b, others);
  EXPECT_FALSE(same_bits(expected, other));
  ASSERT_TRUE(b.restore(snapshot).ok());
  EXPECT_TRUE(same_bits(decoded(b, more), expected)) << "after a restore";
  ASSERT_EQ(a.returnable(a.length() - 1), 150) << "the end of the prompt";
  ASSERT_TRUE(a.return_to(150).ok());
  EXPECT_TRUE(same_bits(decoded(a, others), other)) << "after returning to the prompt";
  ASSERT_EQ(a.returnable(149), 128) << "the end of a chunk";
  ASSERT_TRUE(a.return_to(128).ok());
  EXPECT_TRUE(same_bits(read(a, std::span(ids).subspan(128)), first)) << "after returning into the prompt";
}

INSTANTIATE_TEST_SUITE_P(Models, Numbers,
                         testing::Values(Case{"bf16_exact", "text/smollm2", Precision::kExact},
                                         Case{"bf16_fast", "text/smollm2", Precision::kFast},
                                         Case{"q4_0_exact", "gguf/smollm2-q4_0.gguf", Precision::kExact},
                                         Case{"q4_0_fast", "gguf/smollm2-q4_0.gguf", Precision::kFast},
                                         Case{"recurrent_exact", "text/lfm2", Precision::kExact},
                                         Case{"recurrent_fast", "text/lfm2", Precision::kFast}),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(Sampler, AllocatesNothing) {
  std::vector<float> logits(50000);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i * 7919 % 1000) * 0.01f;
  const std::array<std::int32_t, 3> history = {1, 2, 3};
  for (const int top_k : {0, 40}) {
    SamplingOptions options{.top_k = top_k, .presence_penalty = 0.5f, .logit_bias = {{2, 1.0f}}, .seed = 5};
    Sampler sampler(settle(options, {}).value(), static_cast<std::int64_t>(logits.size()));
    const std::int64_t before = allocation_count();
    for (int i = 0; i < 5; ++i) sampler.next(logits, history);
    EXPECT_EQ(allocation_count(), before);
  }
}

}  // namespace
}  // namespace galago::runtime
