// Typed reads from a simdjson document, with errors that name the place: "model.vocab: expected an object".
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace galago::text {

// A value and where it stands, as "tokenizer.json: pre_tokenizer.pretokenizers[0]".
struct JsonValue {
  simdjson::dom::element element;
  std::string place;

  Error wrong(std::string_view expected) const {
    return error(ErrorCode::kCorrupt, "{}: expected {}", place, expected);
  }
  // Nothing when this is no object, or the member is absent or null.
  std::optional<JsonValue> find(std::string_view key) const {
    simdjson::dom::element member;
    if (element.at_key(key).get(member) != simdjson::SUCCESS || member.is_null()) return std::nullopt;
    return JsonValue{member, place + (place.ends_with(' ') ? "" : ".") + std::string(key)};
  }
  JsonValue at(std::size_t index, simdjson::dom::element item) const {
    return {item, place + "[" + std::to_string(index) + "]"};
  }
  Result<std::string_view> string() const {
    std::string_view value;
    if (element.get(value) != simdjson::SUCCESS) return wrong("a string");
    return value;
  }
  Result<std::int64_t> integer() const {
    std::int64_t value = 0;
    if (element.get(value) != simdjson::SUCCESS) return wrong("an integer");
    return value;
  }
  Result<bool> boolean() const {
    bool value = false;
    if (element.get(value) != simdjson::SUCCESS) return wrong("true or false");
    return value;
  }
  Result<simdjson::dom::array> array() const {
    simdjson::dom::array value;
    if (element.get(value) != simdjson::SUCCESS) return wrong("an array");
    return value;
  }
  Result<simdjson::dom::object> object() const {
    simdjson::dom::object value;
    if (element.get(value) != simdjson::SUCCESS) return wrong("an object");
    return value;
  }
  // A member's value, or the fallback when it is absent or null.
  Result<bool> boolean(std::string_view key, bool fallback) const {
    const auto member = find(key);
    return member ? member->boolean() : Result<bool>(fallback);
  }
  Result<std::string_view> string(std::string_view key, std::string_view fallback) const {
    const auto member = find(key);
    return member ? member->string() : Result<std::string_view>(fallback);
  }
};

// Owns the parsed text; every JsonValue and string_view of it lives as long.
class JsonDocument {
 public:
  // `source` names the document in errors.
  static Result<JsonDocument> parse(std::string_view text, std::string_view source) {
    JsonDocument document;
    simdjson::dom::element root;
    const auto code = document.parser_.parse(text.data(), text.size(), true).get(root);
    if (code != simdjson::SUCCESS) {
      return error(ErrorCode::kCorrupt, "{}: not valid JSON: {}", source, simdjson::error_message(code));
    }
    document.source_ = source;
    return document;
  }
  JsonValue root() const { return {parser_.doc.root(), source_ + ": "}; }

 private:
  simdjson::dom::parser parser_;
  std::string source_;
};

}  // namespace galago::text
