// The tables of methods that values have.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

#include "text/jinja/objects.h"

namespace galago::text::jinja {

struct MethodSpec {
  std::string_view name;
  Result<Value> (*apply)(Runtime& runtime, const Value& self, std::span<Value> arguments) = nullptr;
  std::string_view parameters = {};
  int required = 0;
  bool keywords = false;  // the parameters may be given by name
  Result<Value> (*raw)(Runtime& runtime, const Value& self, Arguments& arguments) = nullptr;
};

std::span<const MethodSpec> text_methods();
std::span<const MethodSpec> text_search_methods();

}  // namespace galago::text::jinja
