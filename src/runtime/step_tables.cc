#include "runtime/step_tables.h"

namespace galago::runtime {

StepTables::StepTables(const StateStore& store, int max_rows, int max_sequences) : store_(&store) {
  const auto rows = static_cast<std::size_t>(max_rows), sequences = static_cast<std::size_t>(max_sequences);
  sequence_.reserve(rows);
  position_.reserve(rows);
  groups_.resize(store.groups().size());
  views_.resize(groups_.size());
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const StateGroup& group = store.groups()[g];
    groups_[g].max_pages = group.max_pages;
    groups_[g].is_static = group.kind == StateGroup::Kind::kStatic;
    groups_[g].pages.reserve(sequences * static_cast<std::size_t>(group.max_pages));
    if (groups_[g].is_static) groups_[g].position.reserve(rows);
  }
}

void StepTables::clear() {
  sequence_.clear();
  position_.clear();
  for (Group& group : groups_) {
    group.pages.clear();
    group.position.clear();
  }
  n_sequences_ = 0;
}

void StepTables::add(const Sequence& sequence, std::int64_t n_rows) {
  add_rows(sequence, n_rows, sequence.length(), /*writes_static=*/false);
}

void StepTables::add_static(const Sequence& sequence, std::int64_t n_rows) {
  add_rows(sequence, n_rows, sequence.static_length(), /*writes_static=*/true);
}

void StepTables::add_rows(const Sequence& sequence, std::int64_t n_rows, std::int64_t first, bool writes_static) {
  const auto n = static_cast<std::size_t>(n_rows);
  sequence_.resize(sequence_.size() + n, n_sequences_++);
  for (std::int64_t row = 0; row < n_rows; ++row) position_.push_back(static_cast<std::int32_t>(first + row));
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    Group& group = groups_[g];
    const std::span<const std::int32_t> pages = sequence.pages(g);
    group.pages.insert(group.pages.end(), pages.begin(), pages.end());
    group.pages.resize(static_cast<std::size_t>(n_sequences_) * static_cast<std::size_t>(group.max_pages), -1);
    if (!group.is_static) continue;
    if (writes_static) {
      group.position.insert(group.position.end(), position_.end() - n_rows, position_.end());
    } else {
      group.position.resize(group.position.size() + n, static_cast<std::int32_t>(sequence.static_length()) - 1);
    }
  }
}

ops::StepView StepTables::view() {
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    views_[g] = {group.pages.data(), group.max_pages, group.is_static ? group.position.data() : position_.data()};
  }
  return {.n_rows = static_cast<std::int32_t>(sequence_.size()),
          .n_sequences = n_sequences_,
          .sequence = sequence_.data(),
          .position = position_.data(),
          .groups = views_,
          .states = store_->views()};
}

}  // namespace galago::runtime
