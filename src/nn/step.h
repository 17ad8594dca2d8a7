// What a decoder's forward() knows of the step beside its activations.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "galago/tensor.h"

namespace galago::nn {

// The rows' sequences and states are the executor's business (ops::StepView).
struct Step {
  Tensor positions;  // i32 (axes, tokens), for rope
  Tensor token_ids;  // i32 (tokens), for embeddings that layers look up themselves
  // The entry's further inputs with one row a token, by name: "spans", "deepstack_0".
  std::vector<std::pair<std::string, Tensor>> rows;

  // The further input of that name; an empty Tensor where the entry has none.
  Tensor row(std::string_view name) const {
    for (const auto& [known, tensor] : rows) {
      if (known == name) return tensor;
    }
    return {};
  }
};

}  // namespace galago::nn
