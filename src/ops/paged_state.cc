#include "ops/paged_state.h"

#include "base/error.h"
#include "base/try.h"
#include "ops/kv_codec.h"

namespace galago::ops {
namespace {

Status check_rows(std::string_view op, const StepView& step, const GroupView& group, std::int64_t n_rows) {
  if (step.n_rows != n_rows) {
    return error(ErrorCode::kInvalidArgument, "{}: {} rows in a step of {}", op, n_rows, step.n_rows);
  }
  for (std::int32_t row = 0; row < step.n_rows; ++row) GALAGO_CHECK(check_row(op, step, group, row));
  return {};
}

}  // namespace

Status check_row(std::string_view op, const StepView& step, const GroupView& group, std::int32_t row) {
  if (step.sequence[row] < 0 || step.sequence[row] >= step.n_sequences) {
    return error(ErrorCode::kOutOfRange, "{}: row {} belongs to sequence {}; the step has {}", op, row,
                 step.sequence[row], step.n_sequences);
  }
  const std::int64_t capacity = std::int64_t{group.max_pages} * kPageTokens;
  if (group.position[row] < 0 || group.position[row] >= capacity) {
    return error(ErrorCode::kOutOfRange, "{}: row {} has position {}; its page table holds {} tokens", op, row,
                 group.position[row], capacity);
  }
  return {};
}

Result<const StateView*> find_state(std::string_view op, const StepView* step, int state) {
  if (step == nullptr) {
    return error(ErrorCode::kInvalidArgument, "{}: there is no step; it reads state and runs only within one", op);
  }
  if (state < 0 || static_cast<std::size_t>(state) >= step->states.size()) {
    return error(ErrorCode::kInvalidArgument, "{}: state {} of a step with {} states", op, state, step->states.size());
  }
  const StateView& view = step->states[static_cast<std::size_t>(state)];
  if (view.group < 0 || static_cast<std::size_t>(view.group) >= step->groups.size()) {
    return error(ErrorCode::kInvalidArgument, "{}: state {} has the pages of group {}; the step has {} groups", op,
                 state, view.group, step->groups.size());
  }
  return &view;
}

PagedState::PagedState(std::string_view op, const StepView& step, int state, const Paged& spec)
    : op_(op),
      view_(&step.states[static_cast<std::size_t>(state)]),
      group_(&step.groups[static_cast<std::size_t>(view_->group)]),
      spec_(spec),
      k_bytes_(kv_row_bytes(view_->type, static_cast<std::uint64_t>(spec.k_dim)).value_or(0)),
      v_bytes_(kv_row_bytes(view_->type, static_cast<std::uint64_t>(spec.v_dim)).value_or(0)) {}

Result<PagedState> PagedState::open(std::string_view op, const StepView* step, int state, const Paged& spec,
                                    std::int64_t n_rows) {
  GALAGO_TRY(const StateView* const found, find_state(op, step, state));
  const StateView& view = *found;
  const std::uint64_t needed = ops::page_bytes(spec, view.type);
  if (view.page_bytes < needed) {
    return error(ErrorCode::kInvalidArgument, "{}: state {} has pages of {} bytes; {} need {}", op, state,
                 view.page_bytes, to_string(spec), needed);
  }
  GALAGO_CHECK(check_rows(op, *step, step->groups[static_cast<std::size_t>(view.group)], n_rows));
  return PagedState(op, *step, state, spec);
}

Result<std::byte*> PagedState::page(std::int32_t sequence, std::int32_t token) const {
  const std::int64_t entry = std::int64_t{sequence} * group_->max_pages + token / kPageTokens;
  const std::int32_t number = group_->pages[entry];
  if (number < 0 || number >= view_->n_pages || view_->data == nullptr) {
    return error(ErrorCode::kOutOfRange, "{}: token {} of sequence {} lies in page {}; the state has {} pages", op_,
                 token, sequence, number, view_->n_pages);
  }
  return view_->data + static_cast<std::uint64_t>(number) * view_->page_bytes;
}

std::uint64_t PagedState::key_offset(std::int32_t token, std::int64_t head) const {
  const auto row = static_cast<std::uint64_t>(head * kPageTokens + token % kPageTokens);
  return row * k_bytes_;
}

std::uint64_t PagedState::value_offset(std::int32_t token, std::int64_t head) const {
  const auto keys = static_cast<std::uint64_t>(spec_.heads) * kPageTokens * k_bytes_;
  const auto row = static_cast<std::uint64_t>(head * kPageTokens + token % kPageTokens);
  return keys + row * v_bytes_;
}

void PagedState::write_key(std::byte* page, std::int32_t token, std::int64_t head, const float* key) const {
  encode_kv_row(view_->type, key, page + key_offset(token, head), spec_.k_dim);
}

void PagedState::write_value(std::byte* page, std::int32_t token, std::int64_t head, const float* value) const {
  encode_kv_row(view_->type, value, page + value_offset(token, head), spec_.v_dim);
}

void PagedState::read_key(const std::byte* page, std::int32_t token, std::int64_t head, float* key) const {
  decode_kv_row(view_->type, page + key_offset(token, head), key, spec_.k_dim);
}

void PagedState::read_value(const std::byte* page, std::int32_t token, std::int64_t head, float* value) const {
  decode_kv_row(view_->type, page + value_offset(token, head), value, spec_.v_dim);
}

}  // namespace galago::ops
