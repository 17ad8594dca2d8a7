// Measures choosing a token: microseconds of CPU time for vocabularies of several sizes and for the usual settings,
// median of 200 choices. Logits are a peak of a few likely tokens over a normal distribution, as models give them, and
// a flat distribution, which is the worst there is for settings without top-k.
//
//   sampling_bench
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <vector>

#include "runtime/sampler.h"

namespace galago::runtime {
namespace {

double cpu_microseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

struct Setting {
  const char* name;
  SamplingSettings settings;
};

const std::array<Setting, 7> kSettings = {
    Setting{"greedy", {.temperature = 0.0f}},
    Setting{"defaults (top-k 40, top-p 0.95, min-p 0.05)", {}},
    Setting{"defaults + penalties", {.repetition_penalty = 1.1f, .presence_penalty = 0.1f}},
    Setting{"top-k 1000", {.top_k = 1000, .top_p = 1.0f, .min_p = 0.0f}},
    Setting{"top-p 0.95 alone", {.temperature = 1.0f, .top_k = 0, .min_p = 0.0f}},
    Setting{"min-p 0.05 alone", {.temperature = 1.0f, .top_k = 0, .top_p = 1.0f}},
    Setting{"nothing cut", {.temperature = 1.0f, .top_k = 0, .top_p = 1.0f, .min_p = 0.0f}},
};

std::vector<float> model_like(std::size_t vocab) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0f, 2.5f);
  std::vector<float> logits(vocab);
  for (float& logit : logits) logit = normal(random);
  for (int i = 0; i < 30; ++i) logits[random() % vocab] = 18.0f - static_cast<float>(i) * 0.3f;
  return logits;
}

std::vector<float> flat(std::size_t vocab) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal(0.0f, 0.5f);
  std::vector<float> logits(vocab);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

double median_microseconds(const SamplingSettings& settings, const std::vector<float>& logits) {
  Sampler sampler(settings, static_cast<std::int64_t>(logits.size()));
  const std::vector<std::int32_t> history = {5, 9, 200, 5};
  std::vector<double> times;
  for (int i = 0; i < 200; ++i) {
    const double begin = cpu_microseconds();
    sampler.next(logits, history);
    times.push_back(cpu_microseconds() - begin);
  }
  std::nth_element(times.begin(), times.begin() + 100, times.end());
  return times[100];
}

void measure() {
  for (const std::size_t vocab : {std::size_t{49152}, std::size_t{151936}, std::size_t{262144}}) {
    const std::vector<float> usual = model_like(vocab), worst = flat(vocab);
    std::printf("%zu tokens\n", vocab);
    for (const Setting& setting : kSettings) {
      std::printf("  %-46s %8.1f us   flat %8.1f us\n", setting.name, median_microseconds(setting.settings, usual),
                  median_microseconds(setting.settings, worst));
    }
  }
}

}  // namespace
}  // namespace galago::runtime

int main() { galago::runtime::measure(); }
