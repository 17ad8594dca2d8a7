// When work that was submitted to a backend is over.
#pragma once

#include <memory>
#include <utility>

#include "galago/result.h"

namespace galago::graph {

// Work that was done when it was submitted, as the CPU's, has a fence without anything behind it. Where a thread must
// not block, as in a browser, done() is asked from time to time and wait() only once it says yes.
class Fence {
 public:
  class Work {
   public:
    virtual ~Work() = default;
    // Whether the work is over. Never waits; it may carry the work on.
    virtual bool poll() = 0;
    // Returns when the work is over, with what went wrong.
    virtual Status wait() = 0;
  };

  Fence() = default;
  explicit Fence(std::shared_ptr<Work> work) : work_(std::move(work)) {}

  bool done() const { return work_ == nullptr || work_->poll(); }
  // Returns at once when done().
  Status wait() const { return work_ == nullptr ? Status() : work_->wait(); }

 private:
  std::shared_ptr<Work> work_;
};

}  // namespace galago::graph
