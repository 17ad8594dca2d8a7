// Numbers of the pages that the states of a group share, and how many hold each.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/step.h"

namespace galago::runtime {

// Pages that hold so many tokens.
constexpr std::int64_t pages_for(std::int64_t tokens) { return (tokens + ops::kPageTokens - 1) / ops::kPageTokens; }

class PagePool {
 public:
  explicit PagePool(std::int32_t n_pages) : holders_(static_cast<std::size_t>(n_pages), 0) {
    free_.reserve(holders_.size());
    for (std::int32_t page = n_pages; page-- > 0;) free_.push_back(page);
  }

  std::int32_t size() const { return static_cast<std::int32_t>(holders_.size()); }
  std::int32_t n_free() const { return static_cast<std::int32_t>(free_.size()); }

  // A page that nobody had, with one holder; -1 when there is none. The page freed last comes first, so that memory
  // that was never written stays so.
  std::int32_t take() {
    if (free_.empty()) return -1;
    const std::int32_t page = free_.back();
    free_.pop_back();
    holders(page) = 1;
    return page;
  }
  void hold(std::int32_t page) { ++holders(page); }
  // Frees the page when its last holder lets go.
  void release(std::int32_t page) {
    if (--holders(page) == 0) free_.push_back(page);
  }
  bool is_shared(std::int32_t page) const { return holders_[static_cast<std::size_t>(page)] > 1; }

 private:
  std::int32_t& holders(std::int32_t page) { return holders_[static_cast<std::size_t>(page)]; }

  std::vector<std::int32_t> holders_;
  std::vector<std::int32_t> free_;  // a stack; never grows beyond its first capacity
};

}  // namespace galago::runtime
