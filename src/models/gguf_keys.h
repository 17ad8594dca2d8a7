// The metadata of a GGUF file as architectures ask for it.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "formats/checkpoint.h"

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

}  // namespace galago::models
