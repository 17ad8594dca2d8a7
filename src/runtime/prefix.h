// A sequence that knows what its rows were made from, so that a prompt which
// begins with the same reads only the rest.
#pragma once

#include <cstdint>

#include "runtime/prompt_rows.h"
#include "runtime/sequence.h"
#include "runtime/stepper.h"

namespace galago::runtime {

class Prefix {
 public:
  // `capacity`: the most rows that it may hold.
  Prefix(Sequence sequence, std::int64_t capacity) : sequence_(std::move(sequence)), capacity_(capacity) {}

  std::int64_t capacity() const { return capacity_; }
  const PromptRows& rows() const { return rows_; }
  // Rows that the sequence holds, and rows that it does not hold yet.
  std::int64_t held() const { return sequence_.length(); }
  std::int64_t unread() const { return rows_.size() - held(); }

  // The rows to hold from now on. What they have in common with those held
  // stays, but for the last row, whose logits are wanted. Returns how many
  // stay; that may be fewer than are the same, where a state cannot return to
  // that point.
  Result<std::int64_t> begin(PromptRows rows);
  void push(std::int32_t id) { rows_.push(id); }
  // Makes the present length one that a later prompt can go on from, whatever
  // is read in the meantime.
  void mark() { sequence_.mark(); }
  // Forgets rows behind the first `kept_first`, but for the last `kept_last`.
  // What follows is to be read again.
  Status slide(std::int64_t kept_first, std::int64_t kept_last);

  // The next unread rows, at most `most`, with room for them in the sequence,
  // for an entry with the further inputs `inputs`. Fails when the store has
  // none left.
  Result<StepPart> next(std::int64_t most, std::span<const std::string> inputs);

 private:
  Status return_to(std::int64_t length);

  Sequence sequence_;
  std::int64_t capacity_;
  PromptRows rows_;  // the first held() of them are in the sequence
};

}  // namespace galago::runtime
