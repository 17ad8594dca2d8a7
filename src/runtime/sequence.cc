#include "runtime/sequence.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/try.h"

namespace galago::runtime {
namespace {

using GroupKind = StateGroup::Kind;

// Windows keep so many tokens more than the next row sees.
constexpr std::int64_t kReturnTokens = ops::kPageTokens;

}  // namespace

Sequence::Sequence(StateStore& store) : store_(&store), pages_(store.groups().size()) {
  std::size_t held = 0;
  for (std::size_t g = 0; g < pages_.size(); ++g) {
    pages_[g].reserve(static_cast<std::size_t>(group(g).max_pages));
    has_recurrent_ = has_recurrent_ || group(g).kind == GroupKind::kRecurrent;
    has_windows_ = has_windows_ || group(g).window > 0;
    if (group(g).kind == GroupKind::kRecurrent) ++held;
    if (group(g).window > 0) held += static_cast<std::size_t>(pages_for(group(g).window)) + 1;
  }
  if (!has_recurrent_ && !has_windows_) return;
  points_.resize(kBoundaryPoints + kMarkedPoints);
  for (Point& point : points_) point.held.reserve(held);
}

Sequence::~Sequence() {
  if (store_ != nullptr) release_all();
}

Sequence::Sequence(Sequence&& other) noexcept
    : store_(std::exchange(other.store_, nullptr)),
      pages_(std::move(other.pages_)),
      length_(other.length_),
      static_length_(other.static_length_),
      positions_(std::move(other.positions_)),
      points_(std::move(other.points_)),
      n_points_(other.n_points_),
      has_recurrent_(other.has_recurrent_),
      has_windows_(other.has_windows_) {}

Sequence& Sequence::operator=(Sequence&& other) noexcept {
  std::swap(store_, other.store_);
  std::swap(pages_, other.pages_);
  std::swap(length_, other.length_);
  std::swap(static_length_, other.static_length_);
  std::swap(positions_, other.positions_);
  std::swap(points_, other.points_);
  std::swap(n_points_, other.n_points_);
  std::swap(has_recurrent_, other.has_recurrent_);
  std::swap(has_windows_, other.has_windows_);
  return *this;
}

Result<std::int32_t> Sequence::take_page(std::size_t g) {
  for (;;) {
    const std::int32_t page = store_->pool(g).take();
    if (page >= 0) return page;
    // Points hold pages of windows, and slots; of all other groups they free nothing.
    const bool held = group(g).window > 0 || group(g).kind == GroupKind::kRecurrent;
    if (held && drop_oldest_point()) continue;
    if (group(g).kind == GroupKind::kPaged) {
      return error(ErrorCode::kOutOfRange, "the context of {} tokens is full", store_->max_tokens());
    }
    return error(ErrorCode::kOutOfRange, "the {} pages of {} state are held; fewer sequences at a time are possible",
                 group(g).n_pages, group(g).kind == GroupKind::kStatic ? "static" : "recurrent");
  }
}

// Pages for tokens [length, length + n), which are written.
Status Sequence::reserve_pages(std::size_t g, std::int64_t length, std::int64_t n) {
  std::vector<std::int32_t>& pages = pages_[g];
  const auto first = static_cast<std::size_t>(length / ops::kPageTokens);
  if (n > 0 && first < pages.size() && store_->pool(g).is_shared(pages[first])) {
    GALAGO_TRY(const std::int32_t copy, take_page(g));
    store_->copy_page(g, pages[first], copy);
    store_->pool(g).release(std::exchange(pages[first], copy));
  }
  const auto needed = static_cast<std::size_t>(pages_for(length + n));
  while (pages.size() < needed) {
    GALAGO_TRY(const std::int32_t page, take_page(g));
    pages.push_back(page);
  }
  return {};
}

Status Sequence::reserve_slot(std::size_t g) {
  if (!pages_[g].empty()) return {};
  GALAGO_TRY(const std::int32_t slot, take_page(g));
  store_->clear_page(g, slot);
  pages_[g].push_back(slot);
  return {};
}

Status Sequence::reserve(std::int64_t n) {
  GALAGO_CHECK(store_->failure());
  if (length_ + n > store_->max_tokens()) {
    return error(ErrorCode::kOutOfRange, "the context of {} tokens is full", store_->max_tokens());
  }
  for (std::size_t g = 0; g < pages_.size(); ++g) {
    if (group(g).kind == GroupKind::kPaged) GALAGO_CHECK(reserve_pages(g, length_, n));
    if (group(g).kind == GroupKind::kRecurrent) GALAGO_CHECK(reserve_slot(g));
  }
  return {};
}

std::int64_t Sequence::first_needed(std::size_t g, std::int64_t length) const {
  return std::max<std::int64_t>(0, length + 1 - group(g).window);
}

void Sequence::free_before_window(std::size_t g) {
  std::vector<std::int32_t>& pages = pages_[g];
  const auto kept =
      static_cast<std::size_t>(std::max<std::int64_t>(0, first_needed(g, length_) - kReturnTokens) / ops::kPageTokens);
  for (std::size_t i = std::min(kept, pages.size()); i-- > 0 && pages[i] >= 0;) {
    store_->pool(g).release(std::exchange(pages[i], -1));
  }
}

void Sequence::advance(std::int64_t n, std::span<const std::int32_t> positions) {
  if (!positions.empty()) positions_.append(length_, n, positions);
  length_ += n;
  for (std::size_t g = 0; g < pages_.size(); ++g) {
    if (group(g).window > 0) free_before_window(g);
  }
  if (has_recurrent_ && n > 0 && length_ % ops::kPageTokens == 0) add_point(/*marked=*/false);
}

std::int64_t Sequence::step_rows(std::int64_t remaining, std::int64_t most) const {
  if (remaining <= most || !has_recurrent_) return std::min(remaining, most);
  const std::int64_t boundary = (length_ + most) / ops::kPageTokens * ops::kPageTokens;
  return boundary > length_ ? boundary - length_ : most;
}

const Sequence::Point* Sequence::find_point(std::int64_t length) const {
  const auto end = points_.begin() + static_cast<std::ptrdiff_t>(n_points_);
  const auto after = std::upper_bound(points_.begin(), end, length,
                                      [](std::int64_t wanted, const Point& point) { return wanted < point.length; });
  return after == points_.begin() ? nullptr : &*(after - 1);
}

void Sequence::mark() { add_point(/*marked=*/true); }

// At the present length. Where there is no room for what it holds, there is no point.
void Sequence::add_point(bool marked) {
  if (points_.empty() || length_ == 0) return;
  if (n_points_ > 0 && points_[n_points_ - 1].length == length_) {
    points_[n_points_ - 1].marked = points_[n_points_ - 1].marked || marked;
    return;
  }
  const auto same_kind = [marked](const Point& point) { return point.marked == marked; };
  const auto end = points_.begin() + static_cast<std::ptrdiff_t>(n_points_);
  if (std::count_if(points_.begin(), end, same_kind) >= (marked ? kMarkedPoints : kBoundaryPoints)) {
    drop_point(static_cast<std::size_t>(std::find_if(points_.begin(), end, same_kind) - points_.begin()));
  }
  if (n_points_ == points_.size()) drop_oldest_point();
  Point& point = points_[n_points_];
  point.length = length_;
  point.marked = marked;
  if (hold_for(point)) ++n_points_;
}

bool Sequence::hold_for(Point& point) {
  for (std::size_t g = 0; g < pages_.size(); ++g) {
    if (group(g).window > 0) {
      const auto first = static_cast<std::size_t>(first_needed(g, length_) / ops::kPageTokens);
      for (std::size_t i = first; i < static_cast<std::size_t>(pages_for(length_)); ++i) {
        store_->pool(g).hold(pages_[g][i]);
        point.held.push_back({g, i, pages_[g][i]});
      }
    } else if (group(g).kind == GroupKind::kRecurrent && !pages_[g].empty()) {
      const std::int32_t slot = store_->pool(g).take();
      if (slot < 0) {
        for (const HeldPage& held : point.held) store_->pool(held.group).release(held.page);
        point.held.clear();
        return false;
      }
      store_->copy_page(g, pages_[g].front(), slot);
      point.held.push_back({g, 0, slot});
    }
  }
  return true;
}

bool Sequence::drop_oldest_point() {
  if (n_points_ == 0) return false;
  drop_point(0);
  return true;
}

void Sequence::drop_point(std::size_t index) {
  for (const HeldPage& held : points_[index].held) store_->pool(held.group).release(held.page);
  points_[index].held.clear();
  const auto at = points_.begin() + static_cast<std::ptrdiff_t>(index);
  std::rotate(at, at + 1, points_.begin() + static_cast<std::ptrdiff_t>(n_points_));
  --n_points_;
}

void Sequence::drop_points_after(std::int64_t length) {
  while (n_points_ > 0 && points_[n_points_ - 1].length > length) drop_point(n_points_ - 1);
}

// Whether all windows still hold what a row at `length` sees.
bool Sequence::windows_reach(std::int64_t length) const {
  for (std::size_t g = 0; g < pages_.size(); ++g) {
    if (group(g).window == 0 || length == 0) continue;
    const auto first = static_cast<std::size_t>(first_needed(g, length) / ops::kPageTokens);
    if (first < pages_[g].size() && pages_[g][first] < 0) return false;
  }
  return true;
}

std::int64_t Sequence::returnable(std::int64_t length) const {
  length = std::clamp<std::int64_t>(length, 0, length_);
  if (length == length_ || (!has_recurrent_ && windows_reach(length))) return length;
  const Point* point = find_point(length);
  return point == nullptr ? 0 : point->length;
}

Status Sequence::return_to(std::int64_t length) {
  if (length < 0 || length > length_ || returnable(length) != length) {
    return error(ErrorCode::kInvalidArgument, "a sequence of {} tokens cannot return to {}; to {} it can", length_,
                 length, returnable(length));
  }
  if (length == length_) return {};
  const bool needs_point = length > 0 && (has_recurrent_ || !windows_reach(length));
  if (needs_point) go_back_to(*find_point(length));
  drop_points_after(length);
  for (std::size_t g = 0; g < pages_.size(); ++g) {
    if (group(g).kind == GroupKind::kPaged) release_pages(g, static_cast<std::size_t>(pages_for(length)));
    if (group(g).kind == GroupKind::kRecurrent && length == 0) release_pages(g, 0);
  }
  length_ = length;
  positions_.truncate(length);
  return {};
}

void Sequence::go_back_to(const Point& point) {
  for (const HeldPage& held : point.held) {
    std::int32_t& page = pages_[held.group][held.index];
    if (group(held.group).kind == GroupKind::kRecurrent) {
      store_->copy_page(held.group, held.page, page);
    } else if (page != held.page) {
      store_->pool(held.group).hold(held.page);
      if (page >= 0) store_->pool(held.group).release(page);
      page = held.page;
    }
  }
}

void Sequence::release_pages(std::size_t g, std::size_t kept) {
  while (pages_[g].size() > kept) {
    if (pages_[g].back() >= 0) store_->pool(g).release(pages_[g].back());
    pages_[g].pop_back();
  }
}

void Sequence::release_all() {
  while (drop_oldest_point()) {
  }
  for (std::size_t g = 0; g < pages_.size(); ++g) release_pages(g, 0);
  length_ = static_length_ = 0;
  positions_.truncate(0);
}

// All but the points.
Status Sequence::copy_from(const Sequence& other) {
  for (std::size_t g = 0; g < pages_.size(); ++g) {
    if (group(g).kind == GroupKind::kRecurrent && !other.pages_[g].empty()) GALAGO_CHECK(reserve_slot(g));
  }
  while (drop_oldest_point()) {
  }
  for (std::size_t g = 0; g < pages_.size(); ++g) {
    if (group(g).kind == GroupKind::kRecurrent) {
      release_pages(g, other.pages_[g].size());
      if (!pages_[g].empty()) store_->copy_page(g, other.pages_[g].front(), pages_[g].front());
      continue;
    }
    release_pages(g, 0);
    for (const std::int32_t page : other.pages_[g]) {
      if (page >= 0) store_->pool(g).hold(page);
      pages_[g].push_back(page);
    }
  }
  length_ = other.length_;
  static_length_ = other.static_length_;
  positions_ = other.positions_;
  return {};
}

Result<Sequence> Sequence::fork() const {
  Sequence other(*store_);
  GALAGO_CHECK(other.copy_from(*this));
  other.n_points_ = 0;
  for (std::size_t i = 0; i < n_points_; ++i) {
    other.points_[i] = points_[i];
    for (const HeldPage& held : points_[i].held) store_->pool(held.group).hold(held.page);
    ++other.n_points_;
  }
  return other;
}

Result<StateSnapshot> Sequence::snapshot() const {
  Sequence state(*store_);
  GALAGO_CHECK(state.copy_from(*this));
  return StateSnapshot(std::move(state));
}

Status Sequence::restore(const StateSnapshot& snapshot) {
  if (snapshot.state_.store_ != store_) {
    return error(ErrorCode::kInvalidArgument, "a snapshot of another store cannot be restored");
  }
  return copy_from(snapshot.state_);
}

Status Sequence::reserve_static(std::int64_t n) {
  for (std::size_t g = 0; g < pages_.size(); ++g) {
    if (group(g).kind != GroupKind::kStatic) continue;
    if (static_length_ + n > group(g).n_tokens) {
      return error(ErrorCode::kOutOfRange, "{} tokens of an encoder; the static state has room for {}",
                   static_length_ + n, group(g).n_tokens);
    }
    return reserve_pages(g, static_length_, n);
  }
  return error(ErrorCode::kInvalidArgument, "the model has no static state");
}

void Sequence::clear_static() {
  for (std::size_t g = 0; g < pages_.size(); ++g) {
    if (group(g).kind == GroupKind::kStatic) release_pages(g, 0);
  }
  static_length_ = 0;
}

}  // namespace galago::runtime
