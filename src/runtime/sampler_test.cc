#include "runtime/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <vector>

#include "runtime/stop_matcher.h"

namespace galago::runtime {
namespace {

SamplingSettings settings_of(const SamplingOptions& options) { return settle(options, {}).value(); }

// How often each token is drawn in 20,000 draws.
std::map<int, double> shares(const SamplingOptions& options, std::span<const float> logits,
                             std::span<const std::int32_t> history = {}) {
  Sampler sampler(settings_of(options), static_cast<std::int64_t>(logits.size()));
  std::map<int, double> counts;
  for (int i = 0; i < 20000; ++i) counts[sampler.next(logits, history)] += 1.0 / 20000;
  return counts;
}

const std::array<float, 4> kLogits = {std::log(0.5f), std::log(0.3f), std::log(0.15f), std::log(0.05f)};
constexpr SamplingOptions kPlain{.temperature = 1.0f, .top_k = 0, .top_p = 1.0f, .min_p = 0.0f};

TEST(Sampler, DrawsByProbability) {
  SamplingOptions options = kPlain;
  options.seed = 1;
  auto drawn = shares(options, kLogits);
  EXPECT_NEAR(drawn[0], 0.5, 0.02);
  EXPECT_NEAR(drawn[1], 0.3, 0.02);
  EXPECT_NEAR(drawn[3], 0.05, 0.01);
}

TEST(Sampler, CutsByTopKTopPAndMinP) {
  SamplingOptions top_k = kPlain;
  top_k.seed = 1;
  top_k.top_k = 2;
  EXPECT_EQ(shares(top_k, kLogits).size(), 2u);
  SamplingOptions top_p = kPlain;
  top_p.seed = 1;
  top_p.top_p = 0.75f;
  EXPECT_EQ(shares(top_p, kLogits).size(), 2u);
  SamplingOptions min_p = kPlain;
  min_p.seed = 1;
  min_p.min_p = 0.2f;  // of 0.5: tokens below 0.1 go
  EXPECT_EQ(shares(min_p, kLogits).size(), 3u);
  SamplingOptions cold = kPlain;
  cold.temperature = 0.0f;
  EXPECT_EQ(shares(cold, kLogits).size(), 1u);
}

TEST(Sampler, RepeatsWithTheSameSeedOnly) {
  SamplingOptions options = kPlain;
  options.seed = 7;
  Sampler a(settings_of(options), 4), b(settings_of(options), 4);
  options.seed = 8;
  Sampler c(settings_of(options), 4);
  int same = 0;
  for (int i = 0; i < 100; ++i) {
    const auto token = a.next(kLogits, {});
    EXPECT_EQ(token, b.next(kLogits, {}));
    same += token == c.next(kLogits, {});
  }
  EXPECT_LT(same, 80);
}

TEST(Sampler, PenalizesWhatWasSeenAndAddsBias) {
  const std::array<float, 3> logits = {2.0f, 1.9f, -1.0f};
  const std::array<std::int32_t, 3> history = {0, 0, 2};
  SamplingOptions greedy{.temperature = 0.0f};
  greedy.repetition_penalty = 1.5f;
  EXPECT_EQ(Sampler(settings_of(greedy), 3).next(logits, history), 1);
  SamplingOptions presence{.temperature = 0.0f, .presence_penalty = 0.2f};
  EXPECT_EQ(Sampler(settings_of(presence), 3).next(logits, history), 1);
  SamplingOptions frequency{.temperature = 0.0f, .frequency_penalty = 0.04f};
  EXPECT_EQ(Sampler(settings_of(frequency), 3).next(logits, history), 0) << "0.08 is less than the lead of 0.1";
  frequency.frequency_penalty = 0.06f;
  EXPECT_EQ(Sampler(settings_of(frequency), 3).next(logits, history), 1) << "counted twice";
  frequency.penalty_window = 1;
  EXPECT_EQ(Sampler(settings_of(frequency), 3).next(logits, history), 0) << "only the last token counts";
  SamplingOptions bias{.temperature = 0.0f, .logit_bias = {{2, 10.0f}, {99, 1.0f}, {-1, 1.0f}}};
  EXPECT_EQ(Sampler(settings_of(bias), 3).next(logits, {}), 2);
}

TEST(Sampler, NeverChoosesNaN) {
  const std::array<float, 3> logits = {std::numeric_limits<float>::quiet_NaN(), 0.0f, 1.0f};
  SamplingOptions options = kPlain;
  options.seed = 3;
  EXPECT_EQ(shares(options, logits).count(0), 0u);
}

// What next() is defined to do, by sorting everything.
class FullSort {
 public:
  explicit FullSort(SamplingSettings settings) : settings_(std::move(settings)), random_(settings_.seed) {}

