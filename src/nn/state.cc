#include "nn/state.h"

namespace galago::nn {
namespace {

void number(const detail::ModuleNode& node, std::vector<ops::StateSpec>& specs) {
  for (const auto& slot : node.states) {
    slot->number = static_cast<int>(specs.size());
    specs.push_back(slot->spec);
  }
  for (const detail::Child& child : node.children) number(*child.node, specs);
}

}  // namespace

std::vector<ops::StateSpec> number_states(const Module& root) {
  std::vector<ops::StateSpec> specs;
  number(*root.node(), specs);
  return specs;
}

}  // namespace galago::nn
