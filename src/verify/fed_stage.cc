#include "verify/fed_stage.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "nn/tap.h"

namespace galago::verify {

Result<StagePlace> find_stage(const models::Model& model, const models::EntryLimits& limits, const std::string& stage) {
  std::vector<std::string> names;
  for (const models::Entry& entry : model.entries(limits)) {
    GALAGO_TRY(const graph::Graph plain, models::trace_entry(model, entry, /*taps=*/false));
    GALAGO_TRY(const graph::Graph tapped, models::trace_entry(model, entry, /*taps=*/true));
    for (std::size_t i = 0; i < tapped.outputs.size(); ++i) {
      names.push_back(tapped.output_names[i]);
      if (tapped.output_names[i] != stage) continue;
      return StagePlace{entry.name, tapped.value(tapped.outputs[i]).type, i < plain.outputs.size()};
    }
  }
  return error(ErrorCode::kNotFound, "the model has no stage \"{}\" to go on from; it has {}", stage,
               fmt::join(names, ", "));
}

FedModel::FedModel(const models::Model& inner, StagePlace place, std::string stage)
    : inner_(inner), place_(std::move(place)), stage_(std::move(stage)) {
  info_ = inner.info();
  states_ = inner.states();
}

std::vector<models::Entry> FedModel::entries(const models::EntryLimits& limits) const {
  std::vector<models::Entry> entries = inner_.entries(limits);
  for (models::Entry& entry : entries) {
    if (entry.name != place_.entry) continue;
    entry.inputs.push_back({stage_, place_.type});
    entry.forward = [forward = std::move(entry.forward), stage = stage_](const graph::TracedInputs& in) {
      const nn::TapOverride fed(stage, in[stage]);
      return forward(in);
    };
  }
  return entries;
}

FedExecutor::FedExecutor(std::unique_ptr<runtime::EntryExecutor> inner, const StagePlace& place, Tensor values)
    : inner_(std::move(inner)),
      entry_(inner_->find(place.entry)),
      type_(place.type),
      values_(std::move(values)),
      inputs_(inner_->inputs(entry_)) {
  inputs_.pop_back();
}

Status FedExecutor::run(int entry, std::span<const std::int64_t> symbols, std::span<const std::byte* const> inputs,
                        const ops::StepView* step) {
  if (entry != entry_) return inner_->run(entry, symbols, inputs, step);
  SymbolValues values;
  const auto& names = inner_->symbols(entry);
  for (std::size_t i = 0; i < names.size(); ++i) GALAGO_CHECK(values.bind(names[i].name, symbols[i]));
  GALAGO_TRY(const std::vector<std::int64_t> sizes, type_.shape.resolve(values));
  std::size_t needed = 1;
  for (const std::int64_t size : sizes) needed *= static_cast<std::size_t>(size);
  std::size_t first = taken_;
  if (step != nullptr && step->n_rows > 0) {
    first = needed / static_cast<std::size_t>(step->n_rows) * static_cast<std::size_t>(step->position[0]);
  }
  const std::span<const float> all = values_.floats();
  if (first + needed > all.size()) {
    return error(ErrorCode::kInvalidArgument, "the stage that is fed has the shape {}; {} for each run is expected",
                 values_.shape().to_string(), type_.to_string());
  }
  taken_ = first + needed;
  std::vector<const std::byte*> more(inputs.begin(), inputs.end());
  more.push_back(reinterpret_cast<const std::byte*>(all.data() + first));
  return inner_->run(entry, symbols, more, step);
}

}  // namespace galago::verify
