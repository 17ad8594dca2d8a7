// What a decoder's forward() knows of the step beside its activations.
#pragma once

#include "galago/tensor.h"
#include "ops/step.h"

namespace galago::nn {

struct Step {
  Tensor positions;                     // i32 (axes, tokens), for rope
  const ops::StepView* view = nullptr;  // the rows' sequences and states; only when run eagerly
};

}  // namespace galago::nn
