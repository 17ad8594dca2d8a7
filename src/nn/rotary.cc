#include "nn/rotary.h"

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/try.h"
#include "ops/executor.h"

namespace galago::nn {
namespace {

// Llama 3: wavelengths short against the original context stay, long ones are stretched by `factor`, with a ramp
// between [transformers modeling_rope_utils, llama3].
double llama3_scaled(double frequency, const RopeConfig& config) {
  const double context = static_cast<double>(config.original_context);
  const double wavelength = 2.0 * std::numbers::pi / frequency;
  if (wavelength < context / config.high_freq_factor) return frequency;
  if (wavelength > context / config.low_freq_factor) return frequency / config.factor;
  const double smooth =
      (context / wavelength - config.low_freq_factor) / (config.high_freq_factor - config.low_freq_factor);
  return (1.0 - smooth) * frequency / config.factor + smooth * frequency;
}

Status check(const RopeConfig& config) {
  if (config.rotary_dim <= 0 || config.rotary_dim % 2 != 0) {
    return error(ErrorCode::kCorrupt, "rope: {} rotary dimensions; a positive even number is expected",
                 config.rotary_dim);
  }
  if (!(config.theta > 0.0) || !std::isfinite(config.theta)) {
    return error(ErrorCode::kCorrupt, "rope: rope_theta is {}; a positive number is expected", config.theta);
  }
  if (!config.scaling.empty() && !(config.factor > 0.0)) {
    return error(ErrorCode::kCorrupt, "rope: the scaling factor is {}; a positive number is expected", config.factor);
  }
  if (config.scaling == "llama3" &&
      !(config.high_freq_factor > config.low_freq_factor && config.low_freq_factor > 0.0)) {
    return error(ErrorCode::kCorrupt, "rope: high_freq_factor {} must be greater than low_freq_factor {} > 0",
                 config.high_freq_factor, config.low_freq_factor);
  }
  const auto pairs = static_cast<std::size_t>(config.rotary_dim) / 2;
  if (!config.divisors.empty() && config.divisors.size() != pairs) {
    return error(ErrorCode::kCorrupt, "rope: {} frequency factors; {} are expected", config.divisors.size(), pairs);
  }
  return {};
}

}  // namespace

Result<std::vector<float>> rope_frequencies(const RopeConfig& config) {
  GALAGO_CHECK(check(config));
  std::vector<float> frequencies(static_cast<std::size_t>(config.rotary_dim) / 2);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double exponent = 2.0 * static_cast<double>(i) / config.rotary_dim;
    double frequency = 1.0 / std::pow(config.theta, exponent);
    if (config.scaling == "linear") {
      frequency /= config.factor;
    } else if (config.scaling == "llama3") {
      frequency = llama3_scaled(frequency, config);
    } else if (!config.scaling.empty()) {
      return error(ErrorCode::kUnsupported, "rope: the scaling \"{}\" is not supported; linear and llama3 are",
                   config.scaling);
    }
    if (!config.divisors.empty()) frequency /= config.divisors[i];
    frequencies[i] = static_cast<float>(frequency);
  }
  return frequencies;
}

Rotary::Rotary(const RopeConfig& config) {
  const auto frequencies = rope_frequencies(config);
  inv_freq_ = frequencies.ok()
                  ? Tensor::from(*frequencies, {static_cast<std::int64_t>(frequencies->size())}).with_name("inv_freq")
                  : Tensor::failed(frequencies.error());
  op_.interleaved = config.interleaved;
}

Tensor Rotary::operator()(const Tensor& x, const Step& step) const {
  return ops::apply_one(op_, {x, step.positions, inv_freq_});
}

}  // namespace galago::nn
