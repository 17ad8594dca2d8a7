// What Python's operators and built-in functions do with values. Each fails where Python raises.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "galago/result.h"
#include "text/jinja/ast.h"
#include "text/jinja/objects.h"
#include "text/jinja/value.h"

namespace galago::text::jinja {

class Runtime;

// print.cc
Status append_str(Runtime& runtime, const Value& value, std::string& out);
Status append_repr(Runtime& runtime, const Value& value, std::string& out);
Result<std::string> to_str(Runtime& runtime, const Value& value);
// Markup's escape(): the value as text with & < > " ' replaced.
Result<Value> escape(Runtime& runtime, const Value& value);

// compare.cc
bool truth(const Value& value);
// -1, 0, 1; 2 for NaN. Fails for values that have no order.
Result<int> order(Runtime& runtime, const Value& a, const Value& b, std::string_view op);
Result<bool> compare(Runtime& runtime, CompareOp op, const Value& a, const Value& b);
Result<bool> contains(Runtime& runtime, const Value& container, const Value& item);
Status check_hashable(Runtime& runtime, const Value& value);

// arithmetic.cc
Result<Value> binary(Runtime& runtime, ExprKind op, const Value& a, const Value& b);
Result<Value> negate(Runtime& runtime, const Value& value);
Result<Value> plus(Runtime& runtime, const Value& value);
// An integer from a bool or int; fails for all else.
Result<std::int64_t> expect_int(Runtime& runtime, const Value& value, std::string_view what);

// attribute.cc
Result<Value> get_attribute(Runtime& runtime, const Value& value, std::string_view name);
Result<Value> get_item(Runtime& runtime, const Value& value, const Value& key);
struct SliceBounds {
  Value start, stop, step;
};
Result<Value> get_slice(Runtime& runtime, const Value& value, const SliceBounds& bounds);

// iterate.cc
// The elements; an iterator is at its end after that.
Result<std::vector<Value>> to_vector(Runtime& runtime, const Value& value);
Result<std::int64_t> length(Runtime& runtime, const Value& value);
bool is_iterable(const Value& value);
// Sorted as by Python's sorted() with these keys. Stable.
Result<std::vector<Value>> sort_values(Runtime& runtime, std::vector<Value> values, const std::vector<Value>& keys,
                                       bool reverse);

// json_text.cc
struct JsonTextOptions {
  bool ensure_ascii = false;
  bool sort_keys = false;
  bool pretty = false;  // an indent was given
  std::string indent;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
Result<std::string> to_json_text(Runtime& runtime, const Value& value, const JsonTextOptions& options);

// methods.cc
// Where `needle` is at or after the byte `from`; npos when nowhere. Both are strings.
Result<std::size_t> find_text(Runtime& runtime, const Value& text, const Value& needle, std::size_t from);
Result<Value> call_method(Runtime& runtime, const Value& self, std::string_view name, std::vector<Value> arguments);

// strftime.cc
Result<std::string> format_time(Runtime& runtime, std::chrono::system_clock::time_point time, std::string_view format);

}  // namespace galago::text::jinja
