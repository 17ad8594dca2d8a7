// Norms as a configuration asks for them: one type for what layers, final norms, queries and keys have.
#pragma once

#include <cstdint>
#include <vector>

#include "galago/nn.h"

namespace galago::nn {

enum class NormKind : std::uint8_t {
  kRms,         // x / rms(x) * weight
  kRmsPlusOne,  // x / rms(x) * (1 + weight), as Gemma's checkpoints have it
  kLayer,       // (x - mean(x)) / std(x) * weight + bias
};

struct NormConfig {
  NormKind kind = NormKind::kRms;
  float eps = 1e-6f;
  bool weight = true;  // false: the norm has no parameters
  bool bias = false;   // of kLayer
};

// Over the last dim.
class Norm : public Module {
 public:
  Norm(const NormConfig& config, std::int64_t dim);
  // x, y: (..., dim)
  Tensor operator()(const Tensor& x) const;

 private:
  NormConfig config_;
  Parameter weight_, bias_;
  Tensor ones_;  // what a norm without a weight multiplies by
};

// Which elements of a projection a norm of queries or keys takes together, and with which weights.
enum class HeadNormSpan : std::uint8_t {
  kHead,        // each head, all by one weight (head_dim)          [Qwen3]
  kEachHead,    // each head by a weight of its own: "norms.0.weight" (head_dim), ...   [StableLM 2 12B]
  kProjection,  // the whole projection by one weight (heads * head_dim)     [OLMoE]
};

struct HeadNormConfig {
  NormConfig norm;
  HeadNormSpan span = HeadNormSpan::kHead;
};

class HeadNorm : public Norm {
 public:
  HeadNorm(const HeadNormConfig& config, int heads, int head_dim);
  // x, y: (tokens, heads, head_dim)
  Tensor operator()(const Tensor& x) const;

 private:
  std::int64_t heads_, head_dim_;
  HeadNormSpan span_;
  std::vector<Parameter> weights_;  // of kEachHead
};

}  // namespace galago::nn
