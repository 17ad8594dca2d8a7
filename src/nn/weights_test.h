// Weights by name in memory, for tests of what loads them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "galago/nn.h"

namespace galago::nn {

class Weights : public WeightSource {
 public:
  Result<std::optional<Tensor>> find(std::string_view name) const override {
    const auto found = tensors.find(std::string(name));
    return found == tensors.end() ? std::optional<Tensor>() : std::optional(found->second);
  }
  std::string description() const override { return "test.safetensors"; }
  std::map<std::string, Tensor> tensors;
};

}  // namespace galago::nn
