#include "models/model_source.h"

#include "base/error.h"
#include "base/try.h"
#include "ops/executor.h"

namespace galago::models {
namespace {

Tensor as_tensor(const formats::StoredTensor& stored) {
  if (!stored.packed.empty()) {
    return Tensor::packed(stored.dtype, Shape::of(stored.shape), stored.packed, stored.file).with_name(stored.name);
  }
  return Tensor::view(stored.dtype, Shape::of(stored.shape), stored.data, stored.file).with_name(stored.name);
}

// A bias in another order, as f32: its elements are what the rows of a weight are.
Tensor reordered_values(const Tensor& stored, const std::vector<std::int32_t>& order) {
  Tensor values = Tensor::zeros({static_cast<std::int64_t>(order.size())});
  if (!values.ok()) return values;
  std::vector<float> decoded(order.size());
  ops::view_of(stored).decode_row(0, decoded.data());
  auto* out = reinterpret_cast<float*>(values.mutable_bytes().data());
  for (std::size_t i = 0; i < order.size(); ++i) out[i] = decoded[static_cast<std::size_t>(order[i])];
  return values;
}

}  // namespace

CheckpointWeights::CheckpointWeights(std::shared_ptr<const formats::Checkpoint> checkpoint, const GgufMap* gguf,
                                     Json config, NamePrefixes prefixes)
    : checkpoint_(std::move(checkpoint)), gguf_(gguf), config_(std::move(config)), prefixes_(std::move(prefixes)) {}

std::string CheckpointWeights::description() const { return checkpoint_->path().string(); }

const formats::StoredTensor* CheckpointWeights::stored(std::string_view name) const {
  if (const auto* found = checkpoint_->find(name)) return found;
  for (const auto& [asked, published] : prefixes_) {
    if (!name.starts_with(asked)) continue;
    if (const auto* found = checkpoint_->find(published + std::string(name.substr(asked.size())))) return found;
  }
  return nullptr;
}

Result<std::optional<Tensor>> CheckpointWeights::find(std::string_view name) const {
  if (gguf_ != nullptr) return find_gguf(name);
  const formats::StoredTensor* found = stored(name);
  if (found != nullptr) return std::optional(as_tensor(*found));
  for (const formats::UnsupportedTensor& unsupported : checkpoint_->unsupported_tensors()) {
    if (unsupported.name == name) return checkpoint_->tensor(name).error();
  }
  return std::optional<Tensor>();
}

Result<std::optional<Tensor>> CheckpointWeights::find_gguf(std::string_view name) const {
  const auto matched = match(gguf_->names, name);
  if (!matched) return std::optional<Tensor>();
  const formats::StoredTensor* found = checkpoint_->find(matched->gguf_name);
  if (found == nullptr) return std::optional<Tensor>();
  Tensor tensor = as_tensor(*found);
  if (!tensor.ok() || matched->entry->transform == RowTransform::kNone) return std::optional(tensor);
  GALAGO_TRY(const std::int64_t n_heads, get_int(config_, matched->entry->heads_key, 0, description()));
  GALAGO_TRY(const RowOrder order, rope_pairs_order(tensor.size(0), n_heads, matched->gguf_name));
  if (tensor.shape().rank() == 1) return std::optional(reordered_values(tensor, *order));
  return std::optional(tensor.with_rows(order));
}

}  // namespace galago::models
