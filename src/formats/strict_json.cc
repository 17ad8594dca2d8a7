#include "formats/strict_json.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "formats/quote.h"

namespace galago::formats {

Status StrictJson::parse(std::string_view text, std::string_view source) {
  source_ = source;
  const simdjson::padded_string padded(text);
  if (padded.data() == nullptr) {
    return error(ErrorCode::kOutOfMemory, "{}: no memory for its JSON of {} bytes", source, text.size());
  }
  simdjson::dom::element document;
  if (const auto code = parser_.parse(padded).get(document); code != simdjson::SUCCESS) {
    return error(ErrorCode::kCorrupt, "{}: its JSON is not valid: {}", source, simdjson::error_message(code));
  }
  GALAGO_TRY(root_, object(document, "the document"));
  return {};
}

Result<simdjson::dom::object> StrictJson::object(simdjson::dom::element value, std::string_view name) const {
  simdjson::dom::object found;
  if (value.get(found) != simdjson::SUCCESS) {
    return error(ErrorCode::kCorrupt, "{}: {} is {} where a JSON object is expected", source_, quote(name),
                 type_name(value));
  }
  GALAGO_CHECK(refuse_repeated_keys(found, name));
  return found;
}

Status StrictJson::refuse_repeated_keys(simdjson::dom::object object, std::string_view name) const {
  std::vector<std::string_view> keys;
  for (const auto member : object) keys.push_back(member.key);
  std::ranges::sort(keys);
  const auto twice = std::ranges::adjacent_find(keys);
  if (twice == keys.end()) return {};
  return error(ErrorCode::kCorrupt, "{}: {} has the key {} twice", source_, quote(name), quote(*twice));
}

std::string_view StrictJson::type_name(simdjson::dom::element value) {
  switch (value.type()) {
    case simdjson::dom::element_type::ARRAY: return "an array";
    case simdjson::dom::element_type::OBJECT: return "an object";
    case simdjson::dom::element_type::STRING: return "a string";
    case simdjson::dom::element_type::BOOL: return "a boolean";
    case simdjson::dom::element_type::NULL_VALUE: return "null";
    default: return "a number";
  }
}

}  // namespace galago::formats
