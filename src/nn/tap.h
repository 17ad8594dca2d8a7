// Names for intermediate results ("vision_hidden", "decoder_layer_0"), so that a trace can bring them out for
// comparison with the original implementation. Without a TapScope a tap costs nothing.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "galago/tensor.h"

namespace galago::nn {

// Collects what tap() is given on this thread during its lifetime; the first tensor of each name.
class TapScope {
 public:
  TapScope();
  ~TapScope();
  TapScope(const TapScope&) = delete;
  TapScope& operator=(const TapScope&) = delete;
  const std::vector<std::pair<std::string, Tensor>>& taps() const { return taps_; }

 private:
  friend Tensor tap(std::string_view stage, const Tensor& x);
  TapScope* previous_;
  std::vector<std::pair<std::string, Tensor>> taps_;
};

// Makes tap() return `replacement` for one stage on this thread during its lifetime, so that a computation goes on from
// a stage of the original implementation. The replacement is what a TapScope collects.
class TapOverride {
 public:
  TapOverride(std::string stage, Tensor replacement);
  ~TapOverride();
  TapOverride(const TapOverride&) = delete;
  TapOverride& operator=(const TapOverride&) = delete;

 private:
  friend Tensor tap(std::string_view stage, const Tensor& x);
  std::string stage_;
  Tensor replacement_;
  const TapOverride* previous_;
};

// Returns x, unless a TapOverride says otherwise.
Tensor tap(std::string_view stage, const Tensor& x);

}  // namespace galago::nn
