// Chooses the next token from its logits.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "galago/generate.h"
#include "galago/result.h"
#include "runtime/selection.h"

namespace galago::runtime {

// SamplingOptions with every default filled in.
struct SamplingSettings {
  float temperature = 0.8f;
  int top_k = 40;
  float top_p = 0.95f;
  float min_p = 0.05f;
  float repetition_penalty = 1.0f;
  float presence_penalty = 0.0f;
  float frequency_penalty = 0.0f;
  int penalty_window = 64;
  std::vector<std::pair<std::int32_t, float>> logit_bias;
  std::uint64_t seed = 0;
};

// Fails when an option is outside its range, naming it.
Result<SamplingSettings> settle(const SamplingOptions& options, const SamplingSettings& defaults);

// The order is: logit bias, penalties, top-k, temperature, top-p, min-p, draw. Temperature 0 takes the likeliest token
// (the lowest id among equals). The same seed and logits give the same tokens on every machine: one number is drawn a
// token, and looked up among the tokens that are left, likeliest first, equals in the order of their ids.
class Sampler {
 public:
  Sampler(SamplingSettings settings, std::int64_t vocab_size);
  // `history`: the tokens so far, for the penalties. Allocates nothing.
  std::int32_t next(std::span<const float> logits, std::span<const std::int32_t> history);

 private:
  void apply_penalties(std::span<const std::int32_t> history);
  bool changes_logits() const;
  std::int32_t draw_from_top();
  std::int32_t draw_from_all();
  void weigh_candidates();
  std::size_t cut_by_min_p(std::size_t kept) const;
  double random_share();
  std::int32_t draw(std::size_t kept);

  SamplingSettings settings_;
  std::mt19937_64 random_;
  Selection selection_;
  std::vector<float> logits_;  // with bias and penalties
  std::vector<Candidate> candidates_;
  std::vector<float> weights_;
  std::vector<std::int32_t> counts_;  // of each token in the window; zero between calls
};

}  // namespace galago::runtime
