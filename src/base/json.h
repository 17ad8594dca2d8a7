// JSON without exceptions: parsing, typed look-ups that name the file and the key, and writing.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "galago/result.h"

namespace galago {

// Keeps the order of keys, as Python's dicts and chat templates do. Use find()/get_*() below, never at() or get<T>(),
// which throw.
using Json = nlohmann::ordered_json;

// Parses one document. `source` names it in errors. Fails on malformed text and beyond 256 levels of nesting.
Result<Json> parse_json(std::string_view text, std::string_view source);

// One line unless `indent` >= 0. Bytes that are not UTF-8 are replaced by U+FFFD.
std::string write_json(const Json& value, int indent = -1);

// The member `key` of an object, or nullptr when `object` is none, lacks it, or holds null there.
const Json* find(const Json& object, std::string_view key);

// Members of an object by key: the fallback when absent or null, an error when of another type or out of range.
// `source` names the document in the error.
Result<std::int64_t> get_int(const Json& object, std::string_view key, std::int64_t fallback, std::string_view source);
Result<double> get_number(const Json& object, std::string_view key, double fallback, std::string_view source);
Result<bool> get_bool(const Json& object, std::string_view key, bool fallback, std::string_view source);
Result<std::string> get_string(const Json& object, std::string_view key, std::string fallback, std::string_view source);

}  // namespace galago
