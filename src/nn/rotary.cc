#include "nn/rotary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/try.h"
#include "ops/executor.h"

namespace galago::nn {
namespace {

using Frequencies = std::vector<double>;

Error not_positive(std::string_view field, double value) {
  return error(ErrorCode::kCorrupt, "rope: {} is {}; a positive number is expected", field, value);
}

bool is_positive(double value) { return value > 0.0 && std::isfinite(value); }

// 1 / theta^(2i / exponent_dim)
Frequencies plain(double theta, std::size_t pairs, int exponent_dim) {
  Frequencies frequencies(pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    frequencies[i] = 1.0 / std::pow(theta, 2.0 * static_cast<double>(i) / exponent_dim);
  }
  return frequencies;
}

Frequencies plain(const RopeConfig& config) {
  return plain(config.theta, static_cast<std::size_t>(config.rotary_dim) / 2, config.rotary_dim);
}

// How a scaling changes frequencies; each returns the factor of cos and sin.
struct Scale {
  const RopeConfig& config;
  Frequencies& frequencies;

  std::int64_t length() const { return config.sequence_length > 0 ? config.sequence_length : config.trained_context; }
  Result<double> operator()(const std::monostate&) const { return 1.0; }
  Result<double> operator()(const LinearScaling& scaling) const;
  Result<double> operator()(const DynamicScaling& scaling) const;
  Result<double> operator()(const YarnScaling& scaling) const;
  Result<double> operator()(const Llama3Scaling& scaling) const;
  Result<double> operator()(const LongScaling& scaling) const;
  Result<double> operator()(const ProportionalScaling& scaling) const;
};

Result<double> Scale::operator()(const LinearScaling& scaling) const {
  if (!is_positive(scaling.factor)) return not_positive("the scaling factor", scaling.factor);
  for (double& frequency : frequencies) frequency /= scaling.factor;
  return 1.0;
}

Result<double> Scale::operator()(const DynamicScaling& scaling) const {
  if (!is_positive(scaling.factor)) return not_positive("the scaling factor", scaling.factor);
  const auto trained = static_cast<double>(config.trained_context);
  if (!is_positive(trained)) return not_positive("max_position_embeddings", trained);
  if (config.rotary_dim <= 2) {
    return error(ErrorCode::kCorrupt, "rope: dynamic scaling of {} dimensions; more than 2 are expected",
                 config.rotary_dim);
  }
  const double length_ratio = std::max(static_cast<double>(length()) / trained, 1.0);
  const double dim = config.rotary_dim;
  const double growth = std::pow(scaling.factor * length_ratio - (scaling.factor - 1.0), dim / (dim - 2.0));
  frequencies = plain(config.theta * growth, frequencies.size(), config.rotary_dim);
  return 1.0;
}

double yarn_mscale(double factor, double mscale) { return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0; }

// The dimension whose wavelength fits `rotations` times into the context.
double yarn_dimension(double rotations, double context, const RopeConfig& config) {
  return config.rotary_dim * std::log(context / (rotations * 2.0 * std::numbers::pi)) / (2.0 * std::log(config.theta));
}

Result<double> Scale::operator()(const YarnScaling& scaling) const {
  for (const auto& [field, value] : {std::pair("the scaling factor", scaling.factor),
                                     {"beta_fast", scaling.beta_fast},
                                     {"beta_slow", scaling.beta_slow},
                                     {"original_max_position_embeddings", double(scaling.original_context)}}) {
    if (!is_positive(value)) return not_positive(field, value);
  }
  const auto context = static_cast<double>(scaling.original_context);
  double low = yarn_dimension(scaling.beta_fast, context, config);
  double high = yarn_dimension(scaling.beta_slow, context, config);
  if (scaling.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, config.rotary_dim - 1.0);
  if (low == high) high += 0.001;  // as the original keeps the ramp from being none
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies[i] = frequencies[i] / scaling.factor * ramp + frequencies[i] * (1.0 - ramp);
  }
  if (scaling.attention_factor) return *scaling.attention_factor;
  if (scaling.mscale != 0.0 && scaling.mscale_all_dim != 0.0) {
    return yarn_mscale(scaling.factor, scaling.mscale) / yarn_mscale(scaling.factor, scaling.mscale_all_dim);
  }
  return yarn_mscale(scaling.factor, 1.0);
}

Result<double> Scale::operator()(const Llama3Scaling& scaling) const {
  if (!is_positive(scaling.factor)) return not_positive("the scaling factor", scaling.factor);
  const auto context = static_cast<double>(scaling.original_context);
  if (!is_positive(context)) return not_positive("original_max_position_embeddings", context);
  if (!(scaling.high_freq_factor > scaling.low_freq_factor && scaling.low_freq_factor > 0.0)) {
    return error(ErrorCode::kCorrupt, "rope: high_freq_factor {} must be greater than low_freq_factor {} > 0",
                 scaling.high_freq_factor, scaling.low_freq_factor);
  }
  for (double& frequency : frequencies) {
    const double wavelength = 2.0 * std::numbers::pi / frequency;
    if (wavelength < context / scaling.high_freq_factor) continue;
    if (wavelength > context / scaling.low_freq_factor) {
      frequency /= scaling.factor;
      continue;
    }
    const double smooth =
        (context / wavelength - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
    frequency = (1.0 - smooth) * frequency / scaling.factor + smooth * frequency;
  }
  return 1.0;
}

Result<double> Scale::operator()(const LongScaling& scaling) const {
  const auto original = static_cast<double>(scaling.original_context);
  if (!is_positive(original)) return not_positive("original_max_position_embeddings", original);
  const bool is_long = length() > scaling.original_context;
  const std::vector<double>& divisors = is_long ? scaling.long_factor : scaling.short_factor;
  if (divisors.size() != frequencies.size()) {
    return error(ErrorCode::kCorrupt, "rope: {} has {} numbers; {} are expected",
                 is_long ? "long_factor" : "short_factor", divisors.size(), frequencies.size());
  }
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    if (!is_positive(divisors[i])) return not_positive(is_long ? "a long_factor" : "a short_factor", divisors[i]);
    frequencies[i] /= divisors[i];
  }
  if (scaling.attention_factor) return *scaling.attention_factor;
  const double factor = scaling.factor != 0.0 ? scaling.factor : static_cast<double>(config.trained_context) / original;
  if (factor <= 1.0 || scaling.original_context == 1) return 1.0;
  return std::sqrt(1.0 + std::log(factor) / std::log(original));
}

Result<double> Scale::operator()(const ProportionalScaling& scaling) const {
  if (!is_positive(scaling.factor)) return not_positive("the scaling factor", scaling.factor);
  if (!(scaling.proportion >= 0.0 && scaling.proportion <= 1.0)) {
    return error(ErrorCode::kCorrupt, "rope: partial_rotary_factor is {}; 0 to 1 are expected", scaling.proportion);
  }
  const auto turning = static_cast<std::size_t>(std::floor(scaling.proportion * config.rotary_dim / 2.0));
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    frequencies[i] = i < turning ? frequencies[i] / scaling.factor : 0.0;
  }
  return 1.0;
}

