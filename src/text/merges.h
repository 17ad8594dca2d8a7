// Byte-pair merging: of a list of symbols the best mergeable neighbours become one until none is left, in
// O(n log n): a linked list of symbols and a heap of candidates.
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

#include "text/vocabulary.h"

namespace galago::text {

// A piece of the word being merged. `begin` and `size` are bytes of the word; a merged-away symbol has size 0.
struct Symbol {
  std::uint32_t begin = 0, size = 0;
  std::int32_t previous = -1, next = -1;
  TokenId id = kNoToken;
};

// What two neighbours become; merges of a lower priority number come first, leftmost among equals.
struct Merge {
  std::uint32_t priority = 0;
  TokenId id = kNoToken;  // kNoToken: the two do not merge
};

// (left id, right id) -> merge.
class MergeTable {
 public:
  void reserve(std::size_t count);
  // The first entry of a pair counts.
  void add(TokenId left, TokenId right, Merge merge);
  Merge find(TokenId left, TokenId right) const;
  bool empty() const { return count_ == 0; }

 private:
  struct Slot {
    TokenId left = kNoToken, right = kNoToken;
    Merge merge;
  };
  std::size_t slot_of(TokenId left, TokenId right) const;

  std::vector<Slot> slots_;
  std::size_t count_ = 0;
};

// Links `symbols` in order and merges. `lookup(const Symbol& left, const Symbol& right)` returns a Merge. The symbols
// that are left are those with size > 0; they stay in order.
template <class Lookup>
void merge_symbols(std::vector<Symbol>& symbols, const Lookup& lookup) {
  struct Candidate {
    std::uint32_t priority;
    std::int32_t left;
    std::uint32_t size;  // of both: when either has grown since, the candidate is stale
    TokenId id;
    bool operator>(const Candidate& other) const {
      return priority != other.priority ? priority > other.priority : left > other.left;
    }
  };
  const auto count = static_cast<std::int32_t>(symbols.size());
  if (count < 2) return;
  std::vector<Candidate> storage;
  storage.reserve(symbols.size());
  const auto candidate = [&](std::int32_t i) -> Candidate {
    const Symbol& left = symbols[static_cast<std::size_t>(i)];
    const Symbol& right = symbols[static_cast<std::size_t>(left.next)];
    const Merge merge = lookup(left, right);
    return {merge.priority, i, left.size + right.size, merge.id};
  };
  for (std::int32_t i = 0; i < count; ++i) {
    symbols[static_cast<std::size_t>(i)].previous = i - 1;
    symbols[static_cast<std::size_t>(i)].next = i + 1 < count ? i + 1 : -1;
  }
  for (std::int32_t i = 0; i + 1 < count; ++i) {
    if (const Candidate found = candidate(i); found.id != kNoToken) storage.push_back(found);
  }
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue(std::greater<>{}, std::move(storage));
  const auto push = [&](std::int32_t i) {
    if (const Candidate found = candidate(i); found.id != kNoToken) queue.push(found);
  };
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[static_cast<std::size_t>(best.left)];
    if (left.size == 0 || left.next < 0) continue;
    Symbol& right = symbols[static_cast<std::size_t>(left.next)];
    if (left.size + right.size != best.size) continue;
    left.size = best.size;
    left.id = best.id;
    left.next = right.next;
    right.size = 0;
    if (left.next >= 0) symbols[static_cast<std::size_t>(left.next)].previous = best.left;
    if (left.previous >= 0) push(left.previous);
    if (left.next >= 0) push(best.left);
  }
}

}  // namespace galago::text
