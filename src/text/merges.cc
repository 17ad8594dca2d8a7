#include "text/merges.h"

#include <algorithm>
#include <bit>

namespace galago::text {

void MergeTable::reserve(std::size_t count) {
  const std::size_t wanted = std::bit_ceil(std::max<std::size_t>(count * 2, 16));
  if (wanted <= slots_.size()) return;
  std::vector<Slot> old(wanted);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.left != kNoToken) slots_[slot_of(slot.left, slot.right)] = slot;
  }
}

std::size_t MergeTable::slot_of(TokenId left, TokenId right) const {
  const std::uint64_t key =
      (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) | static_cast<std::uint32_t>(right);
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = seeded_hash(key) & mask;
  while (slots_[slot].left != kNoToken && (slots_[slot].left != left || slots_[slot].right != right)) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

void MergeTable::add(TokenId left, TokenId right, Merge merge) {
  reserve(count_ + 1);
  Slot& slot = slots_[slot_of(left, right)];
  if (slot.left != kNoToken) return;
  slot = {left, right, merge};
  ++count_;
}

Merge MergeTable::find(TokenId left, TokenId right) const {
  if (slots_.empty()) return {};
  return slots_[slot_of(left, right)].merge;
}

}  // namespace galago::text