Status check(const RopeConfig& config) {
  if (config.rotary_dim <= 0 || config.rotary_dim % 2 != 0) {
    return error(ErrorCode::kCorrupt, "rope: {} rotary dimensions; a positive even number is expected",
                 config.rotary_dim);
  }
  if (!is_positive(config.theta)) return not_positive("rope_theta", config.theta);
  const auto pairs = static_cast<std::size_t>(config.rotary_dim) / 2;
  if (!config.divisors.empty() && config.divisors.size() != pairs) {
    return error(ErrorCode::kCorrupt, "rope: {} frequency factors; {} are expected", config.divisors.size(), pairs);
  }
  return {};
}

}  // namespace

Result<RopeFrequencies> rope_frequencies(const RopeConfig& config) {
  GALAGO_CHECK(check(config));
  Frequencies exact = plain(config);
  GALAGO_TRY(const double attention_factor, std::visit(Scale{config, exact}, config.scaling));
  if (!is_positive(attention_factor)) return not_positive("attention_factor", attention_factor);
  RopeFrequencies frequencies{.attention_factor = static_cast<float>(attention_factor)};
  for (std::size_t i = 0; i < exact.size(); ++i) {
    if (!config.divisors.empty()) exact[i] /= config.divisors[i];
    frequencies.inv_freq.push_back(static_cast<float>(exact[i]));
  }
  return frequencies;
}

Rotary::Rotary(const RopeConfig& config) {
  const auto frequencies = rope_frequencies(config);
  op_.interleaved = config.interleaved;
  op_.sections = config.sections;
  if (!frequencies.ok()) {
    inv_freq_ = Tensor::failed(frequencies.error());
    return;
  }
  const std::vector<float>& inv_freq = frequencies->inv_freq;
  inv_freq_ = Tensor::from(inv_freq, {static_cast<std::int64_t>(inv_freq.size())}).with_name("inv_freq");
  op_.attention_factor = frequencies->attention_factor;
}

Tensor Rotary::operator()(const Tensor& x, const Step& step) const {
  return ops::apply_one(op_, {x, step.positions, inv_freq_});
}

const Rotary& Rotaries::of(const RopeConfig& config) {
  for (const auto& [known, rotary] : known_) {
    if (known == config) return rotary;
  }
  return known_.emplace_back(config, Rotary(config)).second;
}

}  // namespace galago::nn
