// The state of one conversation: the pages that it holds of a StateStore, and to which of its prefixes it can return.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/position_log.h"
#include "runtime/state_store.h"

namespace galago::runtime {

class StateSnapshot;

// Not every state can forget its last tokens: a window's old pages are freed, and a recurrent state is one value. So a
// sequence keeps returning points, copies of what those need: at the ends of pages of kPageTokens tokens where a step
// ended there (with recurrent state alone), and where mark() was called; the newest of both. And pages of windows go
// one page later than needed, so that a window can always forget the last kPageTokens. The store outlives its sequences
// and snapshots.
class Sequence {
 public:
  explicit Sequence(StateStore& store);
  ~Sequence();
  Sequence(Sequence&& other) noexcept;
  Sequence& operator=(Sequence&& other) noexcept;
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  std::int64_t length() const { return length_; }
  // The pages of a group, by token / kPageTokens; -1: freed.
  std::span<const std::int32_t> pages(std::size_t group) const { return pages_[group]; }

  // Room for `n` more tokens; they count once advance() is called. A last page that somebody else holds too is copied.
  // Fails when the store has no page left.
  Status reserve(std::int64_t n);
  // `n` reserved tokens were appended. Frees what no later row sees. `positions`: where they stand, (axes, n); empty:
  // from next_position() on.
  void advance(std::int64_t n, std::span<const std::int32_t> positions = {});
  // How many of `remaining` tokens the next step should take, at most `most`, so that steps end where returning points
  // are useful. Any other number gives the same results.
  std::int64_t step_rows(std::int64_t remaining, std::int64_t most) const;

  // The position of the next token on every axis, where nobody says another.
  std::int64_t next_position() const { return positions_.next(length_); }

  // Makes the present length one that can be returned to: after a prompt, say.
  void mark();
  // The longest prefix of at most `length` tokens that all states can return to; 0 is always possible.
  std::int64_t returnable(std::int64_t length) const;
  // Forgets all but the first `length` tokens, which must be returnable. What an encoder wrote stays.
  Status return_to(std::int64_t length);

  // Another sequence with the same tokens. Pages are shared until one of both writes to them.
  Result<Sequence> fork() const;
  Result<StateSnapshot> snapshot() const;
  // To what the snapshot, of a sequence of the same store, holds.
  Status restore(const StateSnapshot& snapshot);

  // Static state: tokens that an encoder's entry appended; reserve and advance as above.
  std::int64_t static_length() const { return static_length_; }
  Status reserve_static(std::int64_t n);
  void advance_static(std::int64_t n) { static_length_ += n; }
  void clear_static();

 private:
  // A page held beside those of pages_: number `index` of the group.
  struct HeldPage {
    std::size_t group;
    std::size_t index;
    std::int32_t page;
  };
  struct Point {
    std::int64_t length = 0;
    bool marked = false;
    std::vector<HeldPage> held;  // of windows and recurrent states
  };

  const StateGroup& group(std::size_t g) const { return store_->groups()[g]; }
  Result<std::int32_t> take_page(std::size_t group);
  Status reserve_pages(std::size_t group, std::int64_t length, std::int64_t n);
  Status reserve_slot(std::size_t group);
  void free_before_window(std::size_t group);
  // The first token of the group that a row at `length` could see.
  std::int64_t first_needed(std::size_t group, std::int64_t length) const;
  bool windows_reach(std::int64_t length) const;

  const Point* find_point(std::int64_t length) const;
  void add_point(bool marked);
  bool hold_for(Point& point);
  bool drop_oldest_point();
  void drop_point(std::size_t index);
  void drop_points_after(std::int64_t length);
  void go_back_to(const Point& point);

  Status copy_from(const Sequence& other);
  void release_pages(std::size_t group, std::size_t kept);
  void release_all();

  StateStore* store_;
  std::vector<std::vector<std::int32_t>> pages_;  // by group; of recurrent states the slot, once there is one
  std::int64_t length_ = 0;
  std::int64_t static_length_ = 0;
  PositionLog positions_;
  std::vector<Point> points_;   // all that there may be, so that none is allocated later; the first n_points_ are used
  std::size_t n_points_ = 0;    // ascending in length
  bool has_recurrent_ = false;  // kept as a sum of all tokens
  bool has_windows_ = false;
};

// A sequence's state at one moment, which a sequence of the same store can be restored to, any number of times. It
// shares pages as fork() does, and holds them while it lives.
class StateSnapshot {
 public:
  std::int64_t length() const { return state_.length(); }

 private:
  friend class Sequence;
  explicit StateSnapshot(Sequence state) : state_(std::move(state)) {}
  Sequence state_;
};

}  // namespace galago::runtime
