#include "runtime/greedy.h"

#include <algorithm>
#include <array>

#include "base/try.h"
#include "runtime/stepper.h"

namespace galago::runtime {

Result<GreedyRun> run_greedily(const Engine& engine, int n) {
  std::array<std::int32_t, 9> prompt{};
  const auto vocabulary = static_cast<std::int32_t>(std::max<std::int64_t>(engine.model().info().vocab_size, 1));
  for (std::size_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<std::int32_t>(i * i * 37 + 1) % vocabulary;
  GALAGO_TRY(StateStore store, engine.make_state(static_cast<std::int64_t>(prompt.size()) + n, std::nullopt));
  Sequence sequence(store);
  GALAGO_TRY(auto executor, engine.make_executor());
  GALAGO_TRY(Stepper stepper, Stepper::create(engine.model(), std::move(executor), store, engine.limits(), 1));
  GreedyRun run;
  StepPart part{.sequence = &sequence, .ids = prompt};
  GALAGO_TRY(std::span<const float> logits, stepper.prefill_all(part, stepper.max_prefill_rows()));
  for (int i = 0; i < n; ++i) {
    run.tokens.push_back(static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    run.logits.assign(logits.begin(), logits.end());
    if (i + 1 == n) break;
    part.ids = std::span(&run.tokens.back(), 1);
    GALAGO_TRY(logits, stepper.decode(std::span(&part, 1)));
  }
  return run;
}

}  // namespace galago::runtime
