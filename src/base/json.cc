#include "base/json.h"

#include <cmath>

#include "base/error.h"

namespace galago {
namespace {

constexpr int kMaxDepth = 256;

// Depth of the deepest bracket outside strings: nlohmann's parser has no limit of its own.
int nesting_depth(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return deepest;
}

Error wrong_type(std::string_view source, std::string_view key, const Json& found, std::string_view expected) {
  return error(ErrorCode::kCorrupt, "{}: \"{}\" is {} where {} is expected", source, key, found.type_name(), expected);
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view source) {
  if (const int depth = nesting_depth(text); depth > kMaxDepth) {
    return error(ErrorCode::kOutOfRange, "{}: JSON nested {} deep; at most {} levels are read", source, depth,
                 kMaxDepth);
  }
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return error(ErrorCode::kCorrupt, "{}: is not valid JSON", source);
  return value;
}

std::string write_json(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

const Json* find(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return nullptr;
  return &*found;
}

Result<std::int64_t> get_int(const Json& object, std::string_view key, std::int64_t fallback, std::string_view source) {
  const Json* value = find(object, key);
  if (value == nullptr) return fallback;
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > std::uint64_t{INT64_MAX}) {
    return error(ErrorCode::kOutOfRange, "{}: \"{}\" is {}, which is too large", source, key,
                 value->get<std::uint64_t>());
  }
  if (value->is_number_integer()) return value->get<std::int64_t>();
  if (value->is_number_float()) {
    const double number = value->get<double>();
    if (number == std::floor(number) && std::abs(number) < 9.0e15) return static_cast<std::int64_t>(number);
  }
  return wrong_type(source, key, *value, "an integer");
}

Result<double> get_number(const Json& object, std::string_view key, double fallback, std::string_view source) {
  const Json* value = find(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_number()) return wrong_type(source, key, *value, "a number");
  return value->get<double>();
}

Result<bool> get_bool(const Json& object, std::string_view key, bool fallback, std::string_view source) {
  const Json* value = find(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) return wrong_type(source, key, *value, "true or false");
  return value->get<bool>();
}

Result<std::string> get_string(const Json& object, std::string_view key, std::string fallback,
                               std::string_view source) {
  const Json* value = find(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_string()) return wrong_type(source, key, *value, "a string");
  return value->get<std::string>();
}

}  // namespace galago
