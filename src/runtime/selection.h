// Finds the likeliest of many tokens without sorting them all. Logits may be NaN, which nothing finds, or infinite.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace galago::runtime {

struct Candidate {
  float logit;
  std::int32_t id;
};

// Likelier first; equal logits in the order of their ids.
void sort_likeliest_first(std::vector<Candidate>& candidates);

// Looks at logits in chunks, of which it keeps the largest value: whole chunks are passed over afterwards.
class Selection {
 public:
  explicit Selection(std::int64_t most_logits);

  // To be called first; the logits must stay. Allocates nothing up to `most_logits`.
  void look_at(std::span<const float> logits);
  // The largest logit; -infinity when all are NaN.
  float largest() const { return largest_; }
  // The lowest id with the largest logit; 0 when all are NaN.
  std::int32_t likeliest() const;

  // The k likeliest, sorted. k > 0.
  void keep_top(std::size_t k, std::vector<Candidate>& candidates);
  // All whose logit is at least `least`, sorted.
  void keep_from(float least, std::vector<Candidate>& candidates) const;
  // The sum of exp((logit - largest) / temperature) to some 1e-7 of it; the same on every machine.
  double total_weight(float temperature) const;

 private:
  void gather(float least, std::vector<Candidate>& candidates) const;

  std::span<const float> logits_;
  std::vector<float> maxima_;   // of each chunk
  std::vector<float> ordered_;  // the same, to find the k-th in
  float largest_ = 0.0f;
};

}  // namespace galago::runtime
