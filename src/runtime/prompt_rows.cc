#include "runtime/prompt_rows.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"

namespace galago::runtime {

Result<PromptRows> PromptRows::create(const models::PreparedPrompt& prompt, std::vector<EncodedMediaPtr> media,
                                      const models::ModelInfo& info) {
  PromptRows rows;
  const std::size_t n = prompt.ids.size();
  for (const std::int32_t id : prompt.ids) {
    if (id < 0 || id >= info.vocab_size) {
      return error(ErrorCode::kInvalidArgument, "the token {} is outside of the vocabulary of {}", id, info.vocab_size);
    }
  }
  rows.ids_ = prompt.ids;
  rows.places_.resize(n);
  rows.width_ = static_cast<std::size_t>(info.hidden_size);
  std::vector<Place> all;  // of all pictures' rows, one after the other
  for (std::size_t item = 0; item < media.size(); ++item) {
    if (media[item]->rows.size() != static_cast<std::size_t>(media[item]->n_rows) * rows.width_) {
      return error(ErrorCode::kInternal, "an encoder gave {} values; {} rows of {} are expected",
                   media[item]->rows.size(), media[item]->n_rows, rows.width_);
    }
    for (std::int32_t row = 0; row < media[item]->n_rows; ++row) all.push_back({static_cast<std::int32_t>(item), row});
  }
  for (std::size_t i = 0; i < prompt.splice_index.size() && i < n; ++i) {
    const std::int32_t row = prompt.splice_index[i];
    if (row < 0) continue;
    if (static_cast<std::size_t>(row) >= all.size()) {
      return error(ErrorCode::kInvalidArgument, "the prompt asks for row {} of {} media rows", row, all.size());
    }
    rows.places_[i] = all[static_cast<std::size_t>(row)];
  }
  if (!prompt.positions.empty()) {
    const auto axes = static_cast<std::size_t>(info.position_axes);
    if (prompt.positions.size() != axes * n) {
      return error(ErrorCode::kInternal, "{} positions for {} rows; the model has {} axes", prompt.positions.size(), n,
                   axes);
    }
    for (std::size_t axis = 0; axis < axes; ++axis) {
      const auto begin = prompt.positions.begin() + static_cast<std::ptrdiff_t>(axis * n);
      rows.positions_.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(n));
    }
    rows.next_position_ = rows.next_position(rows.size());
  }
  rows.media_ = std::move(media);
  return rows;
}

void PromptRows::reserve(std::int64_t rows) {
  const auto n = static_cast<std::size_t>(rows);
  ids_.reserve(n);
  places_.reserve(n);
  for (auto& axis : positions_) axis.reserve(n);
  view_positions_.reserve(positions_.size());
}

// Tokens go on behind all positions that a picture's rows have taken, on every axis alike.
void PromptRows::push(std::int32_t id) {
  for (auto& axis : positions_) axis.push_back(next_position_);
  ++next_position_;
  ids_.push_back(id);
  places_.emplace_back();
}

// The position behind those of the first rows.
std::int32_t PromptRows::next_position(std::int64_t rows) const {
  std::int32_t next = 0;
  for (const auto& axis : positions_) {
    for (std::int64_t i = 0; i < rows; ++i) next = std::max(next, axis[static_cast<std::size_t>(i)] + 1);
  }
  return next;
}

void PromptRows::erase(std::int64_t first, std::int64_t count) {
  const auto cut = [=](auto& rows) { rows.erase(rows.begin() + first, rows.begin() + first + count); };
  cut(ids_);
  cut(places_);
  if (positions_.empty()) return;
  const std::int32_t free = next_position(first);
  std::int32_t least = INT32_MAX;
  for (auto& axis : positions_) {
    cut(axis);
    for (auto position = axis.begin() + first; position != axis.end(); ++position) least = std::min(least, *position);
  }
  for (auto& axis : positions_) {
    for (auto position = axis.begin() + first; position != axis.end(); ++position) *position -= least - free;
  }
  next_position_ = next_position(size());
}

bool PromptRows::same(std::size_t row, const PromptRows& other) const {
  const Place& mine = places_[row];
  const Place& theirs = other.places_[row];
  if (ids_[row] != other.ids_[row] || mine.row != theirs.row || (mine.item < 0) != (theirs.item < 0)) return false;
  if (mine.item >= 0 &&
      media_[static_cast<std::size_t>(mine.item)]->mark != other.media_[static_cast<std::size_t>(theirs.item)]->mark) {
    return false;
  }
  const std::size_t axes = std::max(positions_.size(), other.positions_.size());
  const auto position = [row](const PromptRows& rows, std::size_t axis) {
    return rows.positions_.empty() ? static_cast<std::int32_t>(row) : rows.positions_[axis][row];
  };
  for (std::size_t axis = 0; axis < axes; ++axis) {
    if (position(*this, axis) != position(other, axis)) return false;
  }
  return true;
}

std::int64_t PromptRows::common_prefix(const PromptRows& other) const {
  const std::size_t most = std::min(ids_.size(), other.ids_.size());
  std::size_t n = 0;
  while (n < most && same(n, other)) ++n;
  return static_cast<std::int64_t>(n);
}

PromptRows::View PromptRows::view(std::int64_t first, std::int64_t count) {
  const auto begin = static_cast<std::size_t>(first);
  const auto n = static_cast<std::size_t>(count);
  View view{.ids = std::span(ids_).subspan(begin, n)};
  view_positions_.clear();
  for (const auto& axis : positions_) {
    const auto at = axis.begin() + first;
    view_positions_.insert(view_positions_.end(), at, at + count);
  }
  view.positions = view_positions_;
  const auto from = places_.begin() + first;
  if (std::all_of(from, from + count, [](const Place& place) { return place.item < 0; })) return view;
  // Only the rows that these tokens stand for, so that pictures are never copied whole.
  view_splice_.clear();
  view_media_.clear();
  for (std::size_t i = begin; i < begin + n; ++i) {
    if (places_[i].item < 0) {
      view_splice_.push_back(-1);
      continue;
    }
    view_splice_.push_back(static_cast<std::int32_t>(view_media_.size() / width_));
    const std::vector<float>& rows = media_[static_cast<std::size_t>(places_[i].item)]->rows;
    const auto at = rows.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(places_[i].row) * width_);
    view_media_.insert(view_media_.end(), at, at + static_cast<std::ptrdiff_t>(width_));
  }
  view.splice = view_splice_;
  view.media = view_media_;
  return view;
}

}  // namespace galago::runtime
