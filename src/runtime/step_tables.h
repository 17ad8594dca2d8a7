// What a step's stateful ops need to know of its rows, gathered from the sequences that take part.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/step.h"
#include "runtime/sequence.h"

namespace galago::runtime {

// All memory is allocated at the start: steps allocate nothing.
class StepTables {
 public:
  // `store` outlives the tables.
  StepTables(const StateStore& store, int max_rows, int max_sequences);

  void clear();
  // Appends `n_rows` rows, for which the sequence has reserved room: its next tokens.
  void add(const Sequence& sequence, std::int64_t n_rows);
  // The same for a step of an entry that writes static state: the next tokens there, reserved by reserve_static().
  void add_static(const Sequence& sequence, std::int64_t n_rows);
  // Valid until the next call of another function.
  ops::StepView view();

  std::int64_t n_rows() const { return static_cast<std::int64_t>(sequence_.size()); }
  // The number of each row's token in its sequence.
  std::span<const std::int32_t> positions() const { return position_; }

 private:
  struct Group {
    std::int32_t max_pages = 0;
    bool is_static = false;
    std::vector<std::int32_t> pages, position;
  };
  void add_rows(const Sequence& sequence, std::int64_t n_rows, std::int64_t first, bool writes_static);

  const StateStore* store_;
  std::vector<std::int32_t> sequence_, position_;
  std::vector<Group> groups_;
  std::vector<ops::GroupView> views_;
  std::int32_t n_sequences_ = 0;
};

}  // namespace galago::runtime
