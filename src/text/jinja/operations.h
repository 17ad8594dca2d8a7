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
std::string repr_string(std::string_view text);
// ascii(): what is not ASCII as escapes.
std::string escape_non_ascii(std::string_view text);
// Markup's escape(): the value as text with & < > " ' replaced.
Result<Value> escape(Runtime& runtime, const Value& value);

// compare.cc
Result<bool> truth(Runtime& runtime, const Value& value);
// -1, 0, 1; 2 for NaN. Fails for values that have no order.
Result<int> order(Runtime& runtime, const Value& a, const Value& b, std::string_view op);
Result<bool> compare(Runtime& runtime, CompareOp op, const Value& a, const Value& b);
Result<bool> contains(Runtime& runtime, const Value& container, const Value& item);
Status check_hashable(Runtime& runtime, const Value& value);

// arithmetic.cc
Result<Value> add(Runtime& runtime, const Value& a, const Value& b);
Result<Value> binary(Runtime& runtime, ExprKind op, const Value& a, const Value& b);
Result<Value> negate(Runtime& runtime, const Value& value);
Result<Value> plus(Runtime& runtime, const Value& value);
// An integer from a bool or int; fails for all else.
Result<std::int64_t> expect_int(Runtime& runtime, const Value& value, std::string_view what);
// round(value, digits), digits missing: to an integer.
Result<Value> round_number(Runtime& runtime, const Value& value, const Value& digits);

// attribute.cc
Result<Value> get_attribute(Runtime& runtime, const Value& value, std::string_view name);
Result<Value> get_item(Runtime& runtime, const Value& value, const Value& key);
// Without falling back on items: undefined where the value has no such attribute.
Result<Value> get_attribute_only(Runtime& runtime, const Value& value, std::string_view name);
struct SliceBounds {
  Value start, stop, step;
};
Result<Value> get_slice(Runtime& runtime, const Value& value, const SliceBounds& bounds);

// iterate.cc
Result<Ref<IteratorObject>> iterate(Runtime& runtime, const Value& value);
Result<std::vector<Value>> to_vector(Runtime& runtime, const Value& value);
Result<std::int64_t> length(Runtime& runtime, const Value& value);
bool is_iterable(const Value& value);
bool has_length(const Value& value);
// An iterator over elements that are already there.
Value iterator_over(Runtime& runtime, std::vector<Value> items);
Result<Value> reversed(Runtime& runtime, const Value& value);

// percent_format.cc, brace_format.cc: "..." % value and "...".format(...).
Result<Value> percent_format(Runtime& runtime, const Value& format, const Value& arguments);
Result<Value> brace_format(Runtime& runtime, const Value& format, const Arguments& arguments, bool is_map);
// format(value, spec)
Result<std::string> format_value(Runtime& runtime, const Value& value, std::string_view spec);

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

// methods_*.cc: the method `name` of a value, bound to it; missing when there is none.
Value find_method(Runtime& runtime, const Value& value, std::string_view name);
// str.replace(); a limit below 0 is none.
Result<Value> replace_text(Runtime& runtime, const Value& text, const Value& old_text, const Value& new_text,
                           std::int64_t limit);

// strftime.cc
std::string format_time(std::chrono::system_clock::time_point time, std::string_view format);

// binding.cc: the arguments of a call by the names of its parameters ("width first blank"), missing where not given.
Result<std::vector<Value>> bind_parameters(Runtime& runtime, std::string_view function, Arguments& arguments,
                                           std::string_view parameters, int required);

// Sorted as by Python's sorted() with these keys. Stable.
Result<std::vector<Value>> sort_values(Runtime& runtime, std::vector<Value> values, std::vector<Value> keys,
                                       bool reverse);

}  // namespace galago::text::jinja
