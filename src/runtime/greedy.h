// What a decoder says when it always takes the likeliest token: to compare two of them, without a tokenizer.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/engine.h"

namespace galago::runtime {

struct GreedyRun {
  std::vector<std::int32_t> tokens;
  std::vector<float> logits;  // of the last token
  bool operator==(const GreedyRun&) const = default;
};

// Reads a few made-up tokens and writes `n`.
Result<GreedyRun> run_greedily(const Engine& engine, int n);

}  // namespace galago::runtime
