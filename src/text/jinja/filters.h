// Shared by the filters: attribute paths and lazy results.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "text/jinja/builtins.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

// A path such as "function.name" or 0: what map, sort, groupby and their kin take as `attribute`.
class AttributePath {
 public:
  static Result<AttributePath> parse(Runtime& runtime, const Value& attribute);
  // `fallback`, unless missing or none, replaces undefined values on the way.
  Result<Value> get(Runtime& runtime, const Value& item, const Value& fallback = Value()) const;
  bool empty() const { return parts_.empty(); }

 private:
  std::vector<Value> parts_;
};

// Lower case for texts, unless the filter was told to respect case.
Value fold_case(Runtime& runtime, const Value& value, bool case_sensitive);

// A generator: `compute` runs when the first element is asked for.
Value defer(Runtime& runtime, const Value& source, std::function<Result<std::vector<Value>>(Runtime&)> compute);

// The truth of an optional argument.
Result<bool> flag(Runtime& runtime, const Value& argument, bool fallback);
// A text argument; fails for other types.
Result<std::string> text_argument(Runtime& runtime, const Value& argument, std::string_view fallback,
                                  std::string_view what);

}  // namespace galago::text::jinja
