// How GGUF files of decoders say what Hugging Face's do: metadata as config keys, and the names of tensors.
#pragma once

#include <cstdint>

#include "base/json.h"
#include "models/gguf_keys.h"
#include "models/tensor_rules.h"

namespace galago::models {

// What llama.cpp writes for every decoder under its architecture's prefix: sizes, rope, norms, in Hugging Face's keys;
// "rope_divisors" holds the values of a rope_freqs.weight tensor.
Result<Json> decoder_config_from_gguf(GgufKeys& keys);

// In which order the rows of a head's queries and keys are stored.
enum class RopeRows : std::uint8_t {
  kHalves,  // as Hugging Face has them
  kPairs,   // as llama.cpp's converter stores those of llama: transforms::rope_pairs()
};

// Where GGUF files have the tensors of a plain decoder.
TensorRules decoder_gguf_rules(RopeRows rows = RopeRows::kHalves);

}  // namespace galago::models
