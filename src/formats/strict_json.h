// A JSON object parsed by simdjson, for headers that may be large and must not repeat a key.
#pragma once

#include <simdjson.h>

#include <string_view>

#include "galago/result.h"

namespace galago::formats {

class StrictJson {
 public:
  // `text` must be one object; `source` names it in errors and must outlive this.
  Status parse(std::string_view text, std::string_view source);

  simdjson::dom::object root() const { return root_; }
  // `value` as an object without repeated keys; `name` is what it belongs to.
  Result<simdjson::dom::object> object(simdjson::dom::element value, std::string_view name) const;

  static std::string_view type_name(simdjson::dom::element value);

 private:
  Status refuse_repeated_keys(simdjson::dom::object object, std::string_view name) const;

  std::string_view source_;
  simdjson::dom::parser parser_;  // owns what root_ points to
  simdjson::dom::object root_;
};

}  // namespace galago::formats
