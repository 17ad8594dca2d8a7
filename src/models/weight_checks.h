// What would give wrong numbers without a word: weights that are quantized in a way that is not understood.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/json.h"
#include "formats/checkpoint.h"

namespace galago::models {

// Fails when a "quantization_config" (or "compression_config"), also that of a part of the model, says that weights are
// quantized by a method that is none of `understood`.
Status check_quantization(const Json& config, std::span<const std::string_view> understood, std::string_view where);

// Fails on a tensor of integers, which are codes of a quantization.
Status refuse_integers(const formats::StoredTensor& tensor, std::string_view where);

// Fails on a tensor outside `asked` (names) that belongs to a quantization: a scale, a zero point. Logs the names of
// others, as a warning where tensors of the same kind were asked for, which are then layers too many.
Status check_unread(const formats::Checkpoint& checkpoint, const std::unordered_set<std::string_view>& asked);

}  // namespace galago::models
