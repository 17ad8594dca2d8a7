// The rows of a step as the inputs of an entry that takes tokens (prefill, decode). Inputs are bound by name, once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/entry_executor.h"
#include "runtime/sequence.h"

namespace galago::runtime {

// Rows of one of an entry's further inputs ("deepstack_0", "spans"), one for each token: (ids, width).
struct NamedRows {
  std::string_view input;
  std::span<const float> values;         // of an f32 input
  std::span<const std::int32_t> ints{};  // of an i32 input
};

// One sequence's rows of a step.
struct StepPart {
  Sequence* sequence = nullptr;
  std::span<const std::int32_t> ids;
  std::span<const std::int32_t> positions{};  // (axes, ids); empty: from sequence->next_position() on, on every axis
  std::span<const std::int32_t> splice{};     // rows of `media` that replace embeddings, -1 for none; empty: no media
  std::span<const float> media{};             // (rows, width of the input): what `splice` counts into
  std::span<const NamedRows> rows{};          // for each further input of the entry, and for no other
  bool wants_all = false;                     // hidden states of all rows, not of the last alone
};

// Tokens [at, at + n) of a longer part, valid until the next call. Positions lie by axis, so a chunk's are copied.
class PartSlice {
 public:
  const StepPart& of(const StepPart& whole, std::size_t at, std::size_t n);

 private:
  StepPart part_;
  std::vector<std::int32_t> positions_;
  std::vector<NamedRows> rows_;
};

class StepInputs {
 public:
  // Fails for an input that no part of a step can give. Buffers for `most_rows` are allocated here and never later.
  static Result<StepInputs> create(const EntryExecutor& executor, std::string_view entry, const models::ModelInfo& info,
                                   int most_rows);

  int entry() const { return number_; }
  // The names of the further inputs, which every part has to bring rows for.
  const std::vector<std::string>& row_inputs() const { return row_inputs_; }
  // Lays the parts' rows one after the other. An error names the input that lacks rows, or the rows without an input.
  Status gather(std::span<const StepPart> parts);
  Status run(EntryExecutor& executor, const ops::StepView& view);

 private:
  enum class Source : std::uint8_t { kIds, kPositions, kSplice, kMedia, kWanted, kRows };
  struct Slot {
    Source source;
    std::string name;
    DType dtype;
    std::size_t width;                // elements of a row
    std::vector<std::int64_t> inner;  // the constant sizes after the first
    std::vector<float> values{};      // one of the two is used
    std::vector<std::int32_t> integers{};
  };

  StepInputs() = default;
  static Result<Slot> bind(std::string_view entry, const graph::TraceInput& input, std::string_view tokens, int axes);
  Status check(const StepPart& part) const;
  Status gather_ids(Slot& slot, const StepPart& part) const;
  Status gather_splice(Slot& slot, const StepPart& part);
  Status gather_media(Slot& slot, const StepPart& part) const;
  Status gather_rows(Slot& slot, const StepPart& part) const;
  Status gather_positions(Slot& slot, std::span<const StepPart> parts) const;
  void gather_wanted(Slot& slot, std::span<const StepPart> parts) const;
  bool takes(Source source) const;
  void append_sizes(const Slot& slot);

  std::string entry_;
  int number_ = -1;
  std::size_t most_rows_ = 0, axes_ = 1;
  std::int64_t vocab_size_ = 0;
  std::vector<Slot> slots_;  // one for each input of the entry
  std::vector<std::string> row_inputs_;
  std::int32_t media_rows_ = 0;
  std::vector<std::int64_t> sizes_, symbols_;
  std::vector<const std::byte*> data_;
};

}  // namespace galago::runtime
