// Memory of the typed state of a model's layers, in pages that sequences hold.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "galago/kv_type.h"
#include "galago/result.h"
#include "graph/backend.h"
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

// The backend that keeps each of a model's states.
using Owners = std::vector<std::shared_ptr<graph::Backend>>;

// Room for all pages of every state is allocated at once by the backend that keeps the state. The host's gets memory
// when it is written, so growth neither copies nor allocates. Sequences and steps of one store are for one thread at a
// time.
class StateStore {
 public:
  // `max_pages` of kPageTokens tokens for all sequences together, of which `sequences` are alive at a time: so many
  // have room for recurrent and static state, each with its returning points and one snapshot. `owners`: the backend of
  // each state; empty: all lie in the host's memory. Fails when there is no room.
  static Result<StateStore> create(std::span<const ops::StateSpec> specs, KvType kv, std::int32_t max_pages,
                                   int sequences = 1, Owners owners = {});
  StateStore(StateStore&&) noexcept = default;
  StateStore& operator=(StateStore&&) noexcept = default;

  std::span<const ops::StateView> views() const { return views_; }
  std::span<const StateGroup> groups() const { return groups_; }
  PagePool& pool(std::size_t group) { return groups_[group].pool; }
  std::int32_t max_pages() const { return max_pages_; }
  std::int64_t max_tokens() const { return std::int64_t{max_pages_} * ops::kPageTokens; }
  // Bytes that one token of context takes in all layers.
  std::uint64_t bytes_per_token() const;

  // In all states of the group. Where the host does not address them, after what was submitted before and before what
  // is submitted after.
  void copy_page(std::size_t group, std::int32_t from, std::int32_t to);
  void clear_page(std::size_t group, std::int32_t page);
  // The first of these that a backend did not take.
  const Status& failure() const { return failure_; }

 private:
  StateStore() = default;
  Status add(const ops::StateSpec& spec, KvType kv, int sequences);
  Result<std::int32_t> find_group(const StateGroup& wanted, int sequences);
  Status reserve_memory();
  Status reserve_memory(const std::shared_ptr<graph::Backend>& owner);
  graph::Backend* owner(int state) const;
  void note(const Result<graph::Fence>& submitted);
  BufferView page(int state, std::int32_t page) const;

  Owners owners_;
  Status failure_;
  std::vector<std::shared_ptr<Buffer>> memory_;  // of each backend that keeps any
  std::int32_t max_pages_ = 0;
  std::vector<ops::StateView> views_;
  std::vector<StateGroup> groups_;
};

}  // namespace galago::runtime
