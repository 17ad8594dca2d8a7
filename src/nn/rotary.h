// Rotary position embeddings: the frequencies a configuration asks for, applied to queries and keys.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "galago/tensor.h"
#include "nn/step.h"
#include "ops/rope.h"

namespace galago::nn {

// How frequencies are stretched for contexts longer than a model was trained on at first. Formulas are those of
// transformers' modeling_rope_utils.py; `original_context` is original_max_position_embeddings.

// All by one factor.
struct LinearScaling {
  double factor = 1.0;
  bool operator==(const LinearScaling&) const = default;
};

// A greater theta where the sequence is longer than the trained context (dynamic NTK).
struct DynamicScaling {
  double factor = 1.0;
  bool operator==(const DynamicScaling&) const = default;
};

// Short wavelengths stay, long ones are divided by `factor`, with a ramp between; cos and sin grow by attention_factor.
struct YarnScaling {
  double factor = 1.0;
  double beta_fast = 32.0;  // rotations over the original context from which on a frequency stays
  double beta_slow = 1.0;   // and up to which it is divided
  bool truncate = true;     // the ramp begins and ends at whole dimensions
  std::int64_t original_context = 0;
  std::optional<double> attention_factor{};  // without it: by factor, mscale and mscale_all_dim
  double mscale = 0.0;
  double mscale_all_dim = 0.0;
  bool operator==(const YarnScaling&) const = default;
};

// Llama 3: as YaRN, with a ramp over wavelengths.
struct Llama3Scaling {
  double factor = 1.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  std::int64_t original_context = 0;
  bool operator==(const Llama3Scaling&) const = default;
};

// LongRoPE: a divisor for each frequency; others where sequences are longer than the original context.
struct LongScaling {
  std::vector<double> short_factor, long_factor;
  std::int64_t original_context = 0;
  double factor = 0.0;                       // for the attention factor; 0: the trained context over the original
  std::optional<double> attention_factor{};  // without it: by factor
  bool operator==(const LongScaling&) const = default;
};

// Exponents count over the whole head, of which only the first part turns (Gemma 4).
struct ProportionalScaling {
  double proportion = 1.0;
  double factor = 1.0;
  bool operator==(const ProportionalScaling&) const = default;
};

using RopeScaling = std::variant<std::monostate, LinearScaling, DynamicScaling, YarnScaling, Llama3Scaling, LongScaling,
                                 ProportionalScaling>;

struct RopeConfig {
  int rotary_dim = 0;  // elements of a head that turn; even
  double theta = 10000.0;
  bool interleaved = false;  // pairs of neighbours
  RopeScaling scaling{};
  std::vector<float> divisors{};         // llama.cpp's rope_freqs: each frequency is divided by its own; empty: none
  std::vector<std::int64_t> sections{};  // pairs of each axis of positions (M-RoPE); empty: one axis
  std::int64_t trained_context = 0;      // max_position_embeddings
  // The longest sequence that will be run; 0: the trained context. The frequencies of DynamicScaling and LongScaling
  // are those of this length, for all positions and steps of all sequences: keys that are kept turned by one set of
  // frequencies fit no queries turned by another, and how a prompt is cut into steps may not change results.
  std::int64_t sequence_length = 0;
  bool operator==(const RopeConfig&) const = default;
};

struct RopeFrequencies {
  std::vector<float> inv_freq;    // of each pair
  float attention_factor = 1.0f;  // cos and sin grow by it
};

// 1 / theta^(2i / rotary_dim), scaled. Fails on sizes that make no sense.
Result<RopeFrequencies> rope_frequencies(const RopeConfig& config);

// Shared by all layers that turn alike, so that a program computes its angles once a step.
class Rotary {
 public:
  explicit Rotary(const RopeConfig& config);
  // x: (tokens, heads, head_dim)
  Tensor operator()(const Tensor& x, const Step& step) const;

 private:
  Tensor inv_freq_;  // failed when the configuration is
  ops::Rope op_;
};

// The same Rotary for equal configurations: one for all layers of a model to draw from.
class Rotaries {
 public:
  const Rotary& of(const RopeConfig& config);

 private:
  std::vector<std::pair<RopeConfig, Rotary>> known_;
};

}  // namespace galago::nn
