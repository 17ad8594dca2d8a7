// Keeps what may be part of a cycle of references until the rendering ends.
#pragma once

#include <utility>

#include "text/jinja/runtime.h"

namespace galago::text::jinja {

// A frame or loop that something still refers to when it is left may be part of a cycle: it is kept until the end,
// where the cycles are broken.
class Runtime::FrameGuard {
 public:
  FrameGuard(Runtime& runtime, Ref<Frame> frame) : runtime_(runtime), frame_(std::move(frame)) {}
  ~FrameGuard() {
    if (frame_->use_count() > 1) runtime_.frames_.push_back(frame_);
  }
  FrameGuard(const FrameGuard&) = delete;
  FrameGuard& operator=(const FrameGuard&) = delete;
  const Ref<Frame>& operator*() const { return frame_; }

 private:
  Runtime& runtime_;
  Ref<Frame> frame_;
};

class Runtime::LoopGuard {
 public:
  LoopGuard(Runtime& runtime, Ref<LoopObject> loop) : runtime_(runtime), loop_(std::move(loop)) {}
  ~LoopGuard() {
    if (loop_ && loop_->use_count() > 1) runtime_.loops_.push_back(loop_);
  }
  LoopGuard(const LoopGuard&) = delete;
  LoopGuard& operator=(const LoopGuard&) = delete;

 private:
  Runtime& runtime_;
  Ref<LoopObject> loop_;
};

}  // namespace galago::text::jinja
