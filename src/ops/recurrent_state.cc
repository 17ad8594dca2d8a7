#include "ops/recurrent_state.h"

#include "base/error.h"
#include "base/try.h"
#include "ops/paged_state.h"

namespace galago::ops {
namespace {

Status check_rows(std::string_view op, const StepView& step, const GroupView& group, const StateView& view) {
  std::int32_t before = -1;
  for (std::int32_t row = 0; row < step.n_rows; ++row) {
    const std::int32_t sequence = step.sequence[row];
    if (sequence == before) continue;
    // Sequences of a step stand in its order, so one that came before would have a lower number.
    if (sequence < 0 || sequence >= step.n_sequences || sequence < before) {
      return error(ErrorCode::kOutOfRange, "{}: row {} belongs to sequence {}, after sequence {}; the step has {}", op,
                   row, sequence, before, step.n_sequences);
    }
    before = sequence;
    const std::int32_t page = group.pages[std::int64_t{sequence} * group.max_pages];
    if (page < 0 || page >= view.n_pages) {
      return error(ErrorCode::kOutOfRange, "{}: sequence {} has the place {} of a state with {}", op, sequence, page,
                   view.n_pages);
    }
  }
  return {};
}

}  // namespace

Result<RecurrentState> RecurrentState::open(std::string_view op, const StepView* step, int state, std::int64_t elements,
                                            std::int64_t n_rows) {
  GALAGO_TRY(const StateView* const view, find_state(op, step, state));
  if (step->n_rows != n_rows) {
    return error(ErrorCode::kInvalidArgument, "{}: {} rows in a step of {}", op, n_rows, step->n_rows);
  }
  const std::uint64_t needed = static_cast<std::uint64_t>(elements) * sizeof(float);
  if (view->page_bytes < needed || view->data == nullptr) {
    return error(ErrorCode::kInvalidArgument, "{}: state {} has {} bytes a sequence; {} need {}", op, state,
                 view->data == nullptr ? 0 : view->page_bytes, to_string(Recurrent{elements}), needed);
  }
  GALAGO_CHECK(check_rows(op, *step, step->groups[static_cast<std::size_t>(view->group)], *view));
  return RecurrentState(*step, *view);
}

float* RecurrentState::of_sequence(std::int32_t sequence) const {
  const GroupView& group = step_->groups[static_cast<std::size_t>(view_->group)];
  const auto page = static_cast<std::uint64_t>(group.pages[std::int64_t{sequence} * group.max_pages]);
  return reinterpret_cast<float*>(view_->data + page * view_->page_bytes);
}

}  // namespace galago::ops
