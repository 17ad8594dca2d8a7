// Runs steps for generations, several at once over one store.
#pragma once

#include <span>
#include <vector>

#include "runtime/generation.h"
#include "runtime/stepper.h"

namespace galago::runtime {

// Who calls step() chooses whose rows go into it; what a generation says does not depend on the company that it has.
class GenerationDriver {
 public:
  // `stepper` outlives the driver and serves as many sequences as are ever given to one step().
  explicit GenerationDriver(Stepper& stepper) : stepper_(&stepper) {}

  // Takes all of them one step further that are not done: those that decode by a token; of the others, in their order,
  // as many rows of prompts as fit one step. Errors stand in the generations.
  void step(std::span<Generation* const> generations);

 private:
  void decode(std::span<Generation* const> generations);
  void prefill(std::span<Generation* const> generations);
  void give_logits(std::span<Generation* const> generations, std::span<const float> logits);
  void fail(std::span<Generation* const> generations, const Error& error);

  Stepper* stepper_;
  // Of the step that runs: its parts, whose they are, and who is to decode.
  std::vector<StepPart> parts_;
  std::vector<Generation*> owners_, decoding_;
  std::vector<Generation*> at_end_;  // whose prompt is read
  std::vector<float> hidden_;        // of their last rows
};

}  // namespace galago::runtime
