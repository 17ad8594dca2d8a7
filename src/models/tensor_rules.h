// Where the parameters of a model are in its checkpoints. Modules ask for Hugging Face's names; a file that has other
// names, or holds what a parameter is made of in another form, is described by rules, one list for all containers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "galago/tensor.h"

namespace galago::models {

enum class Container : std::uint8_t { kAny, kHuggingFace, kGguf };

// What a transform may ask for beside its sources.
struct RuleCall {
  const Json& config;                 // of the model, in Hugging Face's keys
  std::string where;                  // the checkpoint, for messages
  std::string name;                   // of the parameter
  std::vector<std::int64_t> numbers;  // of the name: {layer}, as a rule, for sizes that differ by layer
};

// The parameter, made of the sources in their order. Nothing of a weight is copied: its rows are selected, ordered,
// joined, or made when they are read (models/tensor_transforms.h). Values (vectors) may be computed.
using Transform = std::function<Result<Tensor>(std::vector<Tensor> sources, const RuleCall& call)>;

struct TensorRule {
  // The parameter; "{}" stands for a number, "{*}" for any text.
  std::string_view name;
  // Where it is: "{}" are the numbers and texts of the name in their order, "{n}" counts from 0 as long as there are
  // tensors. The first rule of which all sources are there is taken; when there is none, the parameter has its name.
  std::vector<std::string_view> sources;
  Transform transform{};  // none: the only source as it is
  Container container = Container::kAny;
  bool takes_integers = false;  // codes that the transform puts together with their scales; else they are refused
};
using TensorRules = std::vector<TensorRule>;

// The numbers and texts of a name that matches the pattern of a rule.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view name);

// The names of a rule's sources, in order; nothing unless all are there.
std::optional<std::vector<std::string>> source_names(const TensorRule& rule, const std::vector<std::string>& matched,
                                                     const std::function<bool(std::string_view)>& is_there);

// `first`, then `second`.
TensorRules joined(TensorRules first, const TensorRules& second);

}  // namespace galago::models
