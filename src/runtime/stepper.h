// Steps of a decoder: prefill in chunks, decode, and the output head, for any number of sequences at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/entry_executor.h"
#include "runtime/sequence.h"
#include "runtime/step_inputs.h"
#include "runtime/step_tables.h"

namespace galago::runtime {

// All buffers are allocated up front: steps allocate nothing.
class Stepper {
 public:
  // `store` outlives the stepper. Fails for models without a decoder, and for inputs of its entries that nothing gives.
  static Result<Stepper> create(const models::Model& model, std::unique_ptr<EntryExecutor> executor, StateStore& store,
                                const models::EntryLimits& limits, int max_sequences);

  int max_prefill_rows() const { return limits_.prefill_tokens; }
  int max_decode_rows() const { return limits_.decode_tokens; }
  std::int64_t hidden_size() const { return hidden_size_; }
  std::int64_t vocab_size() const { return vocab_size_; }
  EntryExecutor& executor() { return *executor_; }
  // The further inputs of either entry, which every part of a step has to bring rows for (StepPart::rows).
  const std::vector<std::string>& prefill_rows() const { return prefill_.row_inputs(); }
  const std::vector<std::string>& decode_rows() const { return decode_.row_inputs(); }

  // Appends the parts' rows to their sequences and returns the wanted hidden states (rows, hidden_size), after the
  // final norm, in the parts' order. At most max_prefill_rows() rows.
  Result<std::span<const float>> prefill(std::span<const StepPart> parts);
  // Logits (rows, vocab_size) of at most max_decode_rows() hidden states.
  Result<std::span<const float>> head(std::span<const float> hidden);
  // Appends and returns the logits of every row. At most max_decode_rows() rows, without media.
  Result<std::span<const float>> decode(std::span<const StepPart> parts);

  // Runs the entry that writes static state ("cross_kv"), whose one input is what an encoder gave, (tokens, width), in
  // as many pieces as it takes: they follow what the sequence has there.
  Status write_static(std::string_view entry, Sequence& sequence, std::span<const float> rows);

  // prefill() of one sequence in chunks of at most `chunk` rows, to whose end it can return, and the logits of its last
  // row.
  Result<std::span<const float>> prefill_all(const StepPart& part, int chunk);

 private:
  Stepper(StepInputs prefill, StepInputs decode) : prefill_(std::move(prefill)), decode_(std::move(decode)) {}
  Status lay_out(std::span<const StepPart> parts);
  Result<std::span<const float>> run(StepInputs& inputs, std::span<const StepPart> parts);

  std::unique_ptr<EntryExecutor> executor_;
  models::EntryLimits limits_;
  std::int64_t hidden_size_ = 0;
  std::int64_t vocab_size_ = 0;
  StepInputs prefill_, decode_;
  int head_ = -1;

  std::optional<StepTables> tables_;
  std::vector<float> head_input_;
  std::vector<std::int64_t> head_symbols_;
  ops::StepView view_;
  PartSlice slice_;
};

}  // namespace galago::runtime
