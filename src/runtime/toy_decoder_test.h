// A decoder of one layer with all that a step can bring: positions on several axes, media rows, and further inputs.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "galago/ops.h"
#include "ops/kv_append.h"
#include "ops/paged_attention.h"
#include "ops/rope.h"
#include "runtime/stepper.h"
#include "runtime/toy_model_test.h"

namespace galago::runtime {

struct ToyDecoder {
  static constexpr std::int64_t kHidden = 16, kVocab = 20;
  static constexpr int kAxes = 3;
  static constexpr models::EntryLimits kLimits{.prefill_tokens = 32, .decode_tokens = 4};

  Tensor table = Tensor::random({kVocab, kHidden}, 1), span_table = Tensor::random({4, kHidden}, 2);
  Tensor q = Tensor::random({kHidden, kHidden}, 3), k = Tensor::random({kHidden, kHidden}, 4);
  Tensor v = Tensor::random({kHidden, kHidden}, 5), o = Tensor::random({kHidden, kHidden}, 6);
  Tensor inv_freq = Tensor::from(std::vector<float>{1.0f, 0.7f, 0.4f, 0.2f}, {4});

  // Embeddings, replaced by media rows and shifted by the further rows; then attention, whose rope has three axes.
  Tensor hidden(const graph::TracedInputs& in, bool sees) const {
    const Dim n = in["token_ids"].shape().dim(0);
    Tensor x = embedding(in["token_ids"], table);
    if (sees) x = splice(x, in["media"], in["splice_index"]);
    x = x + in["deepstack_0"] + embedding(in["spans"], span_table);
    const auto heads = [&](const Tensor& w) { return reshape(linear(x, w), {n, 2, 8}); };
    const ops::Rope turn{.sections = {2, 1, 1}};
    const Status appended = ops::kv_append(ops::rope(heads(k), in["positions"], inv_freq, turn), heads(v), 0, nullptr);
    if (!appended.ok()) return Tensor::failed(appended.error());
    const Tensor turned = ops::rope(heads(q), in["positions"], inv_freq, turn);
    const Tensor seen = ops::paged_attention(turned, {0, 2, 8, 0.05f, 0, 0.0f}, nullptr);
    return x + linear(reshape(seen, {n, kHidden}), o);
  }

  static std::vector<graph::TraceInput> inputs(const Dim& tokens) {
    return {{"spans", {DType::kI32, {tokens}}},
            {"positions", {DType::kI32, {kAxes, tokens}}},
            {"token_ids", {DType::kI32, {tokens}}},
            {"deepstack_0", {DType::kF32, {tokens, kHidden}}}};
  }

  std::vector<models::Entry> entries() const {
    using Outputs = std::vector<graph::NamedTensor>;
    const Dim tokens = Dim::symbol("tokens", kLimits.prefill_tokens),
              few = Dim::symbol("tokens", kLimits.decode_tokens);
    models::Entry prefill{.name = "prefill", .inputs = inputs(tokens)};
    const Dim rows = Dim::symbol("rows", kLimits.prefill_tokens),
              media = Dim::symbol("media_rows", kLimits.prefill_tokens);
    prefill.inputs.push_back({"rows", {DType::kI32, {rows}}});
    prefill.inputs.push_back({"media", {DType::kF32, {media, kHidden}}});
    prefill.inputs.push_back({"splice_index", {DType::kI32, {tokens}}});
    prefill.forward = [toy = *this](const graph::TracedInputs& in) -> Outputs {
      return {{"hidden", gather_rows(toy.hidden(in, true), in["rows"])}};
    };
    models::Entry head{.name = "head", .inputs = {{"hidden", {DType::kF32, {Dim::symbol("rows", 4), kHidden}}}}};
    head.numeric_class = graph::NumericClass::kDecode;
    head.forward = [toy = *this](const graph::TracedInputs& in) -> Outputs {
      return {{"logits", linear(in["hidden"], toy.table)}};
    };
    models::Entry decode{.name = "decode", .inputs = inputs(few)};
    decode.numeric_class = graph::NumericClass::kDecode;
    decode.forward = [toy = *this](const graph::TracedInputs& in) -> Outputs {
      return {{"logits", linear(toy.hidden(in, false), toy.table)}};
    };
    return {prefill, head, decode};
  }

  static models::ModelInfo info() {
    return {.architecture = "toy",
            .vocab_size = kVocab,
            .hidden_size = kHidden,
            .context_length = 256,
            .n_layers = 1,
            .position_axes = kAxes};
  }
};

// The toy with a store and a stepper over its compiled programs.
struct ToySteps {
  explicit ToySteps(std::vector<models::Entry> entries = ToyDecoder().entries())
      : model(ToyDecoder::info(), std::move(entries), {ops::Paged{2, 8, 8}}), executors(model, ToyDecoder::kLimits) {}
  Stepper make() { return Stepper::create(model, executors.compiled(), store, ToyDecoder::kLimits, 2).value(); }

  ToyModel model;
  ToyExecutors executors;
  StateStore store = StateStore::create(std::vector<ops::StateSpec>{ops::Paged{2, 8, 8}}, KvType::kF32, 8).value();
};

// A prompt of `n` tokens for the toy: a picture of 2 x 3 rows after the first two, text after it.
struct ToyPrompt {
  std::vector<std::int32_t> ids, positions, splice, spans;
  std::vector<float> media, deepstack;
  std::vector<NamedRows> rows;

  explicit ToyPrompt(int n = 12) {
    for (int i = 0; i < n; ++i) {
      const bool seen = i >= 2 && i < 8;
      ids.push_back(i * 7 % 20);
      splice.push_back(seen ? 7 - i : -1);
      spans.push_back(seen ? 1 : i % 3);
    }
    for (int axis = 0; axis < ToyDecoder::kAxes; ++axis) {
      for (int i = 0; i < n; ++i) {
        const int within = axis == 0 ? 0 : axis == 1 ? (i - 2) / 3 : (i - 2) % 3;
        positions.push_back(i < 2 ? i : i < 8 ? 2 + within : i - 3);
      }
    }
    const auto floats = [](std::int64_t count, std::uint64_t seed) {
      const Tensor random = Tensor::random({count, ToyDecoder::kHidden}, seed);
      return std::vector<float>(random.floats().begin(), random.floats().end());
    };
    media = floats(6, 21);
    deepstack = floats(n, 22);
  }

  StepPart part(Sequence& sequence) {
    rows = {{"spans", {}, spans}, {"deepstack_0", deepstack, {}}};
    return {.sequence = &sequence, .ids = ids, .positions = positions, .splice = splice, .media = media, .rows = rows};
  }
};

inline bool same_bits_of(std::span<const float> a, std::span<const float> b) {
  return !a.empty() && a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace galago::runtime
