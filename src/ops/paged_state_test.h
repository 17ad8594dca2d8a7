// A paged state in memory with sequences of its own, for tests of the ops that read and write it.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "ops/step.h"

namespace galago::ops {

// Sequence s owns the pages of table row s. `filled` bytes make reads of what was never written stand out (as NaN).
class TestState {
 public:
  TestState(Paged spec, KvType type, std::vector<std::vector<std::int32_t>> tables, std::int32_t n_pages)
      : spec_(spec), bytes_(static_cast<std::size_t>(n_pages) * page_bytes(spec, type), std::byte{0xff}) {
    views_ = {StateView{bytes_.data(), page_bytes(spec, type), type, n_pages}};
    for (const auto& row : tables) max_pages_ = std::max(max_pages_, row.size());
    for (auto& row : tables) {
      row.resize(max_pages_, -1);
      table_.insert(table_.end(), row.begin(), row.end());
    }
    n_sequences_ = static_cast<std::int32_t>(tables.size());
  }

  // A step of these rows, (sequence, position) each. Valid until the next call.
  StepView* step(const std::vector<std::pair<std::int32_t, std::int32_t>>& rows) {
    sequence_.clear();
    position_.clear();
    for (const auto& [sequence, position] : rows) {
      sequence_.push_back(sequence);
      position_.push_back(position);
    }
    group_ = {table_.data(), static_cast<std::int32_t>(max_pages_), position_.data()};
    view_ = {static_cast<std::int32_t>(rows.size()),
             n_sequences_,
             sequence_.data(),
             position_.data(),
             std::span(&group_, 1),
             views_};
    return &view_;
  }

  // Element `i` of the stored bytes as f32 state.
  float stored(std::size_t i) const { return reinterpret_cast<const float*>(bytes_.data())[i]; }
  const std::vector<std::byte>& bytes() const { return bytes_; }
  StateView& view() { return views_.front(); }

 private:
  Paged spec_;
  std::vector<std::byte> bytes_;
  std::vector<StateView> views_;
  std::vector<std::int32_t> table_, sequence_, position_;
  std::size_t max_pages_ = 0;
  std::int32_t n_sequences_ = 0;
  GroupView group_;
  StepView view_;
};

// Rows [first, last) of one sequence.
inline std::vector<std::pair<std::int32_t, std::int32_t>> rows_of(std::int32_t sequence, std::int32_t first,
                                                                  std::int32_t last) {
  std::vector<std::pair<std::int32_t, std::int32_t>> rows;
  for (std::int32_t position = first; position < last; ++position) rows.emplace_back(sequence, position);
  return rows;
}

}  // namespace galago::ops
