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
    : settings_(std::move(settings)), random_(settings_.seed), selection_(vocab_size) {
  const auto n = static_cast<std::size_t>(vocab_size);
  logits_.reserve(n);
  candidates_.reserve(n);
  weights_.reserve(n);
  counts_.assign(n, 0);
}

bool Sampler::changes_logits() const {
  return !settings_.logit_bias.empty() || settings_.repetition_penalty != 1.0f || settings_.presence_penalty != 0.0f ||
         settings_.frequency_penalty != 0.0f;
}

void Sampler::apply_penalties(std::span<const std::int32_t> history) {
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

void Sampler::weigh_candidates() {
  weights_.clear();
  for (const Candidate& candidate : candidates_) {
    weights_.push_back(std::exp((candidate.logit - selection_.largest()) / settings_.temperature));
  }
}

std::size_t Sampler::cut_by_min_p(std::size_t kept) const {
  while (kept > 1 && weights_[kept - 1] < settings_.min_p * weights_[0]) --kept;
  return kept;
}

// In [0, 1). Not std::uniform_real_distribution, whose results differ between standard libraries.
double Sampler::random_share() { return static_cast<double>(random_() >> 11) * 0x1.0p-53; }

std::int32_t Sampler::draw(std::size_t kept) {
  double total = 0.0;
  for (std::size_t i = 0; i < kept; ++i) total += weights_[i];
  double left = random_share() * total;
  for (std::size_t i = 0; i < kept; ++i) {
    left -= weights_[i];
    if (left < 0.0) return candidates_[i].id;
  }
  return candidates_[kept - 1].id;
}

std::int32_t Sampler::draw_from_top() {
  selection_.keep_top(static_cast<std::size_t>(settings_.top_k), candidates_);
  weigh_candidates();
  double total = 0.0;
  for (const float weight : weights_) total += weight;
  std::size_t kept = 0;
  double sum = 0.0;
  while (kept < weights_.size()) {
    sum += weights_[kept++];
    if (sum >= static_cast<double>(settings_.top_p) * total) break;
  }
  return draw(cut_by_min_p(kept));
}

// Without top-k nearly all of the probability still lies with few tokens. As many of them are looked at as it takes:
// to those that min-p leaves, to top-p's share of the whole, or to the number that was drawn.
std::int32_t Sampler::draw_from_all() {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kDepths[] = {4, 6, 8, 10, 12, 14, 17, 20, 30, kInfinity};  // e^-4 as likely as the likeliest, ...
  const bool by_top_p = settings_.top_p < 1.0f, by_min_p = settings_.min_p > 0.0f;
  // Some more than min-p leaves: the weights decide.
  const float deepest = by_min_p ? -std::log(settings_.min_p) * 1.001f + 0.001f : kInfinity;
  double needed = 0.0;
  if (by_top_p) {
    needed = static_cast<double>(settings_.top_p) * selection_.total_weight(settings_.temperature);
  } else if (!by_min_p) {
    needed = random_share() * selection_.total_weight(settings_.temperature);
  }
  for (const float step : kDepths) {
    const float depth = by_top_p || !by_min_p ? std::min(step, deepest) : deepest;
    selection_.keep_from(selection_.largest() - depth * settings_.temperature, candidates_);
    weigh_candidates();
    double sum = 0.0;
    std::size_t kept = 0;
    bool enough = false;
    while (kept < weights_.size() && !enough) {
      sum += weights_[kept++];
      enough = by_top_p ? sum >= needed : !by_min_p && sum > needed;
    }
    if (!enough && depth < deepest && depth < kInfinity) continue;
    if (!by_top_p && !by_min_p) return candidates_[kept - 1].id;
    return draw(cut_by_min_p(kept));
  }
  return selection_.likeliest();
}

std::int32_t Sampler::next(std::span<const float> logits, std::span<const std::int32_t> history) {
  if (changes_logits()) {
    logits_.assign(logits.begin(), logits.end());
    for (const auto& [id, bias] : settings_.logit_bias) {
      if (id >= 0 && static_cast<std::size_t>(id) < logits_.size()) logits_[static_cast<std::size_t>(id)] += bias;
    }
    apply_penalties(history);
    logits = logits_;
  }
  selection_.look_at(logits);
  if (settings_.temperature == 0.0f || !std::isfinite(selection_.largest())) return selection_.likeliest();
  const bool top_k = settings_.top_k > 0 && static_cast<std::size_t>(settings_.top_k) < logits.size();
  return top_k ? draw_from_top() : draw_from_all();
}

}  // namespace galago::runtime
