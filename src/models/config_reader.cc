#include "models/config_reader.h"

#include <cmath>

#include "base/error.h"
#include "base/try.h"

namespace galago::models {

Json with_defaults(Json config, const std::vector<std::pair<std::string_view, Json>>& defaults) {
  for (const auto& [key, value] : defaults) {
    if (!config.contains(key)) config[std::string(key)] = value;
  }
  return config;
}

Error ConfigReader::out_of_range(std::string_view key, std::int64_t value, std::int64_t least,
                                 std::int64_t most) const {
  return error(ErrorCode::kCorrupt, "{}: \"{}\" is {}; {} to {} are expected", source_, key, value, least, most);
}

Result<std::int64_t> ConfigReader::size(std::string_view key, std::int64_t fallback, std::int64_t most) const {
  if (fallback == 0 && !has(key)) {
    return error(ErrorCode::kCorrupt, "{}: the configuration lacks \"{}\"", source_, key);
  }
  GALAGO_TRY(const std::int64_t value, get_int(config_, key, fallback, source_));
  if (value < 1 || value > most) return out_of_range(key, value, 1, most);
  return value;
}

Result<std::int64_t> ConfigReader::integer(std::string_view key, std::int64_t fallback, std::int64_t least,
                                           std::int64_t most) const {
  if (!has(key)) return fallback;
  GALAGO_TRY(const std::int64_t value, get_int(config_, key, fallback, source_));
  if (value < least || value > most) return out_of_range(key, value, least, most);
  return value;
}

Result<double> ConfigReader::number(std::string_view key, double fallback) const {
  GALAGO_TRY(const double value, get_number(config_, key, fallback, source_));
  if (std::isfinite(value)) return value;
  return error(ErrorCode::kCorrupt, "{}: \"{}\" is {}; a finite number is expected", source_, key, value);
}

Result<double> ConfigReader::positive(std::string_view key, double fallback) const {
  GALAGO_TRY(const double value, number(key, fallback));
  if (value > 0.0) return value;
  return error(ErrorCode::kCorrupt, "{}: \"{}\" is {}; a positive number is expected", source_, key, value);
}

Result<float> ConfigReader::positive_float(std::string_view key, double fallback) const {
  GALAGO_TRY(const double value, positive(key, fallback));
  return static_cast<float>(value);
}

Result<float> ConfigReader::positive_or_none(std::string_view key, double fallback) const {
  if (!has(key) && config_.is_object() && config_.contains(key)) return 0.0f;
  return positive_float(key, fallback);
}

Result<bool> ConfigReader::boolean(std::string_view key, bool fallback) const {
  return get_bool(config_, key, fallback, source_);
}

Result<std::string> ConfigReader::string(std::string_view key, std::string_view fallback) const {
  return get_string(config_, key, std::string(fallback), source_);
}

Result<nn::Activation> ConfigReader::activation(std::string_view key, std::string_view fallback) const {
  GALAGO_TRY(const std::string name, string(key, fallback));
  auto activation = nn::activation_of(name);
  if (activation.ok()) return *activation;
  return error(activation.error().code, "{}: \"{}\": {}", source_, key, activation.error().message);
}

Result<const Json*> ConfigReader::list(std::string_view key) const {
  const Json* value = find(config_, key);
  if (value == nullptr || value->is_array()) return value;
  return error(ErrorCode::kCorrupt, "{}: \"{}\" is {}; a list is expected", source_, key, value->type_name());
}

Result<std::vector<double>> ConfigReader::numbers(std::string_view key) const {
  GALAGO_TRY(const Json* const value, list(key));
  std::vector<double> numbers;
  if (value == nullptr) return numbers;
  for (const Json& element : *value) {
    const double number = element.is_number() ? element.get<double>() : NAN;
    if (!std::isfinite(number)) {
      return error(ErrorCode::kCorrupt, "{}: \"{}\" has the element {}; finite numbers are expected", source_, key,
                   write_json(element));
    }
    numbers.push_back(number);
  }
  return numbers;
}

Result<std::vector<std::int64_t>> ConfigReader::integers(std::string_view key, std::int64_t least,
                                                         std::int64_t most) const {
  GALAGO_TRY(const std::vector<double> values, numbers(key));
  std::vector<std::int64_t> integers;
  for (const double value : values) {
    if (value != std::floor(value) || value < static_cast<double>(least) || value > static_cast<double>(most)) {
      return error(ErrorCode::kCorrupt, "{}: \"{}\" has the element {}; integers of {} to {} are expected", source_,
                   key, value, least, most);
    }
    integers.push_back(static_cast<std::int64_t>(value));
  }
  return integers;
}

Result<std::vector<std::string>> ConfigReader::strings(std::string_view key) const {
  GALAGO_TRY(const Json* const value, list(key));
  std::vector<std::string> strings;
  if (value == nullptr) return strings;
  for (const Json& element : *value) {
    if (!element.is_string()) {
      return error(ErrorCode::kCorrupt, "{}: \"{}\" has the element {}; texts are expected", source_, key,
                   write_json(element));
    }
    strings.push_back(element.get<std::string>());
  }
  return strings;
}

Result<ConfigReader> ConfigReader::object(std::string_view key) const {
  GALAGO_TRY(std::optional<ConfigReader> found, optional_object(key));
  if (found) return *std::move(found);
  return error(ErrorCode::kCorrupt, "{}: the configuration lacks \"{}\"", source_, key);
}

Result<std::optional<ConfigReader>> ConfigReader::optional_object(std::string_view key) const {
  const Json* value = find(config_, key);
  if (value == nullptr) return std::optional<ConfigReader>();
  if (!value->is_object()) {
    return error(ErrorCode::kCorrupt, "{}: \"{}\" is {}; an object is expected", source_, key, value->type_name());
  }
  return std::optional(ConfigReader(*value, fmt::format("{} ({})", source_, key)));
}

}  // namespace galago::models
