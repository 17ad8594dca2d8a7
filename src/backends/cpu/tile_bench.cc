#include "backends/cpu/tile_bench.h"

#include <algorithm>

#include "backends/cpu/kernel_table.h"
#include "base/clock.h"
#include "base/median.h"

namespace galago::cpu {
namespace {

constexpr double kLeastSeconds = 0.01;

struct TrialRun {
  const TileTrial* trial;
  TileSpeed* speed;
  std::int64_t passes;
  std::vector<double> rates;
};

double seconds_of(const TileTrial& trial, std::int64_t passes) {
  const auto begin = Clock::now();
  trial.run(passes);
  return std::max(seconds_since(begin), 1e-9);
}

// Passes that take long enough for the clock.
std::int64_t calibrate(const TileTrial& trial) {
  std::int64_t passes = 1;
  while (seconds_of(trial, passes) < kLeastSeconds && passes < (std::int64_t{1} << 40)) passes *= 2;
  return passes;
}

TileMeasurement describe(const KernelTable& table, const char* kernel, const TileTrial* trials) {
  TileMeasurement measured{table.isa, kernel, {}};
  for (int i = 0; i < kTileTrials; ++i) measured.speeds.push_back({trials[i].tile, 0.0, i == kChosenTileTrial});
  return measured;
}

}  // namespace

std::vector<TileMeasurement> measure_tiles(int rounds, const std::function<void(int, int)>& progress) {
  std::vector<TileMeasurement> measured;
  std::vector<const TileTrial*> trials;
  for (const KernelTable* table : available_kernels()) {
    if (table->linear_bf16 != nullptr) continue;  // its own tiles are those of the matrix unit
    measured.push_back(describe(*table, "int8", table->int8_trials));
    measured.push_back(describe(*table, "f32", table->f32_trials));
    trials.insert(trials.end(), {table->int8_trials, table->f32_trials});
  }
  std::vector<TrialRun> runs;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    for (int k = 0; k < kTileTrials; ++k) {
      runs.push_back({trials[i] + k, &measured[i].speeds[static_cast<std::size_t>(k)], calibrate(trials[i][k]), {}});
    }
  }
  for (int round = 0; round < rounds; ++round) {
    for (TrialRun& run : runs) {
      const auto work = static_cast<double>(run.passes * run.trial->multiply_adds);
      run.rates.push_back(work / seconds_of(*run.trial, run.passes));
    }
    if (progress) progress(round + 1, rounds);
  }
  for (TrialRun& run : runs) run.speed->multiply_adds_per_second = median(run.rates);
  return measured;
}

}  // namespace galago::cpu
