#include "runtime/state_store.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "base/host_buffer.h"
#include "base/try.h"

namespace galago::runtime {
namespace {

using GroupKind = StateGroup::Kind;

constexpr std::uint64_t kAlignment = 4096;    // each layer begins on a page of the system
constexpr std::uint64_t kSlotAlignment = 64;  // of a sequence's recurrent state: a line of the cache
constexpr std::int64_t kMostStaticTokens = std::int64_t{1} << 30;

// Pages of the group for so many sequences; checked to be numbers of a page.
std::optional<std::int32_t> pool_size(const StateGroup& group, std::int32_t max_pages, int sequences) {
  if (group.kind == GroupKind::kPaged) return max_pages;
  // A snapshot of each sequence holds a slot too.
  const std::int32_t of_one = group.kind == GroupKind::kStatic ? group.max_pages : 2 + kBoundaryPoints + kMarkedPoints;
  return checked_mul<std::int32_t>(of_one, sequences);
}

}  // namespace

Result<StateStore> StateStore::create(std::span<const ops::StateSpec> specs, KvType kv, std::int32_t max_pages,
                                      int sequences, Owners owners) {
  StateStore store;
  store.owners_ = std::move(owners);
  store.max_pages_ = max_pages;
  for (const ops::StateSpec& spec : specs) GALAGO_CHECK(store.add(spec, kv, std::max(1, sequences)));
  GALAGO_CHECK(store.reserve_memory());
  for (StateGroup& group : store.groups_) group.pool = PagePool(group.n_pages);
  return store;
}

// The number of the group of such states; a new one where there is none yet.
Result<std::int32_t> StateStore::find_group(const StateGroup& wanted, int sequences) {
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const StateGroup& group = groups_[i];
    if (group.kind != wanted.kind || group.window != wanted.window) continue;
    if (group.n_tokens == wanted.n_tokens) return static_cast<std::int32_t>(i);
    return error(ErrorCode::kUnsupported, "static states of {} and of {} tokens; one size is possible in a model",
                 group.n_tokens, wanted.n_tokens);
  }
  StateGroup group = wanted;
  group.max_pages = group.kind == GroupKind::kPaged    ? max_pages_
                    : group.kind == GroupKind::kStatic ? static_cast<std::int32_t>(pages_for(group.n_tokens))
                                                       : 1;
  const auto size = pool_size(group, max_pages_, sequences);
  if (!size) return error(ErrorCode::kOutOfRange, "the state of {} sequences overflows", sequences);
  group.n_pages = *size;
  groups_.push_back(std::move(group));
  return static_cast<std::int32_t>(groups_.size()) - 1;
}

// Its view, without memory yet.
Status StateStore::add(const ops::StateSpec& spec, KvType kv, int sequences) {
  ops::StateView view;
  view.type = kv;
  StateGroup wanted;
  if (const auto* paged = std::get_if<ops::Paged>(&spec)) {
    view.page_bytes = ops::page_bytes(*paged, kv);
    wanted.window = std::max(0, paged->window);
  } else if (const auto* fixed = std::get_if<ops::Static>(&spec)) {
    if (fixed->max_tokens < 1 || fixed->max_tokens > kMostStaticTokens) {
      return error(ErrorCode::kInvalidArgument, "the state {} is of no possible size", ops::to_string(spec));
    }
    view.page_bytes = ops::page_bytes(ops::pages_of(*fixed), kv);
    wanted.kind = GroupKind::kStatic;
    wanted.n_tokens = fixed->max_tokens;
  } else {
    const std::int64_t elements = std::get<ops::Recurrent>(spec).elements;
    const auto bytes =
        checked_mul<std::uint64_t>(static_cast<std::uint64_t>(std::max<std::int64_t>(elements, 0)), sizeof(float));
    const auto padded = bytes ? checked_align(*bytes, kSlotAlignment) : std::nullopt;
    if (!padded || *padded == 0) {
      return error(ErrorCode::kInvalidArgument, "the state {} is of no possible size", ops::to_string(spec));
    }
    view.type = KvType::kF32;
    view.page_bytes = *padded;
    wanted.kind = GroupKind::kRecurrent;
  }
  GALAGO_TRY(view.group, find_group(wanted, sequences));
  StateGroup& group = groups_[static_cast<std::size_t>(view.group)];
  view.n_pages = group.n_pages;
  group.states.push_back(static_cast<int>(views_.size()));
  views_.push_back(view);
  return {};
}

