// Proves a model against the original implementation: runs it on the inputs of a file of expected values and compares
// every stage that the file holds.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "galago/session.h"
#include "verify/stage_comparison.h"

namespace galago::verify {

struct Options {
  Precision precision = Precision::kExact;
  std::optional<KvType> kv{};  // of keys and values; unset: f32 when exact, f16 when fast
  int chunk = 0;               // rows of a prefill step; 0: the whole prompt at once, as far as that is possible
  bool eager = false;          // op by op, with the CPU's kernels
  double tolerance = 1e-3;     // of max|d| / std(expected)
  std::string from;            // the stage that is taken from the file; empty: none
  int n_threads = 0;
};

struct Report {
  std::vector<StageResult> stages;  // in the order of the computation
  bool has_stages = false;          // more than the text's logits, hidden_last and greedy_ids
  bool passed = false;
  std::string isa;
  std::string mode;  // "compiled" or "eager"

  const StageResult* find(std::string_view stage) const;
};

// `checkpoint`: what Engine::open() takes. The prompt is the file's input_ids; of folders with pictures, what the
// model makes of them and of the manifest's prompt.
Result<Report> verify_model(const std::filesystem::path& checkpoint, const std::filesystem::path& expected,
                            const Options& options);

}  // namespace galago::verify
