#include "text/jinja/runtime.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "text/jinja/builtins.h"
#include "text/jinja/operations.h"
#include "text/unicode.h"

namespace galago::text::jinja {

namespace {
// JSON deeper than this is no conversation; parse_json() refuses it earlier.
constexpr int kMaxJsonDepth = kMaxValueDepth - 8;
}  // namespace

Runtime::Runtime(const Template& tree, const TemplateLimits& limits, const Clock& clock)
    : tree_(tree), limits_(limits), clock_(clock), constants_(static_cast<std::size_t>(tree.constants)) {
  budget_.steps = limits.max_steps;
  budget_.memory = limits.max_memory_bytes;
  budget_.max_string = limits.max_output_bytes;
}

Runtime::~Runtime() {
  for (const auto& object : namespaces_) object->clear();
  for (const auto& scope : scopes_) scope->clear();
}

void Runtime::set_variable(std::string name, Value value) {
  variables_.insert_or_assign(std::move(name), std::move(value));
}

Value Runtime::string(std::string text, bool markup) {
  return make<StringObject>(Kind::kString, std::move(text), markup);
}

Value Runtime::make_namespace() {
  namespaces_.push_back(make_ref<NamespaceObject>());
  return Value::object(Kind::kNamespace, namespaces_.back().get());
}

Status Runtime::step_bytes(std::int64_t bytes) {
  if (bytes > budget_.max_string || bytes > budget_.memory) {
    return limit("a text of {} bytes is over the limit of {} bytes", bytes,
                 std::min(budget_.max_string, budget_.memory));
  }
  return step(bytes / 64 + 1);
}

Status Runtime::check_size(std::size_t bytes) const {
  if (static_cast<std::int64_t>(bytes) <= budget_.max_string) return {};
  return limit("a text is longer than the limit of {} bytes", budget_.max_string);
}

Status Runtime::check_memory(std::int64_t bytes) const {
  if (bytes <= budget_.memory) return {};
  return limit("the template needs more than {} bytes of memory", limits_.max_memory_bytes);
}

Error Runtime::exceeded() const {
  if (budget_.too_deep) return limit("a value is nested deeper than {} levels", kMaxValueDepth);
  if (budget_.memory < 0) return limit("the template needs more than {} bytes of memory", limits_.max_memory_bytes);
  return limit("the template takes more than {} steps: does it loop for ever?", limits_.max_steps);
}

Result<Value> Runtime::from_json(const Json& json, int depth) {
  if (depth > kMaxJsonDepth) return limit("the input is nested deeper than {} levels", kMaxJsonDepth);
  switch (json.type()) {
    case Json::value_t::null: return Value::none();
    case Json::value_t::boolean: return Value::boolean(*json.get_ptr<const Json::boolean_t*>());
    case Json::value_t::number_integer: return Value::integer(*json.get_ptr<const Json::number_integer_t*>());
    case Json::value_t::number_unsigned: {
      const auto number = *json.get_ptr<const Json::number_unsigned_t*>();
      if (number > static_cast<std::uint64_t>(INT64_MAX))
        return unsupported(fmt::format("the integer {} has more than 64 bits", number));
      return Value::integer(static_cast<std::int64_t>(number));
    }
    case Json::value_t::number_float: return Value::number(*json.get_ptr<const Json::number_float_t*>());
    case Json::value_t::string: {
      const std::string& text = *json.get_ptr<const Json::string_t*>();
      if (const auto bad = find_invalid_utf8(text)) return fail("a text of the input is not UTF-8 at byte {}", *bad);
      return string(text);
    }
    case Json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const Json& item : json) {
        GALAGO_TRY(Value value, from_json(item, depth + 1));
        items.push_back(std::move(value));
      }
      return list(std::move(items));
    }
    case Json::value_t::object: {
      auto dict = make_ref<DictObject>();
      for (const auto& [key, item] : json.get_ref<const Json::object_t&>()) {
        if (const auto bad = find_invalid_utf8(key)) return fail("a key of the input is not UTF-8 at byte {}", *bad);
        GALAGO_TRY(Value value, from_json(item, depth + 1));
        dict->insert(string(key), value);
      }
      return Value::object(Kind::kDict, dict.get());
    }
    default: return unsupported("the input holds binary data");
  }
}

Result<Value> Runtime::call(const Value& callee, Arguments& arguments) {
  GALAGO_CHECK(step());
  const Depth depth(*this);
  GALAGO_CHECK(check_depth());
  if (callee.is(Kind::kCallable)) return callee.callable().call(*this, arguments);
  if (callee.is_undefined()) return fail("{}", callee.text());
  return fail("'{}' object is not callable", type_name(callee));
}

Result<Value> Runtime::call_filter(std::string_view name, const Value& value, Arguments& arguments) {
  GALAGO_CHECK(step());
  const Builtin* filter = find_in(filters(), name);
  if (filter == nullptr) return unsupported(not_supported("filter", name));
  const Depth depth(*this);
  GALAGO_CHECK(check_depth());
  return call_builtin(*this, *filter, value, arguments);
}

Result<bool> Runtime::call_test(std::string_view name, const Value& value, Arguments& arguments) {
  GALAGO_CHECK(step());
  const Builtin* test = find_in(tests(), name);
  if (test == nullptr) return unsupported(not_supported("test", name));
  GALAGO_TRY(const Value holds, call_builtin(*this, *test, value, arguments));
  return holds.as_bool();
}

}  // namespace galago::text::jinja
