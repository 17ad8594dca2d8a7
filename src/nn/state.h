// State that a layer keeps between steps, declared where the layer is built and numbered once for the whole model.
#pragma once

#include <memory>
#include <vector>

#include "galago/nn.h"
#include "ops/step.h"

namespace galago::nn {

struct detail::StateSlot {
  ops::StateSpec spec;
  int number = -1;
};

// A layer's handle on its state.
class State {
 public:
  explicit State(ops::StateSpec spec) : slot_(std::make_shared<detail::StateSlot>()) { slot_->spec = std::move(spec); }
  // The state's number in the model; -1 before number_states().
  int number() const { return slot_->number; }
  const std::shared_ptr<detail::StateSlot>& slot() const { return slot_; }

 private:
  std::shared_ptr<detail::StateSlot> slot_;
};

// Numbers the states of a module and all its children in order, and returns their specs by number.
std::vector<ops::StateSpec> number_states(const Module& root);

}  // namespace galago::nn
