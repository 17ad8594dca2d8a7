#include "nn/tap.h"

namespace galago::nn {
namespace {

thread_local TapScope* current = nullptr;
thread_local const TapOverride* current_override = nullptr;

}  // namespace

TapScope::TapScope() : previous_(current) { current = this; }

TapScope::~TapScope() { current = previous_; }

TapOverride::TapOverride(std::string stage, Tensor replacement)
    : stage_(std::move(stage)), replacement_(std::move(replacement)), previous_(current_override) {
  current_override = this;
}

TapOverride::~TapOverride() { current_override = previous_; }

Tensor tap(std::string_view stage, const Tensor& x) {
  const bool replaced = current_override != nullptr && current_override->stage_ == stage;
  const Tensor& y = replaced ? current_override->replacement_ : x;
  if (current == nullptr) return y;
  for (const auto& [known, tensor] : current->taps_) {
    if (known == stage) return y;
  }
  current->taps_.emplace_back(stage, y);
  return y;
}

}  // namespace galago::nn
