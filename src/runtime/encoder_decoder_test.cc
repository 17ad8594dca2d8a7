// A toy encoder-decoder through the Stepper: what an encoder gave is written once and read by every step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "nn/cross_attention.h"
#include "runtime/stepper.h"
#include "runtime/toy_model_test.h"

namespace galago::runtime {
namespace {

// Embeddings, attention to the encoder's rows, and the embeddings again as the head.
struct Translator {
  static constexpr std::int64_t kHidden = 16, kVocab = 20, kEncoder = 12;
  static constexpr models::EntryLimits kLimits{.prefill_tokens = 32, .decode_tokens = 4};

  Translator() { states = nn::number_states(cross); }

  Tensor hidden(const graph::TracedInputs& in) const {
    const Tensor x = embedding(in["token_ids"], table);
    return x + cross(x);
  }

  std::vector<models::Entry> entries() const {
    using Outputs = std::vector<graph::NamedTensor>;
    const auto inputs = [](const Dim& tokens) -> std::vector<graph::TraceInput> {
      return {{"token_ids", {DType::kI32, {tokens}}}, {"positions", {DType::kI32, {1, tokens}}}};
    };
    models::Entry prefill{.name = "prefill", .inputs = inputs(Dim::symbol("tokens", kLimits.prefill_tokens))};
    prefill.inputs.push_back({"rows", {DType::kI32, {Dim::symbol("rows", kLimits.prefill_tokens)}}});
    prefill.forward = [toy = *this](const graph::TracedInputs& in) -> Outputs {
      return {{"hidden", gather_rows(toy.hidden(in), in["rows"])}};
    };
    models::Entry head{.name = "head", .inputs = {{"hidden", {DType::kF32, {Dim::symbol("rows", 4), kHidden}}}}};
    head.numeric_class = graph::NumericClass::kDecode;
    head.forward = [toy = *this](const graph::TracedInputs& in) -> Outputs {
      return {{"logits", linear(in["hidden"], toy.table)}};
    };
    models::Entry decode{.name = "decode", .inputs = inputs(Dim::symbol("tokens", kLimits.decode_tokens))};
    decode.numeric_class = graph::NumericClass::kDecode;
    decode.forward = [toy = *this](const graph::TracedInputs& in) -> Outputs {
      return {{"logits", linear(toy.hidden(in), toy.table)}};
    };
    models::Entry cross_kv{.name = "cross_kv",
                           .inputs = {{"rows", {DType::kF32, {Dim::symbol("tokens", 40), kEncoder}}}}};
    cross_kv.forward = [toy = *this](const graph::TracedInputs& in) -> Outputs {
      if (const Status appended = toy.cross.append(in["rows"]); !appended.ok()) {
        return {{"error", Tensor::failed(appended.error())}};
      }
      return {};
    };
    return {prefill, head, decode, cross_kv};
  }

  static models::ModelInfo info() {
    return {.architecture = "toy", .vocab_size = kVocab, .hidden_size = kHidden, .context_length = 256, .n_layers = 1};
  }

  Tensor table = Tensor::random({kVocab, kHidden}, 1);
  nn::CrossAttention cross{{.hidden_size = kHidden,
                            .encoder_size = kEncoder,
                            .n_heads = 2,
                            .n_kv_heads = 1,
                            .head_dim = 8,
                            .max_tokens = 100}};
  std::vector<ops::StateSpec> states;
};

class EncoderDecoder : public ::testing::TestWithParam<bool> {
 protected:
  Stepper make() {
    auto executor = GetParam() ? executors_.eager() : executors_.compiled();
    return Stepper::create(model_, std::move(executor), store_, Translator::kLimits, 2).value();
  }
  static std::vector<float> encoded(std::int64_t n, std::uint64_t seed) {
    const Tensor rows = Tensor::random({n, Translator::kEncoder}, seed);
    return {rows.floats().begin(), rows.floats().end()};
  }

  Translator toy_;
  ToyModel model_{Translator::info(), toy_.entries(), toy_.states};
  ToyExecutors executors_{model_, Translator::kLimits};
  StateStore store_ = StateStore::create(toy_.states, KvType::kF32, 4, 4).value();
};

TEST_P(EncoderDecoder, EverySequenceReadsWhatItsOwnEncoderGave) {
  Stepper stepper = make();
  const std::vector<std::int32_t> first = {1, 7, 3}, second = {9, 2};
  const auto alone = [&](std::span<const std::int32_t> ids, std::int64_t n, std::uint64_t seed) {
    Sequence sequence(store_);
    EXPECT_TRUE(stepper.write_static("cross_kv", sequence, encoded(n, seed)).ok());
    const StepPart part{.sequence = &sequence, .ids = ids, .wants_all = true};
    const auto hidden = stepper.prefill(std::span(&part, 1)).value();
    return std::vector<float>(hidden.begin(), hidden.end());
  };
  std::vector<float> expected = alone(first, 95, 5);
  EXPECT_NE(alone(first, 95, 6), expected);
  EXPECT_NE(alone(first, 94, 5), expected);
  const std::vector<float> of_second = alone(second, 7, 8);
  expected.insert(expected.end(), of_second.begin(), of_second.end());

  Sequence a(store_), b(store_);
  // In pieces of its own, and in those of 40 that the entry takes.
  const std::vector<float> rows = encoded(95, 5);
  const std::size_t cut = 11 * Translator::kEncoder;
  ASSERT_TRUE(stepper.write_static("cross_kv", a, std::span(rows).first(cut)).ok());
  ASSERT_TRUE(stepper.write_static("cross_kv", a, std::span(rows).subspan(cut)).ok());
  EXPECT_EQ(a.static_length(), 95);
  ASSERT_TRUE(stepper.write_static("cross_kv", b, encoded(7, 8)).ok());
  const StepPart parts[2] = {{.sequence = &a, .ids = first, .wants_all = true},
                             {.sequence = &b, .ids = second, .wants_all = true}};
  const auto together = stepper.prefill(parts).value();
  EXPECT_EQ(std::vector<float>(together.begin(), together.end()), expected);
  EXPECT_EQ(a.length(), 3);
}

TEST_P(EncoderDecoder, SaysWhatDoesNotFit) {
  Stepper stepper = make();
  Sequence sequence(store_);
  const auto message = [&](std::string_view entry, std::int64_t n) {
    return stepper.write_static(entry, sequence, std::vector<float>(static_cast<std::size_t>(n))).error().message;
  };
  EXPECT_EQ(message("encode", 12), "the model has no entry \"encode\"");
  EXPECT_EQ(message("cross_kv", 13), "cross_kv: 13 numbers are no rows of 12");
  EXPECT_THAT(message("decode", 12), ::testing::HasSubstr("decode: its only input is to be f32 (tokens, width)"));
  EXPECT_EQ(message("cross_kv", 101 * 12), "101 tokens of an encoder; the static state has room for 100");
}

INSTANTIATE_TEST_SUITE_P(Executors, EncoderDecoder, ::testing::Values(false, true),
                         [](const auto& tested) { return tested.param ? "eager" : "compiled"; });

}  // namespace
}  // namespace galago::runtime
