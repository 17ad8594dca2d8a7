#include "models/model_source.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "formats/quote.h"
#include "models/weight_checks.h"

namespace galago::models {
namespace {

constexpr std::string_view kBasePrefix = "model.";

Tensor as_tensor(const formats::StoredTensor& stored) {
  if (!stored.packed.empty()) {
    return Tensor::packed(stored.dtype, Shape::of(stored.shape), stored.packed, stored.file).with_name(stored.name);
  }
  return Tensor::view(stored.dtype, Shape::of(stored.shape), stored.data, stored.file).with_name(stored.name);
}

std::vector<std::int64_t> numbers_of(const std::vector<std::string>& matched) {
  std::vector<std::int64_t> numbers;
  for (const std::string& text : matched) {
    if (text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos)
      numbers.push_back(std::stoi(text));
  }
  return numbers;
}

}  // namespace

CheckpointWeights::CheckpointWeights(std::shared_ptr<const formats::Checkpoint> checkpoint, TensorRules rules,
                                     Json config)
    : checkpoint_(std::move(checkpoint)),
      rules_(std::move(rules)),
      container_(checkpoint_->format() == formats::ContainerFormat::kGguf ? Container::kGguf : Container::kHuggingFace),
      config_(std::move(config)) {}

std::string CheckpointWeights::description() const { return checkpoint_->path().string(); }

bool CheckpointWeights::is_there(std::string_view name) const {
  return checkpoint_->find(name) != nullptr ||
         std::ranges::find(checkpoint_->unsupported_tensors(), name, &formats::UnsupportedTensor::name) !=
             checkpoint_->unsupported_tensors().end();
}

Result<Tensor> CheckpointWeights::take(std::string_view name, bool takes_integers) const {
  GALAGO_TRY(const formats::StoredTensor* stored, checkpoint_->tensor(name));
  if (!takes_integers) GALAGO_CHECK(refuse_integers(*stored, description()));
  asked_.insert(stored->name);
  return as_tensor(*stored);
}

Result<std::optional<Tensor>> CheckpointWeights::find(std::string_view name) const {
  for (const TensorRule& rule : rules_) {
    if (rule.container != Container::kAny && rule.container != container_) continue;
    const auto matched = match(rule.name, name);
    if (!matched) continue;
    const auto names = source_names(rule, *matched, [this](std::string_view source) { return is_there(source); });
    if (!names) continue;
    std::vector<Tensor> sources;
    for (const std::string& source : *names) {
      GALAGO_TRY(sources.emplace_back(), take(source, rule.takes_integers));
      if (!sources.back().ok()) return sources.back().error();
    }
    if (!rule.transform) return std::optional(std::move(sources.front()));
    const RuleCall call{config_, description(), std::string(name), numbers_of(*matched)};
    GALAGO_TRY(Tensor made, rule.transform(std::move(sources), call));
    return std::optional(std::move(made));
  }
  std::string_view own = name;
  if (!is_there(own) && container_ == Container::kHuggingFace && own.starts_with(kBasePrefix)) {
    own.remove_prefix(kBasePrefix.size());
  }
  if (!is_there(own)) return std::optional<Tensor>();
  GALAGO_TRY(Tensor tensor, take(own, /*takes_integers=*/false));
  return std::optional(std::move(tensor));
}

Status CheckpointWeights::check_unread() const { return models::check_unread(*checkpoint_, asked_); }

}  // namespace galago::models