graph::Backend* StateStore::owner(int state) const {
  return owners_.empty() ? nullptr : owners_[static_cast<std::size_t>(state)].get();
}

// One buffer for all states of a backend.
Status StateStore::reserve_memory() {
  if (owners_.empty()) return reserve_memory(nullptr);
  for (std::size_t i = 0; i < owners_.size(); ++i) {
    const auto first = owners_.begin(), here = first + static_cast<std::ptrdiff_t>(i);
    if (std::find(first, here, *here) == here) GALAGO_CHECK(reserve_memory(*here));
  }
  return {};
}

Status StateStore::reserve_memory(const std::shared_ptr<graph::Backend>& owner) {
  std::vector<ops::StateView*> own;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < views_.size(); ++i) {
    ops::StateView& view = views_[i];
    if (this->owner(static_cast<int>(i)) != owner.get()) continue;
    const auto layer = checked_mul<std::uint64_t>(view.page_bytes, static_cast<std::uint64_t>(view.n_pages));
    const auto padded = layer ? checked_align(*layer, kAlignment) : std::nullopt;
    const auto sum = padded ? checked_add(total, *padded) : std::nullopt;
    if (!sum) return error(ErrorCode::kOutOfRange, "a context of {} pages overflows", max_pages_);
    view.offset = total;
    own.push_back(&view);
    total = *sum;
  }
  if (total == 0) return {};
  auto buffer =
      owner == nullptr ? HostBuffer::create(total, Pages::kReserved) : owner->allocate(total, graph::BufferUse::kState);
  if (!buffer.ok()) {
    return error(ErrorCode::kOutOfMemory,
                 "no room for {} bytes of keys and values ({} tokens): {}; ask for a smaller context", total,
                 max_tokens(), buffer.error().message);
  }
  memory_.push_back(*buffer);
  for (ops::StateView* view : own) {
    view->buffer = buffer->get();
    if ((*buffer)->host() != nullptr) view->data = (*buffer)->host() + view->offset;
  }
  return {};
}

std::uint64_t StateStore::bytes_per_token() const {
  std::uint64_t bytes = 0;
  for (const StateGroup& group : groups_) {
    if (group.kind != GroupKind::kPaged) continue;
    for (const int state : group.states) bytes += views_[static_cast<std::size_t>(state)].page_bytes;
  }
  return bytes / ops::kPageTokens;
}

BufferView StateStore::page(int state, std::int32_t page) const {
  const ops::StateView& view = views_[static_cast<std::size_t>(state)];
  return {*view.buffer, view.offset + static_cast<std::uint64_t>(page) * view.page_bytes, view.page_bytes};
}

void StateStore::copy_page(std::size_t group, std::int32_t from, std::int32_t to) {
  for (const int state : groups_[group].states) {
    const BufferView source = page(state, from), target = page(state, to);
    if (target.host != nullptr) {
      std::memcpy(target.host, source.host, static_cast<std::size_t>(target.size));
    } else {
      note(owner(state)->copy(source, target));
    }
  }
}

void StateStore::clear_page(std::size_t group, std::int32_t page) {
  for (const int state : groups_[group].states) {
    const BufferView target = this->page(state, page);
    if (target.host != nullptr) {
      std::memset(target.host, 0, static_cast<std::size_t>(target.size));
    } else {
      note(owner(state)->clear(target));
    }
  }
}

void StateStore::note(const Result<graph::Fence>& submitted) {
  if (!submitted.ok() && failure_.ok()) failure_ = submitted.error();
}

}  // namespace galago::runtime
