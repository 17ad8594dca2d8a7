// What a decoder's forward() knows of the step beside its activations.
#pragma once

#include "galago/tensor.h"

namespace galago::nn {

// The rows' sequences and states are the executor's business (ops::StepView).
struct Step {
  Tensor positions;  // i32 (axes, tokens), for rope
};

}  // namespace galago::nn
