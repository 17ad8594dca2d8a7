// The tables of filters, tests, global functions and methods: all that a template can call besides its own macros.
// docs/chat-templates.md lists them with the reason why each is here; a test compares the two.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "galago/result.h"
#include "text/jinja/objects.h"

namespace galago::text::jinja {

// One with named parameters gets them bound, missing where not given; one with `raw` gets the call's arguments.
struct Builtin {
  std::string_view name;
  Result<Value> (*apply)(Runtime& runtime, const Value& self, std::span<Value> arguments) = nullptr;
  std::string_view parameters = {};  // "width first blank"
  std::size_t required = 0;
  bool keywords = true;  // the parameters may be given by name
  Result<Value> (*raw)(Runtime& runtime, const Value& self, Arguments& arguments) = nullptr;
};

std::span<const Builtin> filters();
std::span<const Builtin> tests();
std::span<const Builtin> globals();
std::span<const Builtin> methods(Kind kind);
const Builtin* find_in(std::span<const Builtin> table, std::string_view name);

// What jinja2 and Python have and this interpreter has not: reading it must not look like an undefined value.
bool is_left_out(Kind kind, std::string_view attribute);
bool is_left_out_global(std::string_view name);
// "the filter 'xmlattr' is not supported here"
std::string not_supported(std::string_view what, std::string_view name);

// The builtin bound to `self`, as a value that can be called.
Value bind(Runtime& runtime, const Builtin& builtin, const Value& self);
Result<Value> call_builtin(Runtime& runtime, const Builtin& builtin, const Value& self, Arguments& arguments);

}  // namespace galago::text::jinja
