// A step's view of one layer's paged or static state, checked: every access names its op, row and limit when it is
// outside.
#pragma once

#include <string_view>

#include "galago/result.h"
#include "ops/step.h"

namespace galago::ops {

// The state of that number. Fails when there is no step, no such state, or no such group of pages.
Result<const StateView*> find_state(std::string_view op, const StepView* step, int state);
// Fails when a row's sequence or position is outside of its group's page table.
Status check_row(std::string_view op, const StepView& step, const GroupView& group, std::int32_t row);

class PagedState {
 public:
  // Fails when there is no step, no such state, or its pages are too small for `spec`; when the step has not `n_rows`
  // rows, or a row's sequence or position is outside the step's page table.
  static Result<PagedState> open(std::string_view op, const StepView* step, int state, const Paged& spec,
                                 std::int64_t n_rows);

  // The token that a row is appended as, which is the last that it sees.
  std::int32_t position(std::int64_t row) const { return group_->position[row]; }
  // The page of token `token` of sequence `sequence`. Fails when the table names no page of the state there.
  Result<std::byte*> page(std::int32_t sequence, std::int32_t token) const;

  // The keys and values of one token and head, of k_dim and v_dim elements, within a page.
  void write_key(std::byte* page, std::int32_t token, std::int64_t head, const float* key) const;
  void write_value(std::byte* page, std::int32_t token, std::int64_t head, const float* value) const;
  void read_key(const std::byte* page, std::int32_t token, std::int64_t head, float* key) const;
  void read_value(const std::byte* page, std::int32_t token, std::int64_t head, float* value) const;

 private:
  PagedState(std::string_view op, const StepView& step, int state, const Paged& spec);

  // Where a token's keys and values begin, in bytes from the start of a page.
  std::uint64_t key_offset(std::int32_t token, std::int64_t head) const;
  std::uint64_t value_offset(std::int32_t token, std::int64_t head) const;

  std::string_view op_;
  const StateView* view_;
  const GroupView* group_;
  Paged spec_;
  std::uint64_t k_bytes_, v_bytes_;  // of a row
};

}  // namespace galago::ops
