#include "runtime/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/try.h"

namespace galago::runtime {
namespace {

Status in_range(const char* option, double value, double least, double most) {
  if (value >= least && value <= most) return {};
  return error(ErrorCode::kInvalidArgument, "{} is {}; {} to {} are possible", option, value, least, most);
}

}  // namespace

Result<SamplingSettings> settle(const SamplingOptions& options, const SamplingSettings& defaults) {
  SamplingSettings settings = defaults;
  settings.temperature = options.temperature.value_or(defaults.temperature);
  settings.top_k = options.top_k.value_or(defaults.top_k);
  settings.top_p = options.top_p.value_or(defaults.top_p);
  settings.min_p = options.min_p.value_or(defaults.min_p);
  settings.repetition_penalty = options.repetition_penalty.value_or(defaults.repetition_penalty);
  settings.presence_penalty = options.presence_penalty;
  settings.frequency_penalty = options.frequency_penalty;
  settings.penalty_window = options.penalty_window;
  settings.logit_bias = options.logit_bias;
  settings.seed = options.seed ? *options.seed : std::random_device{}();
  GALAGO_CHECK(in_range("temperature", settings.temperature, 0.0, 100.0));
  GALAGO_CHECK(in_range("top_k", settings.top_k, 0, 1 << 30));
  GALAGO_CHECK(in_range("top_p", settings.top_p, 0.0, 1.0));
  GALAGO_CHECK(in_range("min_p", settings.min_p, 0.0, 1.0));
  GALAGO_CHECK(in_range("repetition_penalty", settings.repetition_penalty, 0.01, 100.0));
  GALAGO_CHECK(in_range("presence_penalty", settings.presence_penalty, -100.0, 100.0));
  GALAGO_CHECK(in_range("frequency_penalty", settings.frequency_penalty, -100.0, 100.0));
  GALAGO_CHECK(in_range("penalty_window", settings.penalty_window, -1, 1 << 30));
  return settings;
}

Sampler::Sampler(SamplingSettings settings, std::int64_t vocab_size)
    : settings_(std::move(settings)), random_(settings_.seed) {
  const auto n = static_cast<std::size_t>(vocab_size);
  logits_.reserve(n);
  candidates_.reserve(n);
  weights_.reserve(n);
  counts_.assign(n, 0);
}

void Sampler::apply_penalties(std::span<const std::int32_t> history) {
  const bool penalizes =
      settings_.repetition_penalty != 1.0f || settings_.presence_penalty != 0.0f || settings_.frequency_penalty != 0.0f;
  if (!penalizes) return;
  if (settings_.penalty_window >= 0) {
    history = history.last(std::min(history.size(), static_cast<std::size_t>(settings_.penalty_window)));
  }
  const auto known = [this](std::int32_t id) { return id >= 0 && static_cast<std::size_t>(id) < logits_.size(); };
  for (const std::int32_t id : history) {
    if (known(id)) ++counts_[static_cast<std::size_t>(id)];
  }
  for (const std::int32_t id : history) {
    if (!known(id)) continue;
    std::int32_t& count = counts_[static_cast<std::size_t>(id)];
    if (count == 0) continue;  // done already
    float& logit = logits_[static_cast<std::size_t>(id)];
    logit = logit > 0.0f ? logit / settings_.repetition_penalty : logit * settings_.repetition_penalty;
    logit -= settings_.presence_penalty + settings_.frequency_penalty * static_cast<float>(count);
    count = 0;
  }
}

// Leaves the k likeliest candidates, likeliest first; equal logits in the order of their ids.
void Sampler::keep_top_k(std::size_t k) {
  const auto likelier = [](const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
  };
  candidates_.clear();
  for (std::size_t i = 0; i < logits_.size(); ++i) {
    candidates_.push_back({logits_[i], static_cast<std::int32_t>(i)});
  }
  k = k == 0 ? candidates_.size() : std::min(k, candidates_.size());
  const auto middle = candidates_.begin() + static_cast<std::ptrdiff_t>(k);
  if (k < candidates_.size()) std::nth_element(candidates_.begin(), middle, candidates_.end(), likelier);
  candidates_.resize(k);
  std::sort(candidates_.begin(), candidates_.end(), likelier);
}

std::int32_t Sampler::draw(std::size_t kept) {
  double total = 0.0;
  for (std::size_t i = 0; i < kept; ++i) total += weights_[i];
  // Not std::uniform_real_distribution, whose results differ between standard libraries.
  double left = static_cast<double>(random_() >> 11) * 0x1.0p-53 * total;
  for (std::size_t i = 0; i < kept; ++i) {
    left -= weights_[i];
    if (left < 0.0) return candidates_[i].id;
  }
  return candidates_[kept - 1].id;
}

std::int32_t Sampler::next(std::span<const float> logits, std::span<const std::int32_t> history) {
  logits_.assign(logits.begin(), logits.end());
  // NaN would break the order; such a token cannot be chosen.
  for (float& logit : logits_) logit = std::isnan(logit) ? -std::numeric_limits<float>::infinity() : logit;
  for (const auto& [id, bias] : settings_.logit_bias) {
    if (id >= 0 && static_cast<std::size_t>(id) < logits_.size()) logits_[static_cast<std::size_t>(id)] += bias;
  }
  apply_penalties(history);
  if (settings_.temperature == 0.0f) {
    return static_cast<std::int32_t>(std::max_element(logits_.begin(), logits_.end()) - logits_.begin());
  }
  keep_top_k(static_cast<std::size_t>(settings_.top_k));
  weights_.clear();
  double total = 0.0;
  for (const Candidate& candidate : candidates_) {
    weights_.push_back(std::exp((candidate.logit - candidates_[0].logit) / settings_.temperature));
    total += weights_.back();
  }
  std::size_t kept = 0;
  double sum = 0.0;
  while (kept < weights_.size()) {
    sum += weights_[kept++];
    if (sum >= static_cast<double>(settings_.top_p) * total) break;
  }
  while (kept > 1 && weights_[kept - 1] < settings_.min_p * weights_[0]) --kept;
  return draw(kept);
}

}  // namespace galago::runtime
