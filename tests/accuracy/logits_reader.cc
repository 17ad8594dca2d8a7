#include "logits_reader.h"

#include <algorithm>

#include "base/try.h"

namespace galago::accuracy {

Result<std::unique_ptr<LogitsReader>> LogitsReader::open(const std::filesystem::path& path, const ModelOptions& options,
                                                         std::int64_t context) {
  GALAGO_TRY(auto engine, runtime::Engine::open(path, options));
  GALAGO_TRY(runtime::StateStore state, engine->make_state(context));
  auto store = std::make_unique<runtime::StateStore>(std::move(state));
  GALAGO_TRY(auto executor, engine->make_executor());
  GALAGO_TRY(runtime::Stepper stepper,
             runtime::Stepper::create(engine->model(), std::move(executor), *store, engine->limits(), 1));
  return std::unique_ptr<LogitsReader>(new LogitsReader(std::move(engine), std::move(store), std::move(stepper)));
}

Result<std::vector<float>> LogitsReader::hidden(std::span<const std::int32_t> ids) {
  runtime::Sequence sequence(*store_);
  std::vector<float> all;
  all.reserve(ids.size() * static_cast<std::size_t>(hidden_size()));
  while (!ids.empty()) {
    const std::size_t n = std::min(ids.size(), static_cast<std::size_t>(stepper_.max_prefill_rows()));
    const runtime::StepPart part = {.sequence = &sequence, .ids = ids.first(n), .wants_all = true};
    GALAGO_TRY(const auto rows, stepper_.prefill(std::span(&part, 1)));
    all.insert(all.end(), rows.begin(), rows.end());
    ids = ids.subspan(n);
  }
  return all;
}

}  // namespace galago::accuracy
