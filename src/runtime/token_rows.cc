#include "runtime/token_rows.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"

namespace galago::runtime {
namespace {

Status check_count(std::string_view what, std::size_t found, std::size_t expected) {
  if (found == 0 || found == expected) return {};
  return error(ErrorCode::kInternal, "the prepared prompt has {} values of {}; {} are expected", found, what, expected);
}

// Rows of a further input have one width, and those of later tokens the same.
Status check_rows(const models::PreparedRows& rows, std::size_t n) {
  const bool whole = n > 0 && rows.values.size() % n == 0 && rows.ints.size() % n == 0;
  const bool one_kind = rows.values.empty() != rows.ints.empty();
  if (!whole || !one_kind) {
    return error(ErrorCode::kInternal, "the prepared prompt has {} f32 and {} i32 values of \"{}\" for {} tokens",
                 rows.values.size(), rows.ints.size(), rows.input, n);
  }
  GALAGO_CHECK(check_count(rows.input + " of later tokens", rows.later_values.size(), rows.values.size() / n));
  return check_count(rows.input + " of later tokens", rows.later_ints.size(), rows.ints.size() / n);
}

template <class T>
void erase_rows(std::vector<T>& rows, std::size_t first, std::size_t count, std::size_t width) {
  const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(first * width);
  rows.erase(begin, begin + static_cast<std::ptrdiff_t>(count * width));
}

template <class T>
void append_row(std::vector<T>& rows, const std::vector<T>& later, std::size_t width) {
  if (later.empty())
    rows.resize(rows.size() + width, T{0});
  else
    rows.insert(rows.end(), later.begin(), later.end());
}

template <class T>
bool same_row(const std::vector<T>& a, const std::vector<T>& b, std::size_t row, std::size_t width) {
  const auto at = static_cast<std::ptrdiff_t>(row * width);
  return std::equal(a.begin() + at, a.begin() + at + static_cast<std::ptrdiff_t>(width), b.begin() + at);
}

}  // namespace

Status TokenRows::assign(const models::PreparedPrompt& prompt, int position_axes) {
  const std::size_t n = prompt.ids.size();
  const auto axes = static_cast<std::size_t>(position_axes);
  GALAGO_CHECK(check_count("the splice index", prompt.splice_index.size(), n));
  GALAGO_CHECK(check_count("positions", prompt.positions.size(), n * axes));
  for (const models::PreparedRows& rows : prompt.rows) {
    if (rows.encoded_width == 0) GALAGO_CHECK(check_rows(rows, n));
  }
  axes_ = axes;
  ids_.assign(prompt.ids.begin(), prompt.ids.end());
  splice_.assign(prompt.splice_index.begin(), prompt.splice_index.end());
  positions_.clear();
  for (std::size_t token = 0; token < n && !prompt.positions.empty(); ++token) {
    for (std::size_t axis = 0; axis < axes_; ++axis) positions_.push_back(prompt.positions[axis * n + token]);
  }
  next_ = position_after(n);
  further_.clear();
  for (const models::PreparedRows& rows : prompt.rows) {
    if (rows.encoded_width != 0) continue;  // PromptRows has them
    further_.push_back({rows, rows.values.size() / n, rows.ints.size() / n});
  }
  return {};
}

void TokenRows::reserve(std::size_t tokens) {
  ids_.reserve(tokens);
  splice_.reserve(tokens);
  positions_.reserve(tokens * axes_);
}

std::int32_t TokenRows::position(std::size_t token, std::size_t axis) const {
  return positions_.empty() ? static_cast<std::int32_t>(token) : positions_[token * axes_ + axis];
}

// After the first `tokens`: one more than the largest position of any axis.
std::int64_t TokenRows::position_after(std::size_t tokens) const {
  if (positions_.empty()) return static_cast<std::int64_t>(tokens);
  const auto end = positions_.begin() + static_cast<std::ptrdiff_t>(tokens * axes_);
  const auto largest = std::max_element(positions_.begin(), end);
  return largest == end ? 0 : std::int64_t{*largest} + 1;
}

void TokenRows::append(std::int32_t id) {
  if (!positions_.empty()) positions_.insert(positions_.end(), axes_, static_cast<std::int32_t>(next_));
  ++next_;
  if (!splice_.empty()) splice_.push_back(-1);
  for (Further& further : further_) {
    append_row(further.rows.values, further.rows.later_values, further.values);
    append_row(further.rows.ints, further.rows.later_ints, further.ints);
  }
  ids_.push_back(id);
}

void TokenRows::forget(std::size_t first, std::size_t count) {
  erase_rows(ids_, first, count, 1);
  if (!splice_.empty()) erase_rows(splice_, first, count, 1);
  for (Further& further : further_) {
    erase_rows(further.rows.values, first, count, further.values);
    erase_rows(further.rows.ints, first, count, further.ints);
  }
  if (!positions_.empty()) {
    erase_rows(positions_, first, count, axes_);
    const auto tail = positions_.begin() + static_cast<std::ptrdiff_t>(first * axes_);
    const auto smallest = std::min_element(tail, positions_.end());
    const std::int64_t gap = smallest == positions_.end() ? 0 : *smallest - position_after(first);
    std::for_each(tail, positions_.end(), [gap](std::int32_t& each) { each -= static_cast<std::int32_t>(gap); });
  }
  next_ = position_after(ids_.size());
}

bool TokenRows::same(std::size_t token, const TokenRows& other) const {
  if (ids_[token] != other.ids_[token] || axes_ != other.axes_ || further_.size() != other.further_.size())
    return false;
  for (std::size_t axis = 0; axis < axes_; ++axis) {
    if (position(token, axis) != other.position(token, axis)) return false;
  }
  for (std::size_t i = 0; i < further_.size(); ++i) {
    const Further &a = further_[i], &b = other.further_[i];
    if (a.rows.input != b.rows.input || a.values != b.values || a.ints != b.ints) return false;
    if (!same_row(a.rows.values, b.rows.values, token, a.values)) return false;
    if (!same_row(a.rows.ints, b.rows.ints, token, a.ints)) return false;
  }
  return true;
}

const StepPart& TokenRows::part(Sequence& sequence, std::size_t at, std::size_t n, std::span<const float> media,
                                std::span<const std::string> inputs) {
  part_ = {.sequence = &sequence, .ids = ids().subspan(at, n), .media = media};
  const auto begin = splice_.begin() + static_cast<std::ptrdiff_t>(splice_.empty() ? 0 : at);
  const auto end = begin + static_cast<std::ptrdiff_t>(splice_.empty() ? 0 : n);
  if (std::any_of(begin, end, [](std::int32_t row) { return row >= 0; })) {
    part_.splice = std::span<const std::int32_t>(splice_).subspan(at, n);
  }
  part_positions_.clear();
  for (std::size_t axis = 0; axis < axes_ && !positions_.empty(); ++axis) {
    for (std::size_t token = at; token < at + n; ++token) part_positions_.push_back(position(token, axis));
  }
  part_.positions = part_positions_;
  part_rows_.clear();
  for (const Further& further : further_) {
    const models::PreparedRows& rows = further.rows;
    if (std::find(inputs.begin(), inputs.end(), rows.input) == inputs.end()) continue;
    part_rows_.push_back({rows.input,
                          std::span<const float>(rows.values).subspan(at * further.values, n * further.values),
                          std::span<const std::int32_t>(rows.ints).subspan(at * further.ints, n * further.ints)});
  }
  part_.rows = part_rows_;
  return part_;
}

}  // namespace galago::runtime
