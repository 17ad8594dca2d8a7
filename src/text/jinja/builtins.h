// The tables of filters, tests and global functions.
#pragma once

#include <span>
#include <string_view>

#include "galago/result.h"
#include "text/jinja/objects.h"

namespace galago::text::jinja {

// A filter with named parameters gets them bound, missing where not given; one with `raw` gets the call's arguments.
struct FilterSpec {
  std::string_view name;
  Result<Value> (*apply)(Runtime& runtime, const Value& value, std::span<Value> arguments) = nullptr;
  std::string_view parameters = {};
  int required = 0;
  Result<Value> (*raw)(Runtime& runtime, const Value& value, Arguments& arguments) = nullptr;
};

struct TestSpec {
  std::string_view name;
  int arguments = 0;
  Result<bool> (*apply)(Runtime& runtime, const Value& value, std::span<Value> arguments) = nullptr;
};

const FilterSpec* find_filter(std::string_view name);
const TestSpec* find_test(std::string_view name);
// range, dict, namespace, ...: missing when there is none of that name.
Value find_global(Runtime& runtime, std::string_view name);

std::span<const FilterSpec> text_filters();
std::span<const FilterSpec> sequence_filters();
std::span<const FilterSpec> select_filters();
std::span<const FilterSpec> number_filters();

}  // namespace galago::text::jinja
