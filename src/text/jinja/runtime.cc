#include "text/jinja/runtime.h"

#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "text/jinja/builtins.h"
#include "text/jinja/lexer.h"
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
  for (const auto& frame : frames_) frame->clear();
  for (const auto& loop : loops_) loop->clear();
}

void Runtime::set_variable(std::string name, Value value) {
  variables_.insert_or_assign(std::move(name), std::move(value));
}

Value Runtime::string(std::string text, bool markup) {
  return make<StringObject>(Kind::kString, std::move(text), markup);
}

Value Runtime::list(std::vector<Value> items) { return make<SequenceObject>(Kind::kList, std::move(items)); }

Value Runtime::tuple(std::vector<Value> items) { return make<SequenceObject>(Kind::kTuple, std::move(items)); }

Value Runtime::undefined(std::string message) { return make<UndefinedObject>(Kind::kUndefined, std::move(message)); }

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

Error Runtime::exceeded() const {
  if (budget_.too_deep) return limit("a value is nested deeper than {} levels", kMaxValueDepth);
  if (budget_.memory < 0) return limit("the template needs more than {} bytes of memory", limits_.max_memory_bytes);
  return limit("the template takes more than {} steps: does it loop for ever?", limits_.max_steps);
}

Error Runtime::locate(Error error) const { return template_error(error.code, tree_.name, line_, error.message); }

Result<Value> Runtime::from_json(const Json& json, int depth) {
  if (depth > kMaxJsonDepth) return limit("the input is nested deeper than {} levels", kMaxJsonDepth);
  switch (json.type()) {
    case Json::value_t::null: return Value::none();
    case Json::value_t::boolean: return Value::boolean(*json.get_ptr<const Json::boolean_t*>());
    case Json::value_t::number_integer: return Value::integer(*json.get_ptr<const Json::number_integer_t*>());
    case Json::value_t::number_unsigned: {
      const auto number = *json.get_ptr<const Json::number_unsigned_t*>();
      if (number > static_cast<std::uint64_t>(INT64_MAX))
        return unsupported("the integer {} has more than 64 bits", number);
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

Value Runtime::look_up(const std::string& name) {
  const auto it = variables_.find(name);
  if (it != variables_.end()) return it->second;
  Value value = find_global(*this, name);
  if (!value.is_missing()) variables_.emplace(name, value);
  return value;
}

Result<Value> Runtime::call(const Value& callee, Arguments& arguments) {
  GALAGO_CHECK(step());
  const Depth depth(*this);
  GALAGO_CHECK(check_depth());
  switch (callee.kind()) {
    case Kind::kCallable: return callee.callable().call(*this, arguments);
    case Kind::kUndefined: return fail("{}", callee.undefined().message());
    case Kind::kLoop: {
      const LoopObject& loop = callee.loop();
      if (loop.statement == nullptr) return fail("the loop must have the 'recursive' marker to be called recursively");
      if (arguments.positional.size() != 1 || !arguments.keyword.empty()) return fail("loop() takes one iterable");
      return call_loop(*loop.statement, loop.closure, arguments.positional[0], loop.level() + 1);
    }
    case Kind::kJoiner: {
      if (!arguments.positional.empty() || !arguments.keyword.empty()) return fail("a joiner takes no arguments");
      JoinerObject& joiner = callee.joiner();
      if (std::exchange(joiner.used, true)) return joiner.separator;
      return string("");
    }
    default: return fail("'{}' object is not callable", type_name(callee));
  }
}

Result<Value> Runtime::call_filter(std::string_view name, const Value& value, Arguments& arguments) {
  GALAGO_CHECK(step());
  const FilterSpec* filter = find_filter(name);
  if (filter == nullptr) return fail("no filter named '{}'", name);
  const Depth depth(*this);
  GALAGO_CHECK(check_depth());
  if (filter->raw != nullptr) return filter->raw(*this, value, arguments);
  GALAGO_TRY(auto bound, bind_parameters(*this, filter->name, arguments, filter->parameters, filter->required));
  return filter->apply(*this, value, bound);
}

Result<bool> Runtime::call_test(std::string_view name, const Value& value, Arguments& arguments) {
  GALAGO_CHECK(step());
  const TestSpec* test = find_test(name);
  if (test == nullptr) return fail("no test named '{}'", name);
  constexpr std::string_view kParameters = "other";
  GALAGO_TRY(auto bound,
             bind_parameters(*this, test->name, arguments, test->arguments != 0 ? kParameters : "", test->arguments));
  return test->apply(*this, value, bound);
}

}  // namespace galago::text::jinja
