#include "runtime/selection.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace galago::runtime {
namespace {

// Columns of a chunk are independent, so that the compiler makes vectors of them: reductions of floats it may not
// reorder.
constexpr std::size_t kSelectionLanes = 16;
constexpr std::size_t kSelectionChunk = 128;
constexpr float kNothing = -std::numeric_limits<float>::infinity();

// NaN compares false and is passed over.
float largest_of(const float* x, std::size_t n) {
  float lanes[kSelectionLanes];
  std::fill_n(lanes, kSelectionLanes, kNothing);
  std::size_t i = 0;
  for (; i + kSelectionLanes <= n; i += kSelectionLanes) {
    for (std::size_t j = 0; j < kSelectionLanes; ++j) lanes[j] = x[i + j] > lanes[j] ? x[i + j] : lanes[j];
  }
  for (std::size_t j = 0; i + j < n; ++j) lanes[j] = x[i + j] > lanes[j] ? x[i + j] : lanes[j];
  float largest = kNothing;
  for (const float lane : lanes) largest = lane > largest ? lane : largest;
  return largest;
}

// exp(x) for x <= 0 to 2e-7; below -87, and of NaN, some 1e-38. Cody and Waite's reduction and the Taylor polynomial on
// [-ln(2) / 2, ln(2) / 2]: additions and multiplications alone, so every machine computes the same.
inline float exp_of_negative(float x) {
  x = x > -87.0f ? x : -87.0f;
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves an integer in the low bits
  const float shifted = x * 1.44269504f + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const std::uint32_t power = (std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(kRound)) << 23;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(p) + power);
}

// Of at most a chunk.
double weight_of(const float* x, std::size_t n, float largest, float per_temperature) {
  float weights[kSelectionChunk] = {};
  for (std::size_t i = 0; i < n; ++i) weights[i] = exp_of_negative((x[i] - largest) * per_temperature);
  float lanes[kSelectionLanes] = {};
  for (std::size_t i = 0; i < kSelectionChunk; i += kSelectionLanes) {
    for (std::size_t j = 0; j < kSelectionLanes; ++j) lanes[j] += weights[i + j];
  }
  double sum = 0.0;
  for (const float lane : lanes) sum += double{lane};
  return sum;
}

bool likelier(const Candidate& a, const Candidate& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

}  // namespace

void sort_likeliest_first(std::vector<Candidate>& candidates) {
  std::sort(candidates.begin(), candidates.end(), likelier);
}

Selection::Selection(std::int64_t most_logits) {
  const std::size_t chunks = (static_cast<std::size_t>(most_logits) + kSelectionChunk - 1) / kSelectionChunk;
  maxima_.reserve(chunks);
  ordered_.reserve(chunks);
}

void Selection::look_at(std::span<const float> logits) {
  logits_ = logits;
  maxima_.clear();
  for (std::size_t i = 0; i < logits.size(); i += kSelectionChunk) {
    maxima_.push_back(largest_of(logits.data() + i, std::min(kSelectionChunk, logits.size() - i)));
  }
  largest_ = largest_of(maxima_.data(), maxima_.size());
}

std::int32_t Selection::likeliest() const {
  const auto chunk = std::find(maxima_.begin(), maxima_.end(), largest_) - maxima_.begin();
  const auto first =
      logits_.begin() + std::min(chunk * static_cast<std::ptrdiff_t>(kSelectionChunk), std::ssize(logits_));
  const auto found = std::find(first, logits_.end(), largest_);
  return found == logits_.end() ? 0 : static_cast<std::int32_t>(found - logits_.begin());
}

void Selection::gather(float least, std::vector<Candidate>& candidates) const {
  candidates.clear();
  for (std::size_t chunk = 0; chunk < maxima_.size(); ++chunk) {
    if (!(maxima_[chunk] >= least)) continue;
    const std::size_t last = std::min(logits_.size(), (chunk + 1) * kSelectionChunk);
    for (std::size_t i = chunk * kSelectionChunk; i < last; ++i) {
      if (logits_[i] >= least) candidates.push_back({logits_[i], static_cast<std::int32_t>(i)});
    }
  }
}

// The k-th largest of the chunks' maxima is at most the k-th largest logit: all that are searched for are at least
// that.
void Selection::keep_top(std::size_t k, std::vector<Candidate>& candidates) {
  float least = kNothing;
  if (k <= maxima_.size()) {
    ordered_.assign(maxima_.begin(), maxima_.end());
    const auto kth = ordered_.begin() + static_cast<std::ptrdiff_t>(k) - 1;
    std::nth_element(ordered_.begin(), kth, ordered_.end(), std::greater<>());
    least = *kth;
  }
  gather(least, candidates);
  if (k < candidates.size()) {
    std::nth_element(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(k), candidates.end(),
                     likelier);
    candidates.resize(k);
  }
  sort_likeliest_first(candidates);
}

void Selection::keep_from(float least, std::vector<Candidate>& candidates) const {
  gather(least, candidates);
  sort_likeliest_first(candidates);
}

double Selection::total_weight(float temperature) const {
  double total = 0.0;
  for (std::size_t i = 0; i < logits_.size(); i += kSelectionChunk) {
    total += weight_of(logits_.data() + i, std::min(kSelectionChunk, logits_.size() - i), largest_, 1.0f / temperature);
  }
  return total;
}

}  // namespace galago::runtime
