// Memory of the typed state of a model's layers, handed out in pages to sequences.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "galago/kv_type.h"
#include "galago/result.h"
#include "ops/step.h"
#include "runtime/position_log.h"

namespace galago::runtime {

// Address space for `max_pages` pages of every Paged state is reserved at once and gets memory when it is written, so
// growth neither copies nor allocates.
class StateStore {
 public:
  // Fails for states that nothing runs yet (Recurrent, Static), and when there is no address space.
  static Result<StateStore> create(std::span<const ops::StateSpec> specs, KvType kv, std::int32_t max_pages);
  ~StateStore();
  StateStore(StateStore&& other) noexcept;
  StateStore& operator=(StateStore&& other) noexcept;
  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;

  std::span<const ops::StateView> views() const { return views_; }
  std::int32_t max_pages() const { return max_pages_; }
  std::int32_t free_pages() const { return static_cast<std::int32_t>(free_.size()); }
  // Bytes that one token of context takes in all layers.
  std::uint64_t bytes_per_token() const;

  // The number of a page that nobody has, or kOutOfRange.
  Result<std::int32_t> take_page();
  void give_back(std::int32_t page) { free_.push_back(page); }

 private:
  StateStore() = default;
  void* memory_ = nullptr;
  std::size_t size_ = 0;
  std::int32_t max_pages_ = 0;
  std::vector<ops::StateView> views_;
  std::vector<std::int32_t> free_;  // a stack; never grows beyond its first capacity
};

// The tokens of one conversation in a StateStore.
class Sequence {
 public:
  explicit Sequence(StateStore& store);
  ~Sequence();
  Sequence(Sequence&& other) noexcept;
  Sequence& operator=(Sequence&&) = delete;
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  std::int64_t length() const { return length_; }
  std::span<const std::int32_t> pages() const { return pages_; }
  // Room for `n` more tokens; they count once advance() is called. Fails when the store has no page left.
  Status reserve(std::int64_t n);
  // `positions`: where the tokens stand, (axes, n); empty: from next_position() on.
  void advance(std::int64_t n, std::span<const std::int32_t> positions = {});
  // The position of the next token on every axis, where nobody says another.
  std::int64_t next_position() const { return positions_.next(length_); }
  // Forgets all but the first `length` tokens and gives back whole pages.
  void truncate(std::int64_t length);

 private:
  StateStore* store_;
  std::vector<std::int32_t> pages_;
  std::int64_t length_ = 0;
  PositionLog positions_;
};

}  // namespace galago::runtime
