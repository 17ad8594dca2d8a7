// Steps of a decoder: prefill in chunks, decode, and the output head, for any number of sequences at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/entry_executor.h"
#include "runtime/sequence.h"
#include "runtime/step_tables.h"

namespace galago::runtime {

// One sequence's rows of a step.
struct StepPart {
  Sequence* sequence = nullptr;
  std::span<const std::int32_t> ids;
  std::span<const std::int32_t> splice;  // rows of `media` that replace embeddings, -1 for none; empty: no media
  std::span<const float> media;          // (rows, hidden_size): what `splice` counts into
  bool wants_all = false;                // hidden states of all rows, not of the last alone
};

// All buffers are allocated up front: steps allocate nothing.
class Stepper {
 public:
  // `store` outlives the stepper. Fails for models without a decoder.
  static Result<Stepper> create(const models::Model& model, std::unique_ptr<EntryExecutor> executor, StateStore& store,
                                const models::EntryLimits& limits, int max_sequences);

  int max_prefill_rows() const { return limits_.prefill_tokens; }
  int max_decode_rows() const { return limits_.decode_tokens; }
  std::int64_t hidden_size() const { return hidden_size_; }
  std::int64_t vocab_size() const { return vocab_size_; }
  EntryExecutor& executor() { return *executor_; }

  // Appends the parts' rows to their sequences and returns the wanted hidden states (rows, hidden_size), after the
  // final norm, in the parts' order. At most max_prefill_rows() rows.
  Result<std::span<const float>> prefill(std::span<const StepPart> parts);
  // Logits (rows, vocab_size) of at most max_decode_rows() hidden states.
  Result<std::span<const float>> head(std::span<const float> hidden);
  // Appends and returns the logits of every row. At most max_decode_rows() rows, without media.
  Result<std::span<const float>> decode(std::span<const StepPart> parts);

  // prefill() of one sequence in chunks of at most `chunk` rows, to whose end it can return, and the logits of its last
  // row.
  Result<std::span<const float>> prefill_all(const StepPart& part, int chunk);

 private:
  Stepper() = default;
  Status gather(std::span<const StepPart> parts, int most_rows);
  Status gather_media(std::span<const StepPart> parts);
  Status run(int entry, std::span<const std::byte* const> inputs);
  void advance(std::span<const StepPart> parts);

  std::unique_ptr<EntryExecutor> executor_;
  models::EntryLimits limits_;
  std::int64_t hidden_size_ = 0;
  std::int64_t vocab_size_ = 0;
  int axes_ = 1;
  int prefill_ = -1, head_ = -1, decode_ = -1;
  bool takes_media_ = false;

  std::vector<std::int32_t> ids_, positions_, splice_, wanted_;
  std::vector<float> media_, head_input_;
  std::int64_t media_rows_ = 0;
  std::vector<std::int64_t> symbols_;
  std::optional<StepTables> tables_;
  ops::StepView view_;
};

}  // namespace galago::runtime
