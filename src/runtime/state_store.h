// Memory of the typed state of a model's layers, in pages that sequences hold.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "galago/kv_type.h"
#include "galago/result.h"
#include "ops/step.h"
#include "runtime/page_pool.h"

namespace galago::runtime {

// States whose pages are taken and freed together, under the same numbers: those of layers that see all tokens, of
// layers with one window, of cross-attention, and all that is recurrent.
struct StateGroup {
  enum class Kind : std::uint8_t { kPaged, kStatic, kRecurrent };
  Kind kind = Kind::kPaged;
  int window = 0;              // of kPaged: tokens that a row sees; 0: all
  std::int64_t n_tokens = 0;   // of kStatic: the most that one sequence has
  std::int32_t max_pages = 0;  // the most of one sequence
  std::int32_t n_pages = 0;    // of all
  std::vector<int> states;     // numbers in the model
  PagePool pool{0};
};

// How many returning points of its own a sequence keeps (Sequence::returnable), the newest of each kind.
inline constexpr int kBoundaryPoints = 4;  // at ends of pages, of models with recurrent state
inline constexpr int kMarkedPoints = 2;    // where Sequence::mark() was called

// Address space for all pages of every state is reserved at once and gets memory when it is written, so growth neither
// copies nor allocates. Sequences and steps of one store are for one thread at a time.
class StateStore {
 public:
  // `max_pages` of kPageTokens tokens for all sequences together, of which `sequences` are alive at a time: so many
  // have room for recurrent and static state, each with its returning points and one snapshot. Fails when there is no
  // address space.
  static Result<StateStore> create(std::span<const ops::StateSpec> specs, KvType kv, std::int32_t max_pages,
                                   int sequences = 1);
  ~StateStore();
  StateStore(StateStore&& other) noexcept;
  StateStore& operator=(StateStore&& other) noexcept;
  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;

  std::span<const ops::StateView> views() const { return views_; }
  std::span<const StateGroup> groups() const { return groups_; }
  PagePool& pool(std::size_t group) { return groups_[group].pool; }
  std::int32_t max_pages() const { return max_pages_; }
  std::int64_t max_tokens() const { return std::int64_t{max_pages_} * ops::kPageTokens; }
  // Bytes that one token of context takes in all layers.
  std::uint64_t bytes_per_token() const;

  // In all states of the group.
  void copy_page(std::size_t group, std::int32_t from, std::int32_t to);
  void clear_page(std::size_t group, std::int32_t page);

 private:
  StateStore() = default;
  Status add(const ops::StateSpec& spec, KvType kv, int sequences);
  Result<std::int32_t> find_group(const StateGroup& wanted, int sequences);
  Status reserve_memory();

  void* memory_ = nullptr;
  std::size_t size_ = 0;
  std::int32_t max_pages_ = 0;
  std::vector<ops::StateView> views_;
  std::vector<StateGroup> groups_;
};

}  // namespace galago::runtime
