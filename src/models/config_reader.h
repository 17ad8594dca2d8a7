// Reads a model's configuration (config.json or a part of it) with checks of types and ranges. Errors name the
// checkpoint, the key, what was found and what is expected.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "nn/activation.h"

namespace galago::models {

// Far above any published model, and small enough that products of two cannot overflow.
inline constexpr std::int64_t kMaxSize = std::int64_t{1} << 28;
inline constexpr std::int64_t kMaxLayers = 4096;

// The configuration, with values for keys that it lacks: what the original's class has by default. Null is a value.
Json with_defaults(Json config, const std::vector<std::pair<std::string_view, Json>>& defaults);

// Borrows the configuration. A key that is null counts as absent.
class ConfigReader {
 public:
  // `source` names the checkpoint in errors.
  ConfigReader(const Json& config, std::string source) : config_(config), source_(std::move(source)) {}

  const Json& json() const { return config_; }
  const std::string& source() const { return source_; }
  bool has(std::string_view key) const { return find(config_, key) != nullptr; }

  // A size in [1, most]; an absent key gives the fallback, or an error when that is 0.
  Result<std::int64_t> size(std::string_view key, std::int64_t fallback, std::int64_t most = kMaxSize) const;
  // An integer in [least, most]; an absent key gives the fallback as it is.
  Result<std::int64_t> integer(std::string_view key, std::int64_t fallback, std::int64_t least,
                               std::int64_t most) const;
  // A finite number, a positive one, and a positive one as float.
  Result<double> number(std::string_view key, double fallback) const;
  Result<double> positive(std::string_view key, double fallback) const;
  Result<float> positive_float(std::string_view key, double fallback) const;
  // A positive number, or 0 where null says that there is none; an absent key gives the fallback.
  Result<float> positive_or_none(std::string_view key, double fallback) const;
  Result<bool> boolean(std::string_view key, bool fallback) const;
  Result<std::string> string(std::string_view key, std::string_view fallback) const;
  Result<nn::Activation> activation(std::string_view key, std::string_view fallback) const;
  // Lists; empty where the key is absent.
  Result<std::vector<double>> numbers(std::string_view key) const;
  Result<std::vector<std::int64_t>> integers(std::string_view key, std::int64_t least, std::int64_t most) const;
  Result<std::vector<std::string>> strings(std::string_view key) const;
  // The object under a key ("text_config"); the second gives nothing where it is absent.
  Result<ConfigReader> object(std::string_view key) const;
  Result<std::optional<ConfigReader>> optional_object(std::string_view key) const;

 private:
  Result<const Json*> list(std::string_view key) const;
  Error out_of_range(std::string_view key, std::int64_t value, std::int64_t least, std::int64_t most) const;

  const Json& config_;
  std::string source_;
};

}  // namespace galago::models