  std::int32_t next(std::span<const float> logits) {
    std::vector<std::pair<float, std::int32_t>> sorted;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (!std::isnan(logits[i])) sorted.emplace_back(-logits[i], static_cast<std::int32_t>(i));
    }
    std::sort(sorted.begin(), sorted.end());
    if (settings_.temperature == 0.0f) return sorted[0].second;
    if (settings_.top_k > 0 && sorted.size() > static_cast<std::size_t>(settings_.top_k)) {
      sorted.resize(static_cast<std::size_t>(settings_.top_k));
    }
    std::vector<float> weights;
    double total = 0.0, sum = 0.0;
    for (const auto& [negative, id] : sorted) {
      weights.push_back(std::exp((sorted[0].first - negative) / settings_.temperature));
      total += double{weights.back()};
    }
    std::size_t kept = 0;
    while (kept < weights.size() && (kept == 0 || settings_.top_p >= 1.0f || sum < double{settings_.top_p} * total)) {
      sum += double{weights[kept++]};
    }
    while (kept > 1 && weights[kept - 1] < settings_.min_p * weights[0]) --kept;
    double left = 0.0;
    for (std::size_t i = 0; i < kept; ++i) left += double{weights[i]};
    left *= static_cast<double>(random_() >> 11) * 0x1.0p-53;
    for (std::size_t i = 0; i < kept; ++i) {
      left -= double{weights[i]};
      if (left < 0.0) return sorted[i].second;
    }
    return sorted[kept - 1].second;
  }

 private:
  SamplingSettings settings_;
  std::mt19937_64 random_;
};

// Logits as models give them, flat ones, few different ones, and some that are no numbers.
std::vector<float> random_logits(std::mt19937& random) {
  std::vector<float> logits(1 + random() % 3000);
  const float scale = static_cast<float>(random() % 5);
  const bool ties = random() % 2 == 0;
  std::normal_distribution<float> normal(0.0f, 1.0f);
  for (float& logit : logits) {
    logit = normal(random) * scale;
    if (ties) logit = std::round(logit);
    if (random() % 200 == 0) logit = -std::numeric_limits<float>::infinity();
  }
  for (int i = 0; i < 3; ++i) logits[random() % logits.size()] = std::numeric_limits<float>::quiet_NaN();
  logits[random() % logits.size()] = 3.0f;  // one that can be chosen
  return logits;
}

TEST(Sampler, ChoosesAsSortingEverythingWould) {
  std::mt19937 random(11);
  for (int round = 0; round < 1500; ++round) {
    const std::vector<float> logits = random_logits(random);
    SamplingSettings settings;
    settings.temperature = std::array{0.0f, 0.3f, 1.0f, 2.0f}[random() % 4];
    settings.top_k = std::array{0, 1, 5, 40, 700, 5000}[random() % 6];
    settings.top_p = std::array{0.0f, 0.3f, 0.95f, 1.0f}[random() % 4];
    settings.min_p = std::array{0.0f, 0.05f, 1.0f}[random() % 3];
    settings.seed = random();
    FullSort reference(settings);
    Sampler sampler(settings, static_cast<std::int64_t>(logits.size()));
    for (int i = 0; i < 5; ++i) {
      ASSERT_EQ(sampler.next(logits, {}), reference.next(logits))
          << "round " << round << ": " << logits.size() << " logits, temperature " << settings.temperature << ", top-k "
          << settings.top_k << ", top-p " << settings.top_p << ", min-p " << settings.min_p;
    }
  }
}

TEST(Sampler, ChoosesSomethingWhateverTheLogits) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();
  for (const float temperature : {0.0f, 1.0f}) {
    SamplingOptions options = kPlain;
    options.temperature = temperature;
    options.seed = 1;
    Sampler sampler(settings_of(options), 3);
    EXPECT_EQ(sampler.next(std::array{kNaN, kNaN, kNaN}, {}), 0);
    EXPECT_EQ(sampler.next(std::array{-kInf, -kInf, -kInf}, {}), 0);
    EXPECT_EQ(sampler.next(std::array{0.0f, kInf, kInf}, {}), 1);
    EXPECT_EQ(sampler.next(std::array{kNaN, -kInf, -3e38f}, {}), 2);
  }
}

TEST(Sampler, NamesAnOptionOutOfRange) {
  const auto failed = settle({.top_p = 1.5f}, {});
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().message, "top_p is 1.5; 0 to 1 are possible");
}

TEST(StopMatcher, HoldsBackWhatMayBecomeAStop) {
  StopMatcher stops({"</end>", "\n\n"});
  EXPECT_EQ(stops.push("Hello <"), "Hello ");
  EXPECT_EQ(stops.push("/e"), "");
  EXPECT_EQ(stops.push("x and\n"), "</ex and");
  EXPECT_FALSE(stops.stopped());
  EXPECT_EQ(stops.push("more</en"), "\nmore");
  EXPECT_EQ(stops.push("d> never"), "");
  EXPECT_TRUE(stops.stopped());
  EXPECT_EQ(stops.push("never"), "");
}

TEST(StopMatcher, GivesTheRestAtTheEnd) {
  StopMatcher stops({"abcabd", ""});
  EXPECT_EQ(stops.push("xabcab"), "x");
  EXPECT_EQ(stops.finish(), "abcab");
  StopMatcher overlapping({"aab"});
  EXPECT_EQ(overlapping.push("aa"), "");
  EXPECT_EQ(overlapping.push("ab!"), "a");
  EXPECT_TRUE(overlapping.stopped());
}

}  // namespace
}  // namespace galago::runtime
