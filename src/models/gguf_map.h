// How GGUF files of decoders say what Hugging Face's do: metadata as config keys, and the names of tensors.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/json.h"
#include "formats/checkpoint.h"
#include "models/tensor_rules.h"

namespace galago::models {

// Metadata under the architecture's prefix ("llama."). Notes what was asked for, so that keys which change the numbers
// and were not understood can be refused.
class GgufKeys {
 public:
  explicit GgufKeys(const formats::Checkpoint& checkpoint)
      : checkpoint_(checkpoint), metadata_(checkpoint.metadata()), prefix_(checkpoint.architecture() + ".") {}

  const formats::Checkpoint& checkpoint() const { return checkpoint_; }
  bool has(std::string_view key) const { return metadata_.contains(full(key)); }
  Result<std::int64_t> integer(std::string_view key);
  Result<std::int64_t> integer(std::string_view key, std::int64_t fallback);
  // Finite, or an error.
  Result<double> number(std::string_view key, double fallback);
  Result<bool> flag(std::string_view key, bool fallback);
  Result<std::string_view> string(std::string_view key, std::string_view fallback);
  // A number, or the common value of an array with one number for each layer.
  Result<std::int64_t> uniform(std::string_view key);

  // Fails on a key that changes what the model computes, holds more than its neutral value, and was not asked for.
  Status refuse_unread() const;

 private:
  std::string full(std::string_view key) const { return prefix_ + std::string(key); }
  std::string note(std::string_view key);

  const formats::Checkpoint& checkpoint_;
  const formats::GgufMetadata& metadata_;
  std::string prefix_;
  std::set<std::string, std::less<>> asked_;  // without the prefix
};

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
