// A step's view of one layer's recurrent state, checked, and the rows of each sequence.
#pragma once

#include <string_view>

#include "galago/result.h"
#include "ops/step.h"

namespace galago::ops {

class RecurrentState {
 public:
  // Fails when there is no step, no such state of so many elements, the step has not `n_rows` rows, a row's sequence is
  // outside or its rows are apart, or a sequence has no place in the state.
  static Result<RecurrentState> open(std::string_view op, const StepView* step, int state, std::int64_t elements,
                                     std::int64_t n_rows);

  float* of_sequence(std::int32_t sequence) const;
  // Calls f(sequence, first row, last row) for each sequence that has rows.
  template <class F>
  void for_sequences(const F& f) const {
    for (std::int32_t first = 0, last = 0; first < step_->n_rows; first = last) {
      const std::int32_t sequence = step_->sequence[first];
      while (last < step_->n_rows && step_->sequence[last] == sequence) ++last;
      f(sequence, first, last);
    }
  }

 private:
  RecurrentState(const StepView& step, const StateView& view) : step_(&step), view_(&view) {}

  const StepView* step_;
  const StateView* view_;
};

}  // namespace galago::ops
