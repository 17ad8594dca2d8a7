// Measures a model: how fast it reads a prompt and generates, and how near that comes to what the memory can give.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "runtime/engine.h"

namespace galago::runtime {

struct BenchOptions {
  int prefill_tokens = 512;  // 0: not measured
  int decode_tokens = 128;   // 0: not measured
  int repetitions = 5;
  int depth = 0;  // tokens that are in the context before
  std::function<void(const std::string&)> progress;
};

struct BenchResult {
  std::string phase;  // "prefill" or "decode"
  int n_tokens = 0;
  int depth = 0;
  double tokens_per_second = 0;  // the median
  double min = 0;
  double max = 0;
};

struct BenchReport {
  std::vector<BenchResult> results;
  double load_ms = 0;
  double first_token_ms = 0;           // from the prompt's first row to the first token's logits; the median
  std::uint64_t peak_rss_bytes = 0;    // of the process, before the bandwidth was measured
  std::uint64_t step_bytes = 0;        // weights that one step of decoding reads
  double read_bandwidth = 0;           // bytes per second that the threads read at best
  double read_bandwidth_fraction = 0;  // how much of that decoding reaches with its weights and its context
  std::string isa;
  KvType kv = KvType::kF16;
  int n_threads = 0;
};

Result<BenchReport> bench(const Engine& engine, const BenchOptions& options);

// The weights that one step of decoding reads, as the model stores them; one row of tables that are only looked up.
Result<std::uint64_t> decode_weight_bytes(const Engine& engine);

// The largest resident set of this process so far; 0 where the system does not tell.
std::uint64_t peak_resident_bytes();

}  // namespace galago::runtime
